import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { processStart } from './process-identity.ts';
import { findOrphans, openSandbox } from './sandbox.ts';

const PREFIX = 'rekey-sandbox-';

describe('a sandbox', () => {
  let parent: string;
  const children: ChildProcess[] = [];
  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'rekey-sandboxes-'));
  });
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    await rm(parent, { recursive: true, force: true });
  });

  /** A process that lives until it is ended and has the words in its command line. */
  async function startProcess(...words: string[]): Promise<number> {
    const child = spawn(process.execPath, ['-e', 'console.log(1); setInterval(() => {}, 1000)', ...words], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    children.push(child);
    await once(child.stdout!, 'data');
    return child.pid!;
  }

  /** A folder as a process leaves it that was killed together with its watcher. */
  async function leaveOrphan(processes: Readonly<Record<string, string>>): Promise<string> {
    const gone = spawnSync('/bin/sh', ['-c', 'exit 0']);
    const folder = await mkdtemp(join(parent, PREFIX));
    await writeFile(join(folder, 'owner.json'), JSON.stringify({ processId: gone.pid, start: '1' }));
    await mkdir(join(folder, 'processes'));
    for (const [name, content] of Object.entries(processes)) await writeFile(join(folder, 'processes', name), content);
    return folder;
  }

  test('is gone after it was closed', async () => {
    const sandbox = await openSandbox({ prefix: PREFIX, parent });
    await writeFile(join(sandbox.folder, 'file'), '');
    await sandbox.close();
    assert.ok(!existsSync(sandbox.folder));
  });

  test('whose owner lives is no orphan', async () => {
    const sandbox = await openSandbox({ prefix: PREFIX, parent });
    assert.deepEqual(findOrphans(parent, PREFIX), []);
    await sandbox.close();
  });

  test('whose owner is gone is swept by the next one, but a process that does not name it is a stranger', async () => {
    const orphan = await leaveOrphan({});
    const ours = await startProcess(orphan);
    const stranger = await startProcess('/somewhere/else');
    await writeFile(join(orphan, 'processes', 'ours'), `TERM ${ours}\n`);
    await writeFile(join(orphan, 'processes', 'stranger'), `TERM ${stranger}\n`);

    const next = await openSandbox({ prefix: PREFIX, parent });

    assert.ok(!existsSync(orphan));
    assert.equal(processStart(ours), null);
    assert.notEqual(processStart(stranger), null);
    await next.close();
  });

  test('the process id of whose owner was handed out again is an orphan all the same', async () => {
    const orphan = await mkdtemp(join(parent, PREFIX));
    await writeFile(join(orphan, 'owner.json'), JSON.stringify({ processId: process.pid, start: 'another start' }));
    assert.deepEqual(findOrphans(parent, PREFIX), [orphan]);
  });

  test('a folder without an owner is left alone', async () => {
    await mkdir(join(parent, `${PREFIX}without`));
    assert.deepEqual(findOrphans(parent, PREFIX), []);
  });
});
