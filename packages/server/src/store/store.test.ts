import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RekeyError, type SecretRecord } from '@rekey/core';
import { Keyring } from '../seal/keyring.ts';
import type { StoredRecord } from './driver.ts';
import { KEPT_REVISIONS } from './driver.ts';
import { MemoryDriver } from './memory.ts';
import { Store, type StoreWrite } from './store.ts';
import { openMemoryStore } from './testing.ts';

const secret = (id: string, name: string, description: string | null = null): SecretRecord => ({
  id,
  name,
  arn: `arn:aws:secretsmanager:us-east-1:000000000000:secret:${name}-AbCdEf`,
  description,
  kmsKeyId: null,
  tags: null,
  type: null,
  createdAt: 1_000,
  changedAt: 1_000,
  lastAccessedDay: null,
  deletedAt: null,
  purgeAt: null,
  versions: [],
  rotation: null,
});

const named = (store: Store, record: SecretRecord): StoreWrite[] => [
  { collection: 'secret', id: record.id, record, expect: 0 },
  { collection: 'name', id: store.opaque('name', record.name), record: { secretId: record.id }, expect: 0 },
];

/** Lets the change feed take its turns. */
const settle = async () => {
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

const rejectsWith = (code: string) => (error: unknown) => error instanceof RekeyError && error.code === code;

/** A driver whose next read of one collection waits until it is told to go on, having read before it waits. */
class PausingDriver extends MemoryDriver {
  #gate: { readonly collection: string; readonly wait: Promise<void> } | null = null;
  reads = 0;

  pauseNext(collection: string): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = { collection, wait: promise };
    return resolve;
  }

  override async get(collection: string, id: string): Promise<StoredRecord | null> {
    this.reads += 1;
    const stored = await super.get(collection, id);
    const gate = this.#gate;
    if (gate?.collection === collection) {
      this.#gate = null;
      await gate.wait;
    }
    return stored;
  }
}

describe('the store', () => {
  it('gives back what was committed, by id, by name and by list', async () => {
    const store = await openMemoryStore();
    const written = secret('s1', 'prod/db');
    const revision = await store.commit(named(store, written));
    assert.deepEqual(await store.get('secret', 's1'), { id: 's1', revision, record: written });
    assert.deepEqual((await store.findSecret('prod/db'))?.record, written);
    assert.equal(await store.findSecret('prod/other'), null);
    const [listed] = await store.list('secret', { index: 'created', limit: 10 });
    assert.deepEqual(listed, { id: 's1', revision, record: written, indexValue: '0000000000001000' });
    assert.equal(await store.count('secret'), 1);
  });

  it('keeps text and binary values byte for byte', async () => {
    const store = await openMemoryStore();
    const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    await store.commit([
      { collection: 'value', id: 's1/v1', record: { kind: 'text', text: 'pässwörd 🔑\u0000\n' } },
      { collection: 'value', id: 's1/v2', record: { kind: 'binary', bytes } },
    ]);
    assert.deepEqual(await store.getValue('s1', 'v1'), { kind: 'text', text: 'pässwörd 🔑\u0000\n' });
    assert.deepEqual(await store.getValue('s1', 'v2'), { kind: 'binary', bytes });
    assert.equal(await store.getValue('s1', 'v3'), null);
  });

  it('hands the driver neither names nor values', async () => {
    const seen: string[] = [];
    class Spy extends MemoryDriver {
      override commit(batch: Parameters<MemoryDriver['commit']>[0]) {
        for (const write of batch.writes) {
          seen.push(write.id, JSON.stringify(write.index ?? {}), Buffer.from(write.body ?? []).toString('latin1'));
        }
        return super.commit(batch);
      }
    }
    const store = await openMemoryStore({ driver: new Spy() });
    await store.commit([
      ...named(store, secret('s1', 'prod/payroll')),
      { collection: 'value', id: 's1/v1', record: { kind: 'text', text: 'correct horse' } },
    ]);
    assert.doesNotMatch(seen.join('\n'), /payroll|correct|horse/);
  });

  it('refuses a commit whose expectation, check or fence does not hold, and writes none of it', async () => {
    const store = await openMemoryStore();
    const revision = await store.commit(named(store, secret('s1', 'a')));
    const write = { collection: 'setting', id: 'x', record: { on: true } } as const;
    const checks = [{ collection: 'secret', id: 's1', revision: revision + 1 }];
    await assert.rejects(store.commit([{ ...write, expect: 7 }]), rejectsWith('conflict'));
    await assert.rejects(store.commit([write], { checks }), rejectsWith('conflict'));
    await assert.rejects(store.commit([write], { fences: [{ key: 'c', fence: 1 }] }), rejectsWith('conflict'));
    assert.equal(await store.get('setting', 'x'), null);
  });

  it('refuses to write one record twice in a commit', async () => {
    const store = await openMemoryStore();
    const write = { collection: 'setting', id: 'x', record: {} } as const;
    await assert.rejects(store.commit([write, write]), rejectsWith('bug'));
  });

  it('hands out records that nobody can change for the next reader', async () => {
    const store = await openMemoryStore();
    await store.commit(named(store, secret('s1', 'a')));
    const { record } = (await store.findSecret('a'))!;
    assert.throws(() => Object.assign(record, { name: 'b' }), TypeError);
    assert.throws(() => (record.versions as unknown[]).push(1), TypeError);
  });

  it('opens no record that was moved to another id or collection, or comes from another store', async () => {
    const driver = new MemoryDriver();
    const store = await openMemoryStore({ driver });
    await store.commit([
      { collection: 'setting', id: 'a', record: { a: 1 } },
      { collection: 'alert', id: 'a', record: { condition: 'c', secretId: null, since: 0, text: '' } },
    ]);
    const body = (await driver.get('setting', 'a'))!.body;
    await driver.commit({ writes: [{ collection: 'setting', id: 'b', body }] });
    await driver.commit({ writes: [{ collection: 'alert', id: 'a', body }] });
    await assert.rejects(store.get('setting', 'b'), rejectsWith('decryption-failed'));
    await assert.rejects(store.get('alert', 'a'), rejectsWith('decryption-failed'));
    const stranger = new Store({ driver, keyring: Keyring.create('another', 0) });
    await assert.rejects(stranger.get('setting', 'a'), rejectsWith('decryption-failed'));
  });
});

