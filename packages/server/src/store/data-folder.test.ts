import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { RekeyError } from '@rekey/core';
import { createKeyFile, LocalKeySeal } from '../seal/local-key.ts';
import { keyFileOf, openSqliteStore, storeFileOf } from './data-folder.ts';
import { QUARANTINE, restoreBackup } from './restore.ts';
import type { Store } from './store.ts';

let base: string;
let dataDir: string;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'rekey-data-'));
  dataDir = join(base, 'data');
});
afterEach(() => rm(base, { recursive: true, force: true }));

const open = (options: { create?: boolean; readOnly?: boolean; key?: string; maximumBytes?: number } = {}) => {
  const { create = false, key = keyFileOf(dataDir), ...rest } = options;
  return openSqliteStore({ dataDir, seal: new LocalKeySeal(key), create, now: () => 1_000, ...rest });
};

const make = async () => (await open({ create: true })).close();

/** One sentence, with what it is about and what to do. */
const refusal =
  (reason: string, ...words: (string | RegExp)[]) =>
  (error: unknown) => {
    assert.ok(error instanceof RekeyError, String(error));
    assert.equal(error.reason, reason);
    for (const word of words)
      assert.ok(typeof word === 'string' ? error.message.includes(word) : word.test(error.message));
    assert.match(error.message, /^[A-Z][^\n]*[^.]\.$/);
    return true;
  };

const sameValue = async (store: Store, text: string) =>
  assert.deepEqual(await store.getValue('s1', 'v1'), { kind: 'text', text });
const putValue = (store: Store, text: string) =>
  store.commit([{ collection: 'value', id: 's1/v1', record: { kind: 'text', text } }]);

