import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { storeDriverConformance } from './conformance.ts';
import type { ListQuery } from './driver.ts';
import { openSqliteDriver } from './sqlite.ts';

storeDriverConformance('sqlite', {
  open: async (folder) => openSqliteDriver({ file: join(folder, 'store.db'), create: true }),
  openBackup: async (file) => openSqliteDriver({ file, create: false, readOnly: true }),
});

/** The place a test works in, removed behind it. */
async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'rekey-sqlite-'));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

describe('lists of the sqlite driver', () => {
  const shapes: Omit<ListQuery, 'collection' | 'index' | 'limit'>[] = [
    {},
    { until: '5' },
    { from: '3', until: '5' },
    { after: { value: '3', id: 'x' } },
    { after: { value: '3', id: 'x' }, until: '5', descending: true },
    { descending: true },
  ];

  it('seek their first record and read in order: no scan, no sorting, whatever the bounds', () =>
    inFolder(async (folder) => {
      const driver = openSqliteDriver({ file: join(folder, 'store.db'), create: true });
      for (const shape of shapes) {
        for (const index of ['planned', null]) {
          const plan = driver.plan({ collection: 'secret', index, limit: 10, ...shape }).join('\n');
          assert.doesNotMatch(plan, /SCAN|TEMP B-TREE/);
          assert.match(
            plan,
            index === null ? /^SEARCH record/ : /^SEARCH entry USING PRIMARY KEY \(collection=\? AND name=\?/,
          );
        }
      }
      await driver.close();
    }));
});

describe('the writer of the sqlite driver', () => {
  it('never makes a read wait, and answers many commits with few fsyncs', () =>
    inFolder(async (folder) => {
      const driver = openSqliteDriver({ file: join(folder, 'store.db'), create: true });
      let done = 0;
      const body = new Uint8Array(200_000);
      const commits = Array.from({ length: 40 }, async (_, at) => {
        await driver.commit({ writes: [{ collection: 'a', id: String(at), body }] });
        done += 1;
      });
      assert.equal(await driver.get('a', 'absent'), null);
      assert.equal(done, 0);
      await Promise.all(commits);
      await driver.close();
    }));

  it('loses no acknowledged commit when the process is killed, and leaves the file sound', () =>
    inFolder(async (folder) => {
      const file = join(folder, 'store.db');
      for (let round = 0; round < 4; round += 1) {
        const acknowledged = await writeUntilKilled(file, String(round), 30 + round * 40);
        const driver = openSqliteDriver({ file, create: false });
        for (const id of acknowledged) {
          const [one, two] = [await driver.get('a', id), await driver.get('b', id)];
          assert.ok(one !== null && one.revision === two?.revision, `${id} is there in both collections`);
        }
        assert.equal(await driver.count('a'), await driver.count('b'));
        assert.deepEqual(await driver.check(), []);
        await driver.close();
      }
    }));
});

/** Commits in a process of its own, eight at a time, until so many are acknowledged; then `kill -9`. */
async function writeUntilKilled(file: string, prefix: string, acknowledgements: number): Promise<readonly string[]> {
  const program = `${file}.writing.mjs`;
  await writeFile(
    program,
    `import { writeSync } from 'node:fs';
     import { openSqliteDriver } from ${JSON.stringify(new URL('./sqlite.ts', import.meta.url).href)};
     const [file, prefix] = process.argv.slice(2);
     const driver = openSqliteDriver({ file, create: true });
     let next = 0;
     const write = async () => {
       for (;;) {
         const id = prefix + '-' + next++;
         const both = ['a', 'b'].map((collection) => ({ collection, id, body: Buffer.alloc(2000, id), index: { by: id } }));
         const { committed } = await driver.commit({ writes: both });
         if (committed) writeSync(1, id + '\\n');
       }
     };
     for (let at = 0; at < 8; at += 1) write();`,
  );
  const child = spawn(process.execPath, ['--conditions=source', program, file, prefix], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    if (output.split('\n').length > acknowledgements) child.kill('SIGKILL');
  });
  await new Promise((resolve) => child.once('close', resolve));
  const lines = output.split('\n').slice(0, -1);
  assert.ok(lines.length >= acknowledgements);
  return lines;
}
