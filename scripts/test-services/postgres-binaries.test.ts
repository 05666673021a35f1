import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmod, chown, cp, lstat, mkdir, mkdtemp, readdir, rm, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { available, prepareEmbedded, rootOf } from './postgres-binaries.ts';
import { type Account, unprivilegedAccount } from './unprivileged-account.ts';

const embedded = available('embedded');

describe('embedded PostgreSQL binaries', { skip: embedded.available ? false : embedded.why }, () => {
  const account = unprivilegedAccount();
  let folder: string;
  let scratch: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rekey-binaries-test-'));
    await chmod(folder, 0o711);
    scratch = join(folder, 'scratch');
    await mkdir(scratch);
    if (account) await chown(scratch, account.userId, account.groupId);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  test('run where install scripts were switched off, because missing library links are made', async () => {
    const clone = join(folder, 'without-links');
    await cp(rootOf('embedded'), clone, { recursive: true, verbatimSymlinks: true });
    await removeLinks(join(clone, 'lib'));
    assert.notEqual(versionAs(account, clone).status, 0, 'nothing starts without the links');

    assert.equal(await prepareEmbedded(clone, account, scratch), clone);

    assert.match(versionAs(account, clone).stdout, /PostgreSQL.* 18/);
  });

  test('run from a copy when the clone is closed to the account they run as', { skip: account === null }, async () => {
    const closed = join(folder, 'closed');
    await mkdir(closed, { mode: 0o700 });
    const clone = join(closed, 'native');
    await cp(rootOf('embedded'), clone, { recursive: true, verbatimSymlinks: true });
    await removeLinks(join(clone, 'lib'));

    const copy = await prepareEmbedded(clone, account, scratch);

    assert.equal(copy, join(scratch, 'binaries'));
    assert.match(versionAs(account, copy).stdout, /PostgreSQL.* 18/);
  });
});

async function removeLinks(lib: string): Promise<void> {
  for (const name of await readdir(lib)) {
    if ((await lstat(join(lib, name))).isSymbolicLink()) await unlink(join(lib, name));
  }
}

/** initdb needs the linked libraries, unlike the server itself. */
function versionAs(account: Account | null, root: string): { status: number | null; stdout: string } {
  return spawnSync(join(root, 'bin', 'initdb'), ['--version'], {
    cwd: '/',
    encoding: 'utf8',
    ...(account ? { uid: account.userId, gid: account.groupId } : {}),
  });
}
