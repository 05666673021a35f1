import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RekeyError } from '@rekey/core';
import { putSecret } from '../engine/house.testing.ts';
import { MemoryDriver } from '../store/memory.ts';
import { openMemoryStore } from '../store/testing.ts';
import { SecretChanges } from './secret-change.ts';

async function open() {
  const driver = new MemoryDriver();
  const store = await openMemoryStore({ driver });
  const id = await putSecret(store, 0, { name: 'a', value: 'v' });
  const type = async () => (await store.get('secret', id))!.record.type;
  return { store, id, type, changes: new SecretChanges(store) };
}

test('a crowd of changes to one secret are made one after the other, and none is lost', async () => {
  const { changes, id, type } = await open();
  const append = (letter: string) =>
    changes.change(id, (secret) => ({ secret: { ...secret, type: `${secret.type ?? ''}${letter}` }, answer: letter }));
  const letters = Array.from({ length: 100 }, (_, index) => String.fromCharCode(0x100 + index));
  assert.deepEqual(await Promise.all(letters.map(append)), letters);
  assert.equal(await type(), letters.join(''));
});

test('a change that another server was faster than is decided anew on what that one wrote', async () => {
  const { changes, store, id, type } = await open();
  let decided = 0;
  await changes.change(id, async (secret) => {
    decided += 1;
    if (decided <= 3) {
      const other = { ...secret, type: `${secret.type ?? ''}x` };
      await store.commit([{ collection: 'secret', id, record: other }]);
    }
    return { secret: { ...secret, type: `${secret.type ?? ''}y` }, answer: null };
  });
  assert.deepEqual([decided, await type()], [4, 'xxxy']);
});

test('others that never stop writing end in a conflict that may be tried again, not in a loop', async () => {
  const { changes, store, id } = await open();
  const decide = changes.change(id, async (secret) => {
    await store.commit([{ collection: 'secret', id, record: { ...secret, type: 'x' } }]);
    return { secret: { ...secret, type: 'y' }, answer: null };
  });
  await assert.rejects(decide, (error) => error instanceof RekeyError && error.code === 'conflict' && error.retryable);
});

test('a refusal leaves the way free for the next, and an unchanged secret is not written', async () => {
  const { changes, store, id } = await open();
  const before = await store.get('secret', id);
  const refused = changes.change(id, () => {
    throw new RekeyError('invalid-state', 'no');
  });
  const next = changes.change(id, (secret) => ({ secret, answer: 'unchanged' }));
  await assert.rejects(refused, RekeyError);
  assert.equal(await next, 'unchanged');
  assert.equal((await store.get('secret', id))!.revision, before!.revision);
});
