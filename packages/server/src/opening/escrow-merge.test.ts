import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import type { EscrowEntry } from '../engine/escrow/escrow.ts';
import { FileEscrowJournal } from '../engine/escrow/escrow-journal.ts';
import { createKeyFile, LocalKeySeal } from '../seal/local-key.ts';
import { openMemoryStore } from '../store/testing.ts';
import { mergeEscrowJournals } from './escrow-merge.ts';

const entry = (versionId: string, at: number): EscrowEntry => ({
  secretId: 'one',
  secretName: 'shop/database',
  secretArn: 'arn:aws:secretsmanager:us-east-1:000000000000:secret:shop/database-AbCdEf',
  versionId,
  rotationNumber: at,
  text: `value of ${versionId}`,
  at,
});

it('the escrow journals of several servers become one that holds the entries of all, and stay as they are', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'rekey-escrow-merge-'));
  try {
    const store = await openMemoryStore();
    createKeyFile(join(folder, 'key'));
    const seal = new LocalKeySeal(join(folder, 'key'));
    const wrapped = await store.keyring.wrap(seal);
    const open = (name: string) =>
      FileEscrowJournal.open({ paths: [join(folder, name)], keyring: store.keyring, wrapped, seal });
    for (const [name, ...entries] of [
      ['a', entry('first', 1), entry('third', 3)],
      ['b', entry('second', 2)],
      ['c', entry('third', 3), entry('fourth', 4)],
    ] as const) {
      const journal = await open(name);
      for (const kept of entries) await journal.append(kept);
      await journal.close();
    }
    const before = await readFile(join(folder, 'b'));
    const [into, journals] = [join(folder, 'merged'), ['a', 'b', 'c'].map((name) => join(folder, name))];
    await mergeEscrowJournals({ into, journals: journals as [string, ...string[]], store, seal });
    const merged = await open('merged');
    const found: string[] = [];
    for await (const { versionId, text } of merged.entries()) found.push(`${versionId}: ${text}`);
    await merged.close();
    assert.deepEqual(
      new Set(found),
      new Set(['first', 'second', 'third', 'fourth'].map((id) => `${id}: value of ${id}`)),
    );
    assert.deepEqual(await readFile(join(folder, 'b')), before);
    assert.equal((await stat(into)).mode & 0o777, 0o600);
    await assert.rejects(stat(`${into}.merging`), { code: 'ENOENT' });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
