import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { RekeyError } from '@rekey/core';
import { LocalKeySeal } from '../seal/local-key.ts';
import { type CollectionName, INDEXES } from '../store/collections.ts';
import { keyFileOf, openSqliteStore, storeFileOf } from '../store/data-folder.ts';
import type { PostgresAddress } from '../store/postgres/address.ts';
import { TestPostgres, withoutPostgres } from '../store/postgres.testing.ts';
import { openSharedStore } from '../store/shared-store.ts';
import type { Store } from '../store/store.ts';
import { AUDIT_HEAD, auditHeadOf } from './data-folder.ts';
import { migrateStore } from './migration.ts';
import { findServerId } from './server-id.ts';

const RECORDS = 1_300;
const HEAD = { sequence: 3, hash: 'h', time: 5, key: 'k', signature: 's' };
const refusal = (reason: string) => (error: unknown) => error instanceof RekeyError && error.reason === reason;

describe('a store is moved between the drivers', { skip: withoutPostgres }, () => {
  const postgres = new TestPostgres();
  let folder: string;
  let address: PostgresAddress;
  let made = 0;
  const data = () => join(folder, `data-${made}`);
  const seal = () => new LocalKeySeal(keyFileOf(data()));
  const openFolder = () => openSqliteStore({ dataDir: data(), seal: seal(), create: false });
  const openShared = () => openSharedStore({ address, seal: seal(), create: false });

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'rekey-move-'));
  });
  after(() => {
    delete process.env.REKEY_STORE_URL;
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    made += 1;
    delete process.env.REKEY_STORE_URL;
    address = await postgres.address(`move-${made}-${process.pid}`);
    const store = await openSqliteStore({ dataDir: data(), seal: seal(), create: true });
    await fill(store);
    await store.close();
  });

  async function fill(store: Store): Promise<void> {
    const writes = Array.from({ length: RECORDS }, (_, at) => ({
      collection: 'drift' as const,
      id: `d-${at}`,
      record: {
        secretId: `d-${at}`,
        state: 'drifted' as const,
        versionId: 'v',
        lookedAt: 1,
        since: at,
        reason: '\u{1f511} r',
      },
    }));
    await store.commit(writes);
    await store.commit([
      { collection: 'value', id: 's/v', record: { kind: 'binary', bytes: Uint8Array.from([0, 255, 7]) } },
      { collection: 'setting', id: AUDIT_HEAD, record: HEAD },
      { collection: 'setting', id: 'key-server/this-server', record: { id: 'this-server' } },
    ]);
    const claim = await store.claim({ key: 'rotation/s', holder: 'old', now: Date.now(), milliseconds: 600_000 });
    assert.equal(claim?.fence, 1);
  }

  /** Everything in it, opened, but what belongs to servers. */
  async function contentOf(store: Store): Promise<Map<string, unknown>> {
    const content = new Map<string, unknown>();
    for (const collection of Object.keys(INDEXES) as CollectionName[])
      for (const { id, record, revision } of await store.list(collection, { index: null, limit: 10_000 }))
        if (!/^(audit-head|key-server)/.test(id)) content.set(`${collection}/${id}`, { record, revision });
    return content;
  }

  async function contentIn(open: () => Promise<Store>) {
    const store = await open();
    try {
      assert.deepEqual(await store.check(), []);
      return await contentOf(store);
    } finally {
      await store.close();
    }
  }

  const toShared = (onProgress: (done: number, total: number) => void = () => {}) =>
    migrateStore({ dataFolder: data(), to: address, onProgress });
  const toFolder = () => {
    const url = new URL(address.connectionString());
    url.searchParams.set('schema', address.schema);
    process.env.REKEY_STORE_URL = url.href;
    return migrateStore({ dataFolder: data(), to: null, onProgress: () => {} });
  };

  it('into PostgreSQL: records, indexes, revisions and fences, under the same keys; the source stays as it is', async () => {
    const before = readFileSync(storeFileOf(data()));
    const seen: string[] = [];
    const moved = await toShared((done, total) => seen.push(`${done}/${total}`));
    assert.equal(moved.records, RECORDS + 2);
    assert.deepEqual(seen, ['500/1302', '1000/1302', '1302/1302']);
    assert.ok(readFileSync(storeFileOf(data())).equals(before));
    assert.ok(!existsSync(join(data(), 'store.moving')));
    const source = await contentIn(openFolder);
    assert.deepEqual(await contentIn(openShared), source);
    const shared = await openShared();
    const listed = await shared.list('drift', { index: 'drifted', limit: 3 });
    assert.deepEqual(
      listed.map(({ id }) => id),
      ['d-0', 'd-1', 'd-2'],
    );
    const head = await shared.get('setting', auditHeadOf(findServerId(data())));
    assert.deepEqual(head?.record, HEAD, 'the folder’s audit chain goes on');
    assert.equal(await shared.get('setting', 'key-server/this-server'), null);
    const claim = await shared.claim({ key: 'rotation/s', holder: 'new', now: Date.now(), milliseconds: 1_000 });
    assert.equal(claim?.fence, 2, 'a fence never starts again');
    const revision = await shared.commit([{ collection: 'setting', id: 'later', record: {} }]);
    assert.ok(revision > (head?.revision ?? 0));
    await shared.close();
    await assert.rejects(toShared(), refusal('store-exists'));
  });

  it('and back into a folder', async () => {
    await toShared();
    const shared = await contentIn(openShared);
    await assert.rejects(toFolder(), refusal('store-exists'));
    rmSync(storeFileOf(data()));
    await toFolder();
    assert.deepEqual(await contentIn(openFolder), shared);
    assert.equal(statSync(storeFileOf(data())).mode & 0o777, 0o600);
    const store = await openFolder();
    assert.deepEqual((await store.get('setting', AUDIT_HEAD))?.record, HEAD);
    assert.equal(await store.get('setting', auditHeadOf(findServerId(data()))), null);
    const claim = await store.claim({ key: 'rotation/s', holder: 'new', now: Date.now(), milliseconds: 1_000 });
    assert.equal(claim?.fence, 2);
    await store.close();
  });

  it('goes on where it was interrupted, and nobody can open the half of it', async () => {
    const stop = new Error('the power is gone');
    await assert.rejects(
      toShared((done) => {
        if (done >= 1_000) throw stop;
      }),
    );
    await assert.rejects(openShared(), refusal('store-missing'));
    const seen: number[] = [];
    await toShared((done) => void seen.push(done));
    assert.deepEqual(seen, [1_302], 'what had arrived was not sent again');
    assert.deepEqual(await contentIn(openShared), await contentIn(openFolder));
  });

  it('begins again where the source was used in between', async () => {
    await assert.rejects(toShared(() => assert.fail('the power is gone')));
    const store = await openFolder();
    await store.commit([{ collection: 'drift', id: 'd-3', record: null }]);
    await store.close();
    await toShared();
    assert.deepEqual(await contentIn(openShared), await contentIn(openFolder));
  });

  it('lets nobody open what did not arrive as it was sent', async () => {
    await assert.rejects(
      toShared((done) => {
        if (done > 1_000) throw new Error('the power is gone');
      }),
    );
    await postgres.ask(`UPDATE "${address.schema}".record SET body = body || '\\x00'::bytea WHERE id = 'd-7'`);
    await assert.rejects(toShared(), refusal('migration-differs'));
    await assert.rejects(openShared(), refusal('store-missing'));
  });

  it('is refused while a server runs on the source', async () => {
    const running = await openFolder();
    await assert.rejects(toShared(), refusal('source-in-use'));
    await running.close();
    await toShared();
    const server = await openShared();
    await server.get('setting', 'any');
    rmSync(storeFileOf(data()));
    for (;;) {
      const listening = await postgres.ask(`SELECT 1 FROM pg_stat_activity WHERE application_name = 'rekey feed'`);
      if (listening.length > 0) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await assert.rejects(toFolder(), refusal('source-in-use'));
    assert.ok(!existsSync(storeFileOf(data())));
    await server.close();
  });
});
