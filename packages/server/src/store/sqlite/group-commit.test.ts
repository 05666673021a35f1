import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { openForWriting } from './connection.ts';
import { GroupCommit } from './group-commit.ts';
import type { Job } from './ledger.ts';
import { prepareFile } from './store-file.ts';

const FULL = 2;
const NORMAL = 1;

const CLAIM: Job = { kind: 'claim', request: { key: 'a', holder: 'me', now: 0, milliseconds: 10 } };

function commitOf(id: string): Job {
  const writes = [{ collection: 'a', id, body: new Uint8Array(8) }];
  return { kind: 'commit', batch: { writes, checks: [], fences: [] } };
}

it('waits for the disk with every commit, and not with claims alone', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'rekey-group-'));
  const file = join(folder, 'store.db');
  prepareFile(file, true, null);
  const db = openForWriting(file, null);
  const synchronous = () => (db.prepare('PRAGMA synchronous').get() as { synchronous: number }).synchronous;
  try {
    const group = new GroupCommit(db, file);
    const played: readonly (readonly [jobs: readonly Job[], expected: number])[] = [
      [[commitOf('1')], FULL],
      [[CLAIM], NORMAL],
      [[CLAIM, commitOf('2')], FULL],
      [[CLAIM, CLAIM], NORMAL],
      [[commitOf('3'), CLAIM], FULL],
    ];
    for (const [jobs, expected] of played) {
      for (const outcome of group.perform(jobs)) assert.ok('result' in outcome && outcome.result !== null);
      assert.equal(synchronous(), expected);
    }
  } finally {
    db.close();
    await rm(folder, { recursive: true, force: true });
  }
});