describe('the cache of the store', () => {
  it('answers a second read of secret, name and value without the driver', async () => {
    const driver = new PausingDriver();
    const store = await openMemoryStore({ driver });
    await settle();
    await store.commit([
      ...named(store, secret('s1', 'a')),
      { collection: 'value', id: 's1/v1', record: { kind: 'text', text: 'x' } },
    ]);
    await settle();
    await store.findSecret('a');
    await store.getValue('s1', 'v1');
    assert.equal(driver.reads, 3);
    await store.findSecret('a');
    await store.get('secret', 's1');
    await store.getValue('s1', 'v1');
    assert.equal(driver.reads, 3);
  });

  it('opens a secret that stands unchanged only once, however often it is listed', async () => {
    const driver = new MemoryDriver();
    const keyring = Keyring.create('store', 0);
    const here = new Store({ driver, keyring });
    const there = new Store({ driver, keyring });
    await there.commit(named(there, secret('s1', 'a', 'old')));
    const listed = async () => (await here.list('secret', { index: 'created', limit: 10 }))[0]?.record;
    const first = await listed();
    assert.equal(await listed(), first);
    await there.commit([{ collection: 'secret', id: 's1', record: secret('s1', 'a', 'new') }]);
    assert.equal((await listed())?.description, 'new');
  });

  it('lists what it wrote itself as if it had been read: nobody can change it for the next reader', async () => {
    const store = await openMemoryStore();
    const written = secret('s1', 'a');
    await store.commit(named(store, written));
    const [listed] = await store.list('secret', { index: 'created', limit: 10 });
    assert.deepEqual(listed?.record, written);
    assert.throws(() => Object.assign(listed!.record, { name: 'b' }), TypeError);
    assert.throws(() => (listed!.record.versions as unknown[]).push(1), TypeError);
  });

  it('shows a commit to every read that starts after it', async () => {
    const store = await openMemoryStore();
    await store.commit(named(store, secret('s1', 'a')));
    await store.findSecret('a');
    await store.commit([{ collection: 'secret', id: 's1', record: secret('s1', 'a', 'new') }]);
    assert.equal((await store.findSecret('a'))?.record.description, 'new');
    await store.commit([{ collection: 'name', id: store.opaque('name', 'a'), record: null }]);
    assert.equal(await store.findSecret('a'), null);
  });

  it('does not keep what a read saw before a commit that ended first', async () => {
    const driver = new PausingDriver();
    const store = await openMemoryStore({ driver });
    await settle();
    await store.commit(named(store, secret('s1', 'a', 'old')));
    const goOn = driver.pauseNext('secret');
    const early = store.get('secret', 's1');
    await store.commit([{ collection: 'secret', id: 's1', record: secret('s1', 'a', 'new') }]);
    goOn();
    assert.equal((await early)?.record.description, 'old');
    assert.equal((await store.get('secret', 's1'))?.record.description, 'new');
  });

  it('follows the commits of another server', async () => {
    const driver = new MemoryDriver();
    const keyring = Keyring.create('shared', 0);
    const here = new Store({ driver, keyring });
    const there = new Store({ driver, keyring });
    await there.commit(named(there, secret('s1', 'a', 'old')));
    await settle();
    assert.equal((await here.findSecret('a'))?.record.description, 'old');
    await there.commit([{ collection: 'secret', id: 's1', record: secret('s1', 'a', 'new') }]);
    await settle();
    assert.equal((await here.findSecret('a'))?.record.description, 'new');
  });

  it('starts afresh when it stayed away for longer than the change feed remembers', async () => {
    const driver = new MemoryDriver();
    const keyring = Keyring.create('shared', 0);
    const here = new Store({ driver, keyring });
    const there = new Store({ driver, keyring });
    await there.commit(named(there, secret('s1', 'a', 'old')));
    await settle();
    await here.findSecret('a');
    await there.commit([{ collection: 'secret', id: 's1', record: secret('s1', 'a', 'new') }]);
    for (let more = 0; more <= KEPT_REVISIONS; more += 1) await driver.commit({ writes: [] });
    await settle();
    assert.equal((await here.findSecret('a'))?.record.description, 'new');
  });

  it('never reads the change feed while it is alone', async () => {
    let fed = 0;
    class Counting extends MemoryDriver {
      override changes(after: number, limit: number) {
        fed += 1;
        return super.changes(after, limit);
      }
    }
    const store = await openMemoryStore({ driver: new Counting() });
    await settle();
    for (let round = 0; round < 5; round += 1) {
      await store.commit([{ collection: 'setting', id: 'x', record: { round } }]);
      await settle();
    }
    assert.equal(fed, 0);
  });
});