/** Lets the change feed take its turns. */
const settle = async () => {
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

describe('opening a data folder', () => {
  it('makes folder, store and key file for their owner only, and finds everything again', async () => {
    const store = await open({ create: true });
    await putValue(store, 'one');
    for (const file of [storeFileOf(dataDir), `${storeFileOf(dataDir)}-wal`, `${storeFileOf(dataDir)}-shm`]) {
      assert.equal(statSync(file).mode & 0o777, 0o600);
    }
    await store.close();
    assert.equal(statSync(dataDir).mode & 0o777, 0o700);
    assert.equal(statSync(keyFileOf(dataDir)).mode & 0o777, 0o600);
    const again = await open({ create: true });
    assert.equal(again.storeId, store.storeId);
    assert.equal(again.opaque('name', 'x'), store.opaque('name', 'x'));
    await sameValue(again, 'one');
    await again.close();
  });

  it('creates nothing unless told', async () => {
    await assert.rejects(open(), refusal('store-missing', dataDir, 'rekey init'));
    assert.equal(existsSync(dataDir), false);
  });

  it('refuses a missing key file of an existing store, also when told to create', async () => {
    await make();
    rmSync(keyFileOf(dataDir));
    await assert.rejects(open(), refusal('key-file-missing', keyFileOf(dataDir), /put it back/));
    await assert.rejects(open({ create: true }), refusal('key-file-missing'));
    assert.equal(existsSync(keyFileOf(dataDir)), false);
  });

  it('refuses a key file of another store, one that others may read, and one that is no key', async () => {
    await make();
    const other = join(base, 'other-key');
    createKeyFile(other);
    await assert.rejects(open({ key: other }), refusal('wrong-key', other));
    chmodSync(keyFileOf(dataDir), 0o640);
    await assert.rejects(open(), refusal('key-file-mode', '0640', 'chmod 600'));
    writeFileSync(other, 'secret', { mode: 0o600 });
    await assert.rejects(open({ key: other }), refusal('key-file-malformed', other));
  });

  it('uses a key file that was put there before the store was made', async () => {
    const key = join(base, 'mounted-key');
    createKeyFile(key);
    const before = readFileSync(key);
    await (await open({ create: true, key })).close();
    assert.deepEqual(readFileSync(key), before);
    await (await open({ key })).close();
  });

  it('refuses a store file of a newer rekey', async () => {
    await make();
    const db = new DatabaseSync(storeFileOf(dataDir));
    db.exec('PRAGMA user_version = 99');
    db.close();
    await assert.rejects(open(), refusal('store-newer', storeFileOf(dataDir), '99'));
  });

  it('leaves a file that is no store of ours as it is', async () => {
    await make();
    rmSync(storeFileOf(dataDir));
    const db = new DatabaseSync(storeFileOf(dataDir));
    db.exec('CREATE TABLE theirs (a)');
    db.close();
    const before = readFileSync(storeFileOf(dataDir));
    await assert.rejects(open({ create: true }), refusal('not-a-store', storeFileOf(dataDir)));
    assert.deepEqual(readFileSync(storeFileOf(dataDir)), before);
    writeFileSync(
      storeFileOf(dataDir),
      'This is not a database, and it is long enough to have a header of one. '.repeat(3),
    );
    await assert.rejects(open({ create: true }), refusal('store-damaged', storeFileOf(dataDir), 'restore a backup'));
  });

  it('finishes a store whose making was cut off', async () => {
    await make();
    const db = new DatabaseSync(storeFileOf(dataDir));
    db.exec(`DELETE FROM record WHERE collection = 'keyring'`);
    db.close();
    await assert.rejects(open(), refusal('store-missing', 'rekey init'));
    await (await open({ create: true })).close();
    await (await open()).close();
    writeFileSync(storeFileOf(dataDir), '');
    await assert.rejects(open(), refusal('store-missing', 'rekey init'));
    await (await open({ create: true })).close();
  });

  it('tells an altered keyring apart from a wrong key', async () => {
    await make();
    const db = new DatabaseSync(storeFileOf(dataDir));
    const { body } = db.prepare(`SELECT body FROM record WHERE collection = 'keyring'`).get() as { body: Uint8Array };
    const record = JSON.parse(Buffer.from(body).toString());
    const wrapped = Buffer.from(record.wrapped, 'base64');
    wrapped[40]! ^= 1;
    const altered = Buffer.from(JSON.stringify({ ...record, wrapped: wrapped.toString('base64') }));
    db.prepare(`UPDATE record SET body = ? WHERE collection = 'keyring'`).run(altered);
    db.close();
    await assert.rejects(open(), refusal('keyring-altered', 'restore a backup'));
  });

  it('holds no value, no name and no key in its files', async () => {
    const store = await open({ create: true });
    await putValue(store, 'correct horse battery staple');
    await store.commit([
      { collection: 'name', id: store.opaque('name', 'prod/payroll'), record: { secretId: 's1' } },
      { collection: 'setting', id: 'x', record: { name: 'prod/payroll' } },
    ]);
    await store.backup(join(base, 'backup'));
    const key = readFileSync(keyFileOf(dataDir), 'latin1').trim();
    for (const file of [storeFileOf(dataDir), `${storeFileOf(dataDir)}-wal`, join(base, 'backup')]) {
      const content = readFileSync(file);
      for (const word of ['correct horse', 'payroll', key, Buffer.from(key, 'hex')]) {
        assert.equal(content.includes(word), false);
      }
    }
    await store.close();
  });
});

describe('the lock of a data folder', () => {
  it('refuses a second server in the same process, and lets one in after the first has gone', async () => {
    const first = await open({ create: true });
    await assert.rejects(open(), refusal('folder-in-use', dataDir, '--data'));
    await putValue(first, 'still works');
    await first.close();
    await (await open()).close();
  });

  it('is given back when opening fails', async () => {
    await make();
    rmSync(keyFileOf(dataDir));
    await assert.rejects(open(), refusal('key-file-missing'));
    await assert.rejects(open(), refusal('key-file-missing'));
  });

  it('lets others read and back up while a server runs', async () => {
    const server = await open({ create: true });
    await putValue(server, 'one');
    const reader = await open({ readOnly: true });
    await sameValue(reader, 'one');
    await reader.backup(join(base, 'backup'));
    await assert.rejects(putValue(reader, 'two'), refusal('read-only'));
    await server.close();
    await reader.close();
  });

  it('lets a reader follow what the server commits', async (test) => {
    test.mock.timers.enable({ apis: ['setInterval'] });
    const server = await open({ create: true });
    await putValue(server, 'one');
    const reader = await open({ readOnly: true });
    await settle();
    await sameValue(reader, 'one');
    await putValue(server, 'two');
    await sameValue(reader, 'one');
    test.mock.timers.tick(1_000);
    await settle();
    await sameValue(reader, 'two');
    await reader.close();
    await server.close();
  });

  it('refuses another process, and is gone when that one was killed', async () => {
    await make();
    const holder = spawnHolder();
    try {
      await new Promise((resolve) => holder.stdout.once('data', resolve));
      await assert.rejects(open(), refusal('folder-in-use', dataDir));
      const reader = await open({ readOnly: true });
      await sameValue(reader, 'held');
      await reader.close();
    } finally {
      holder.kill('SIGKILL');
      await new Promise((resolve) => holder.once('exit', resolve));
    }
    const afterKill = await open({ readOnly: true });
    await sameValue(afterKill, 'held');
    await afterKill.close();
    const store = await open();
    await sameValue(store, 'held');
    await store.close();
  });
});

function spawnHolder() {
  const program = `
    import { openSqliteStore } from ${JSON.stringify(new URL('./data-folder.ts', import.meta.url).href)};
    import { LocalKeySeal } from ${JSON.stringify(new URL('../seal/local-key.ts', import.meta.url).href)};
    const [dataDir, key] = process.argv.slice(2);
    const store = await openSqliteStore({ dataDir, seal: new LocalKeySeal(key), create: false });
    await store.commit([{ collection: 'value', id: 's1/v1', record: { kind: 'text', text: 'held' } }]);
    process.stdout.write('held');
    setInterval(() => {}, 1000);`;
  const file = join(base, 'holder.mjs');
  writeFileSync(file, program);
  return spawn(process.execPath, ['--conditions=source', file, dataDir, keyFileOf(dataDir)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

describe('restoring a backup', () => {
  let backup: string;
  let key: string;

  beforeEach(async () => {
    backup = join(base, 'backup');
    const store = await open({ create: true });
    key = keyFileOf(dataDir);
    await putValue(store, 'as backed up');
    await store.backup(backup);
    await putValue(store, 'later');
    await store.close();
  });

  const restore = (folder: string, keyFile = key) =>
    restoreBackup({ backup, dataDir: folder, seal: new LocalKeySeal(keyFile), now: () => 77 });

  it('gives back what was backed up, in quarantine', async () => {
    const folder = join(base, 'new');
    await restore(folder);
    assert.equal(statSync(storeFileOf(folder)).mode & 0o777, 0o600);
    const store = await openSqliteStore({ dataDir: folder, seal: new LocalKeySeal(key), create: false });
    await sameValue(store, 'as backed up');
    const quarantine = await store.get('setting', QUARANTINE);
    assert.deepEqual(quarantine?.record, { since: 77, cause: 'restore', backup: 'backup' });
    assert.deepEqual(await store.check(), []);
    await store.close();
  });

  it('refuses to overwrite a store', async () => {
    await assert.rejects(restore(dataDir), refusal('folder-not-empty', storeFileOf(dataDir)));
    const store = await open();
    await sameValue(store, 'later');
    await store.close();
  });

  it('goes into a folder that holds nothing but the key, and over what an unfinished restore left', async () => {
    const folder = join(base, 'new');
    await restore(folder);
    rmSync(storeFileOf(folder));
    createKeyFile(keyFileOf(folder));
    writeFileSync(`${storeFileOf(folder)}.restoring`, 'half');
    await restore(folder);
    assert.ok(existsSync(storeFileOf(folder)));
  });

  it('writes nothing when the key is wrong, the backup damaged or missing', async () => {
    const folder = join(base, 'new');
    const other = join(base, 'other-key');
    createKeyFile(other);
    await assert.rejects(restore(folder, other), refusal('wrong-key', other));
    const bytes = readFileSync(backup);
    writeFileSync(backup, Buffer.concat([bytes.subarray(0, 8192), Buffer.alloc(bytes.length - 8192, 0x5a)]));
    await assert.rejects(
      restore(folder),
      (error: unknown) => error instanceof RekeyError && error.code === 'integrity',
    );
    writeFileSync(backup, 'a text, and no backup at all\n'.repeat(100));
    await assert.rejects(restore(folder), refusal('store-damaged', `The backup ${backup} is damaged`, 'take another'));
    rmSync(backup);
    await assert.rejects(restore(folder), refusal('backup-missing', backup));
    assert.equal(existsSync(folder), false);
  });
});

describe('checking a store', () => {
  it('says in which collection records were altered or moved', async () => {
    const store = await open({ create: true });
    await putValue(store, 'one');
    await store.commit([{ collection: 'value', id: 's1/v2', record: { kind: 'text', text: 'two' } }]);
    assert.deepEqual(await store.check(), []);
    await store.close();
    const db = new DatabaseSync(storeFileOf(dataDir));
    db.exec(`UPDATE record SET body = (SELECT body FROM record WHERE id = 's1/v2') WHERE id = 's1/v1'`);
    db.close();
    const again = await open();
    const [sentence, ...more] = await again.check();
    assert.match(sentence ?? '', /^1 of the value records cannot be opened/);
    assert.deepEqual(more, []);
    await again.close();
  });
});

describe('a store whose disk is full', () => {
  it('refuses what does not fit as storage-full, keeps what it has, and goes on when there is room again', async () => {
    const store = await open({ create: true, maximumBytes: 400_000 });
    const write = (id: string, size: number) =>
      store.commit([{ collection: 'value', id, record: { kind: 'text', text: 'x'.repeat(size) } }]);
    const full = (error: unknown) => error instanceof RekeyError && error.code === 'storage-full';
    await write('a', 150_000);
    await assert.rejects(write('b', 500_000), full);
    const results = await Promise.allSettled([write('c', 500_000), write('d', 100), write('e', 500_000)]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ['rejected', 'fulfilled', 'rejected'],
    );
    await assert.rejects(write('f', 300_000), full);
    await store.commit([{ collection: 'value', id: 'a', record: null }]);
    await write('f', 100_000);
    assert.equal(await store.count('value'), 2);
    assert.deepEqual(await store.check(), []);
    await store.close();
  });
});
