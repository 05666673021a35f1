import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { RekeyError, type SecretRecord } from '@rekey/core';
import { CuttableProxy } from '../../../../scripts/test-services/cuttable-proxy.ts';
import { Keyring } from '../seal/keyring.ts';
import type { StoreDriver } from './driver.ts';
import { MemoryDriver } from './memory.ts';
import { TestPostgres, withoutPostgres } from './postgres.testing.ts';
import { openPostgresDriver } from './postgres.ts';
import { Store } from './store.ts';

const keyring = Keyring.create('shared-store', 0);

const secret = (description: string): SecretRecord => ({
  id: 'one',
  name: 'shop/database',
  arn: 'arn:aws:secretsmanager:us-east-1:000000000000:secret:shop/database-AbCdEf',
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

const put = (store: Store, description: string) =>
  store.commit([{ collection: 'secret', id: 'one', record: secret(description) }]);

const read = async (store: Store) => (await store.get('secret', 'one'))?.record.description;

/** Asks until it is so; for as long as the test may take. */
async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Records shared with another server whose commits nobody tells this one: it has to ask. */
class SilentDriver extends MemoryDriver {
  override readonly shared = true;
  readonly #records: MemoryDriver;
  reachable = true;
  reads = 0;

  constructor(records: MemoryDriver) {
    super();
    this.#records = records;
  }

  override async get(collection: string, id: string) {
    this.reads += 1;
    return this.#reach().get(collection, id);
  }

  override commit: StoreDriver['commit'] = async (batch) => this.#reach().commit(batch);
  override claim: StoreDriver['claim'] = async (request) => this.#reach().claim(request);
  override revision: StoreDriver['revision'] = async () => this.#reach().revision();
  override changes: StoreDriver['changes'] = async (after, limit) => this.#reach().changes(after, limit);
  override watch: StoreDriver['watch'] = () => () => {};

  #reach(): MemoryDriver {
    if (!this.reachable) throw new RekeyError('unavailable', 'The network is cut.', { reason: 'store-unreachable' });
    return this.#records;
  }
}

describe('a store that other servers write to', () => {
  /** A server whose clock the test holds, and another that writes to the same records. */
  function twoServers() {
    const records = new MemoryDriver();
    const driver = new SilentDriver(records);
    const time = { now: 0 };
    const here = new Store({ driver, keyring, staleness: 60_000, monotonic: () => time.now });
    const there = new Store({ driver: records, keyring });
    return { driver, time, here, there };
  }

  it('answers from its cache within the bound, and from the driver beyond it', async () => {
    const { driver, time, here, there } = twoServers();
    await put(there, 'old');
    await until(() => here.isFresh);
    assert.equal(await read(here), 'old');
    await put(there, 'new');
    time.now = 60_000;
    assert.equal(await read(here), 'old');
    assert.equal(driver.reads, 1);
    time.now = 60_001;
    assert.equal(here.isFresh, false);
    assert.equal(await read(here), 'new');
    await here.close();
  });

  it('fails beyond the bound rather than answer what may be old, when it cannot reach the driver', async () => {
    const { driver, time, here, there } = twoServers();
    await put(there, 'old');
    await until(() => here.isFresh);
    assert.equal(await read(here), 'old');
    driver.reachable = false;
    assert.equal(await read(here), 'old');
    time.now = 60_001;
    await assert.rejects(read(here), { code: 'unavailable' });
    driver.reachable = true;
    assert.equal(await read(here), 'old');
    await here.close();
  });

  it('answers what it knows for a stated time if the driver is lost and the operator allows it, and writes nothing', async () => {
    const records = new MemoryDriver();
    const driver = new SilentDriver(records);
    const time = { now: 0 };
    const bounds = { staleness: 40, staleReads: 10_000 };
    const here = new Store({ driver, keyring, ...bounds, monotonic: () => time.now });
    const there = new Store({ driver: records, keyring });
    await put(there, 'old');
    await until(() => here.isFresh);
    assert.equal(await read(here), 'old');
    driver.reachable = false;
    time.now = 41;
    await until(() => here.staleAge !== null);
    assert.deepEqual([await read(here), here.staleAge, here.isFresh], ['old', 41, true]);
    await assert.rejects(put(here, 'mine'), { code: 'unavailable' });
    await assert.rejects(here.claim({ key: 'k', holder: 'here', now: 0, milliseconds: 1 }), { code: 'unavailable' });
    assert.equal(await read(here), 'old', 'what could not be written is still served');
    await assert.rejects(here.get('secret', 'never read'), { code: 'unavailable' });
    time.now = 10_001;
    await assert.rejects(read(here), { code: 'unavailable' });
    assert.equal(here.staleAge, null);
    await put(there, 'new');
    driver.reachable = true;
    await until(async () => (await read(here).catch(() => null)) === 'new');
    await put(here, 'mine');
    assert.equal(await read(here), 'mine');
    await here.close();
  });

  it('keeps to serve what was being written as the driver was lost, and until that is known asks the driver', async () => {
    const records = new MemoryDriver();
    const driver = new SilentDriver(records);
    const time = { now: 0 };
    const here = new Store({ driver, keyring, staleness: 40, staleReads: 10_000, monotonic: () => time.now });
    const there = new Store({ driver: records, keyring });
    await put(there, 'old');
    await until(() => here.isFresh);
    assert.equal(await read(here), 'old');
    time.now = 1;
    driver.reachable = false;
    await assert.rejects(put(here, 'mine'), { code: 'unavailable' });
    assert.equal(here.isFresh, false, 'it may have been written');
    time.now = 41;
    await until(() => here.staleAge !== null);
    assert.equal(await read(here), 'old');
    driver.reachable = true;
    await until(() => here.isFresh && here.staleAge === null);
    await put(there, 'theirs');
    time.now = 82;
    assert.equal(await read(here), 'theirs');
    await here.close();
  });

  it('shows who takes a claim everything that was committed before', async () => {
    const { here, there } = twoServers();
    await put(there, 'old');
    await until(() => here.isFresh);
    assert.equal(await read(here), 'old');
    await put(there, 'new');
    assert.equal(await read(here), 'old');
    assert.notEqual(await here.claim({ key: 'k', holder: 'here', now: 0, milliseconds: 1 }), null);
    assert.equal(await read(here), 'new');
    await here.close();
  });

  it('shows its own commits at once, however old the rest is', async () => {
    const { time, here, there } = twoServers();
    await put(there, 'old');
    await until(() => here.isFresh);
    assert.equal(await read(here), 'old');
    await put(here, 'mine');
    assert.equal(await read(here), 'mine');
    time.now = 90_000;
    await put(here, 'mine again');
    assert.equal(await read(here), 'mine again');
    await here.close();
  });
});

describe('two stores on one PostgreSQL', { skip: withoutPostgres }, () => {
  const postgres = new TestPostgres();
  const proxies: CuttableProxy[] = [];
  after(async () => {
    for (const proxy of proxies) await proxy.close();
  });

  /** Stores of two servers, one of them with a network that can be cut. */
  async function twoServers(name: string) {
    const { host, port } = await postgres.server();
    const proxy = await CuttableProxy.before({ host, port });
    proxies.push(proxy);
    const there = new Store({ driver: await postgres.open(name), keyring });
    const address = await postgres.address(name, proxy.port);
    const here = new Store({ driver: await openPostgresDriver({ address, create: true }), keyring });
    await put(there, 'old');
    await until(async () => here.isFresh && (await read(here)) === 'old');
    return { proxy, here, there };
  }

  /** Ends when one store shows what the other has committed; a read begun later than the bound shows nothing older. */
  async function shown(here: Store, there: Store, description: string): Promise<void> {
    await put(there, description);
    const committed = performance.now();
    await until(async () => {
      const asked = performance.now();
      const answer = await read(here).catch(() => 'refused');
      if (answer !== description && answer !== 'refused')
        assert.ok(asked < committed + BOUND, 'old only within the bound');
      return answer === description;
    });
  }

  it('show each other what they commit within the bound, by the feed or without it', async () => {
    const { here, there } = await twoServers('coherent');
    for (let round = 0; round < 5; round += 1) await shown(here, there, `told ${round}`);
    for (let round = 0; round < 5; round += 1) {
      await postgres.ask(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rekey feed'`,
      );
      await shown(here, there, `asked ${round}`);
    }
    await here.close();
  });

  for (const how of ['cut', 'fallSilent'] as const) {
    it(`never show what is older than the bound when the network is ${how === 'cut' ? 'cut' : 'silent'}, and go on by themselves`, async () => {
      const { proxy, here, there } = await twoServers(how);
      proxy[how]();
      const committed = performance.now();
      await put(there, 'new');
      await until(async () => {
        const asked = performance.now();
        const answer = await Promise.race([read(here).catch(() => 'refused'), after2s()]);
        if (answer === 'old') assert.ok(asked < committed + BOUND, 'old only within the bound');
        else assert.equal(answer, 'refused');
        return answer === 'refused';
      });
      proxy.mend();
      await until(async () => (await read(here).catch(() => null)) === 'new');
      await here.close();
    });
  }
});

/** How old a read may be, in milliseconds. */
const BOUND = 1_000;

const after2s = () => new Promise<string>((resolve) => setTimeout(resolve, 2_000, 'refused').unref());
