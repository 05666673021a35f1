import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Checkpoint } from '../audit/checkpoint.ts';
import { openMemoryStore } from '../store/testing.ts';
import { chainsIn, knownChains, otherHeads } from './audit-heads.ts';

const head = (sequence: number): Checkpoint => ({
  sequence,
  hash: `hash ${sequence}`,
  time: sequence,
  key: 'key',
  signature: 'signature',
});

test('each server keeps the heads of the others with its own', async () => {
  const store = await openMemoryStore({ now: () => 0 });
  const keep = async (id: string, sequence: number) => {
    const own = `audit-head/${id}`;
    const record = { ...head(sequence), others: await otherHeads(store, own) };
    await store.commit([{ collection: 'setting', id: own, record }]);
  };
  await store.commit([{ collection: 'setting', id: 'audit-head', record: { ...head(9) } }]);
  await keep('a', 1);
  await keep('b', 2);
  await keep('a', 3);
  assert.deepEqual(await knownChains(store), [
    { serverId: 'a', checkpoint: head(3), removed: false },
    { serverId: 'b', checkpoint: head(2), removed: false },
  ]);
  await store.commit([{ collection: 'setting', id: 'audit-head/b', record: null }]);
  assert.deepEqual(await knownChains(store), [
    { serverId: 'a', checkpoint: head(3), removed: false },
    { serverId: 'b', checkpoint: head(2), removed: true },
  ]);
});

test('a head that was put back to an earlier one is known by what others saw', () => {
  const heads = new Map([
    ['a', { ...head(1) }],
    ['b', { ...head(5), others: { a: head(7) } }],
  ]);
  assert.deepEqual(
    chainsIn(heads).map(({ serverId, checkpoint }) => [serverId, checkpoint.sequence]),
    [
      ['a', 7],
      ['b', 5],
    ],
  );
});
