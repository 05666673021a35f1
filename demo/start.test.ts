import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { available } from '../scripts/test-services/postgres.ts';
import { findProcesses } from '../scripts/test-services/process-identity.ts';
import { countMishaps } from './chaos.ts';
import type { Summary } from './summary.ts';

const START = fileURLToPath(new URL('start.js', import.meta.url));
const embedded = available('embedded');

describe('npm start', { skip: embedded.available ? false : embedded.why }, () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rekey-start-test-'));
    await chmod(folder, 0o711);
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  function start(...words: string[]) {
    const child = spawn(process.execPath, [START, ...words], {
      env: { ...process.env, TMPDIR: folder },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const printed = { out: '', err: '' };
    child.stdout.on('data', (chunk) => {
      printed.out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      printed.err += chunk;
    });
    return { child, printed, ended: once(child, 'close') };
  }

  async function until(holds: () => boolean | Promise<boolean>, child: ChildProcess, what: string): Promise<void> {
    const deadline = Date.now() + 180_000;
    while (!(await holds())) {
      assert.ok(Date.now() < deadline && child.exitCode === null, what);
      await delay(20);
    }
  }

  async function assertNothingLeft(): Promise<void> {
    assert.deepEqual(await readdir(folder), [], 'no file is left');
    assert.deepEqual(findProcesses(folder), [], 'no process is left');
  }

  for (const strategy of ['alternating-users', 'single-user']) {
    test(`rotates by ${strategy} under load without one failed query, and leaves nothing behind`, async () => {
      const words = ['--every', '3s', '--overlap', '1s', '--json', '--strategy', strategy];
      const { printed, child, ended } = start(...words);
      await until(() => /^rotation #2 done/m.test(printed.err), child, 'two rotations end');
      child.kill('SIGINT');
      await ended;

      const summary = JSON.parse(printed.out.trim().split('\n').at(-1)!) as Summary;
      assert.equal(summary.failedQueries, 0, printed.err);
      assert.equal(summary.unfinishedRotations, 0, printed.err);
      assert.ok(summary.rotations >= 2, printed.err);
      assert.ok(summary.queries > 0);
      assert.equal(summary.retiredCredentialsAccepted, 0);
      assert.ok(summary.oldestCredentialSeconds.max > 0);
      assert.equal(summary.switchWindowSeconds !== null, strategy === 'single-user');
      assert.equal(child.exitCode, 0);
      await assertNothingLeft();
    });
  }

  test('under chaos no query fails, everything recovers by itself, and nothing is left behind', async () => {
    const words = ['--for', '12s', '--every', '3s', '--overlap', '2s', '--json', '--chaos'];
    const { printed, child, ended } = start(...words);
    await ended;

    const summary = JSON.parse(printed.out.trim().split('\n').at(-1)!) as Summary;
    assert.equal(summary.failedQueries, 0, printed.err);
    assert.equal(summary.unfinishedRotations, 0, printed.err);
    assert.equal(summary.retiredCredentialsAccepted, 0);
    assert.ok(countMishaps(summary.mishaps!) >= 1, printed.err);
    assert.equal(child.exitCode, 0, printed.err);
    await assertNothingLeft();
  });

  test('Ctrl-C while it starts leaves no process and no file', async () => {
    const { child, ended } = start();
    await until(async () => (await readdir(folder)).length > 0, child, 'it begins');
    child.kill('SIGINT');
    await ended;
    assert.equal(child.exitCode, 130);
    await assertNothingLeft();
  });

  test('Ctrl-C while it runs sums up and leaves no process and no file', async () => {
    const { child, printed, ended } = start('--every', '2s', '--overlap', '1s');
    await until(() => printed.out.includes('rotation #1'), child, 'the first rotation is shown');
    child.kill('SIGINT');
    await ended;
    assert.match(printed.out, /queries, 0 failed/);
    assert.equal(child.exitCode, 0);
    await assertNothingLeft();
  });

  test('even killed it leaves no process and no file', async () => {
    const { child, printed, ended } = start('--every', '2s', '--overlap', '1s');
    await until(() => printed.out.includes('rotation #1'), child, 'the first rotation is shown');
    child.kill('SIGKILL');
    await ended;
    const deadline = Date.now() + 180_000;
    const isLeft = async () => (await readdir(folder)).length > 0 || findProcesses(folder).length > 0;
    while ((await isLeft()) && Date.now() < deadline) await delay(50);
    await assertNothingLeft();
  });

  test('wrong use is told in a sentence with exit code 2', async () => {
    const { child, printed, ended } = start('--strategy', 'two-keys');
    await ended;
    assert.equal(child.exitCode, 2);
    assert.match(printed.err, /^--strategy takes alternating-users or single-user/);
    await assertNothingLeft();
  });
});
