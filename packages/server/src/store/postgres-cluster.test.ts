import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { inspect } from 'node:util';
import { RekeyError } from '@rekey/core';
import { CuttableProxy } from '../../../../scripts/test-services/cuttable-proxy.ts';
import type { Change, ListQuery, Write } from './driver.ts';
import { PostgresAddress } from './postgres/address.ts';
import { failureOf } from './postgres/failures.ts';
import { MIGRATIONS } from './postgres/schema.ts';
import { TestPostgres, withoutPostgres } from './postgres.testing.ts';
import { openPostgresDriver, type PostgresDriver } from './postgres.ts';
import { openSqliteDriver } from './sqlite.ts';

const postgres = new TestPostgres();

const put = (id: string, index: Readonly<Record<string, string>> = {}): Write => ({
  collection: 'a',
  id,
  body: Buffer.from(id),
  index,
});

const withReason = (reason: string) => (error: unknown) => error instanceof RekeyError && error.reason === reason;

/** Several servers on one store. */
const openSeveral = (name: string, servers: number): Promise<PostgresDriver[]> =>
  Promise.all(Array.from({ length: servers }, () => postgres.open(name)));

describe('several postgres drivers on one store', { skip: withoutPostgres }, () => {
  it('make it once when all of them come first', async () => {
    const drivers = await openSeveral('made at once', 4);
    assert.deepEqual(await Promise.all(drivers.map((driver) => driver.revision())), [0, 0, 0, 0]);
  });

  it('give out each revision once, and never show a later one before an earlier one', async () => {
    const drivers = await openSeveral('ordered', 3);
    let writing = true;
    const reader = await postgres.open('ordered');
    const seen: Change[] = [];
    const following = (async () => {
      for (;;) {
        const last = !writing;
        const page = await reader.changes(seen.at(-1)?.revision ?? 0, 50);
        seen.push(...page);
        if (last && page.length === 0) return;
      }
    })();
    const revisions = await Promise.all(
      Array.from({ length: 300 }, async (_, at) => {
        const result = await drivers[at % 3]!.commit({ writes: [put(`${at}`), put(`${at} too`)] });
        assert.ok(result.committed);
        return result.revision;
      }),
    );
    writing = false;
    await following;
    assert.equal(new Set(revisions).size, 300);
    assert.equal(seen.length, 600, 'who follows the feed misses nothing');
    assert.deepEqual(
      seen,
      seen.toSorted((a, b) => a.revision - b.revision),
    );
  });

  it('let one of many that expect the same revision through, whichever server they are on', async () => {
    const drivers = await openSeveral('raced', 3);
    for (let round = 0; round < 20; round += 1) {
      const expect = await drivers[0]!.get('a', 'raced').then((stored) => stored?.revision ?? 0);
      const results = await Promise.all(
        drivers.map((driver) => driver.commit({ writes: [{ ...put('raced'), expect }] })),
      );
      assert.equal(results.filter(({ committed }) => committed).length, 1);
    }
  });

  it('give a claim to one of many, and let nobody commit under a fence that was taken meanwhile', async () => {
    const drivers = await openSeveral('fenced', 3);
    for (let round = 0; round < 20; round += 1) {
      const now = round * 1_000;
      const asked = drivers.map((driver, at) => driver.claim({ key: 'k', holder: `${at}`, now, milliseconds: 500 }));
      const held = (await Promise.all(asked)).filter((claim) => claim !== null);
      assert.equal(held.length, 1);
      const [commit, taken] = await Promise.all([
        drivers[0]!.commit({ writes: [put('fenced')], fences: held }),
        drivers[1]!.claim({ key: 'k', holder: 'later', now: now + 500, milliseconds: 100 }),
      ]);
      assert.ok(taken !== null && taken.fence > held[0]!.fence);
      const late = await drivers[2]!.commit({ writes: [put('fenced')], fences: held });
      assert.equal(late.committed, false, `after ${commit.committed ? 'a commit' : 'a refusal'} in time`);
    }
  });

  it('go by the clock of the database, and tell the end of a claim in the time of who asked', async () => {
    const [fast, slow] = await Promise.all([
      postgres.open('clock', { clock: 'database' }),
      postgres.open('clock', { clock: 'database' }),
    ]);
    const claim = await fast.claim({ key: 'k', holder: 'fast', now: 9_000_000, milliseconds: 5_000 });
    assert.equal(claim?.until, 9_005_000);
    assert.equal(await slow.claim({ key: 'k', holder: 'slow', now: 99_000_000, milliseconds: 5_000 }), null);
    const renewed = await fast.renew(claim, { now: 9_001_000, milliseconds: 8_000 });
    assert.ok(renewed !== null && renewed.until > 9_008_000 && renewed.until <= 9_009_000);
    await fast.release(renewed);
    const next = await slow.claim({ key: 'k', holder: 'slow', now: 0, milliseconds: 5_000 });
    assert.equal(next?.fence, claim.fence + 1);
  });

  it('tell each other of commits, also of those made while the feed was lost', async () => {
    const [here, there] = await openSeveral('told', 2);
    const told: number[] = [];
    here!.watch((revision) => told.push(revision));
    for (let round = 1; round <= 5; round += 1) {
      await postgres.ask(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rekey feed'`,
      );
      const result = await there!.commit({ writes: [put('told')] });
      assert.ok(result.committed);
      while (told.at(-1) !== result.revision) await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });
});

describe('lists of the postgres driver', { skip: withoutPostgres }, () => {
  const shapes: Omit<ListQuery, 'collection' | 'index' | 'limit'>[] = [
    {},
    { until: '5' },
    { from: '3', until: '5' },
    { after: { value: '3', id: 'x' } },
    { after: { value: '3', id: 'x' }, until: '5', descending: true },
    { descending: true },
  ];

  for (const rows of [10, 20_000]) {
    it(`seek their first record and read in order: no scan, no sorting, with ${rows} records too`, async () => {
      const driver = await postgres.open(`planned ${rows}`);
      for (let at = 0; at < rows; at += 5_000) {
        const ids = Array.from({ length: Math.min(5_000, rows - at) }, (_, offset) => `${at + offset}`);
        await driver.commit({ writes: ids.map((id) => put(id, { planned: id })) });
      }
      const { schema } = await postgres.address(`planned ${rows}`);
      for (const analysed of [false, true]) {
        if (analysed) await postgres.ask(`ANALYZE ${schema}.record, ${schema}.entry`);
        for (const shape of shapes) {
          for (const index of ['planned', null]) {
            const plan = (await driver.plan({ collection: 'a', index, limit: 10, ...shape })).join('\n');
            assert.doesNotMatch(plan, /Seq Scan|Bitmap|Sort|Hash|Merge/);
            assert.match(plan, index === null ? /record_pkey/ : /entry_pkey[\s\S]*record_pkey/);
          }
        }
      }
    });
  }
});

describe('opening a postgres store', { skip: withoutPostgres }, () => {
  const NEXT = 'ALTER TABLE record ADD COLUMN written_by text';
  const AFTER_NEXT = 'CREATE TABLE later (id text PRIMARY KEY)';

  it('refuses one that is not there, and makes it when told to', async () => {
    await assert.rejects(postgres.open('absent', { create: false }), withReason('store-missing'));
    await (await postgres.open('absent')).close();
    await (await postgres.open('absent', { create: false })).close();
  });

  it('refuses a schema that holds something else, and leaves it as it is', async () => {
    const { schema } = await postgres.address('foreign');
    await postgres.ask(`CREATE SCHEMA ${schema}`);
    await postgres.ask(`CREATE TABLE ${schema}.orders (id bigint)`);
    await assert.rejects(postgres.open('foreign'), withReason('not-a-store'));
    const tables = await postgres.ask(`SELECT relname FROM pg_class WHERE relnamespace = '${schema}'::regnamespace`);
    assert.deepEqual(tables, [{ relname: 'orders' }]);
  });

  it('lets a server of the format before go on beside one that has migrated', async () => {
    const old = await postgres.open('rolling');
    await old.commit({ writes: [put('before')] });
    const newer = await postgres.open('rolling', { migrations: [...MIGRATIONS, NEXT] });
    assert.equal((await old.commit({ writes: [put('by the old one')] })).committed, true);
    assert.equal((await newer.commit({ writes: [put('by the new one')] })).committed, true);
    assert.equal(await old.count('a'), 3);
    await old.close();
    const again = await postgres.open('rolling', { create: false });
    assert.equal((await again.commit({ writes: [put('once more')] })).committed, true);
    assert.equal(await newer.count('a'), 4);
  });

  it('refuses a server two formats behind, at its start and, if it runs, at its next commit', async () => {
    const old = await postgres.open('far apart');
    await postgres.open('far apart', { migrations: [...MIGRATIONS, NEXT, AFTER_NEXT] });
    await assert.rejects(old.commit({ writes: [put('late')] }), withReason('store-newer'));
    await assert.rejects(postgres.open('far apart', { create: false }), withReason('store-newer'));
    assert.equal(await old.get('a', 'late'), null);
  });

  it('migrates once, though several come at the same time, and not at all when a migration fails', async () => {
    await (await postgres.open('migrated')).close();
    const broken = [...MIGRATIONS, NEXT, 'CREATE TABLE record (id text)'];
    await assert.rejects(postgres.open('migrated', { migrations: broken }), { code: 'unavailable' });
    const migrations = [...MIGRATIONS, NEXT];
    const opened = await Promise.all([1, 2, 3].map(() => postgres.open('migrated', { migrations })));
    assert.equal(opened.length, 3);
  });
});

describe('the failures of the postgres driver', { skip: withoutPostgres }, () => {
  const PASSWORD = 'tr0ub4dor&3';

  it('name place and remedy, never the password', async () => {
    const { host, port } = await postgres.server();
    const refused = PostgresAddress.parse(`postgres://nobody:${encodeURIComponent(PASSWORD)}@${host}:${port}/postgres`);
    const closed = PostgresAddress.parse(`postgres://nobody:${encodeURIComponent(PASSWORD)}@${host}:1/postgres`);
    for (const [address, reason] of [
      [refused, 'store-refuses-login'],
      [closed, 'store-unreachable'],
    ] as const) {
      await assert.rejects(openPostgresDriver({ address, create: true }), (error: RekeyError) => {
        assert.equal(error.code, 'unavailable');
        assert.equal(error.reason, reason);
        assert.ok(error.message.includes(`${host}:`));
        assert.doesNotMatch(inspect(error, { depth: 9 }) + JSON.stringify(error), /tr0ub4dor|nobody/);
        return true;
      });
      assert.doesNotMatch(inspect(address) + JSON.stringify(address) + String(address), /tr0ub4dor|nobody/);
    }
  });

  it('are storage-full, integrity or unavailable, whatever PostgreSQL says', () => {
    const codeOf = (code: string) => failureOf(Object.assign(new Error(PASSWORD), { code }), 'here').code;
    assert.equal(codeOf('53100'), 'storage-full');
    assert.equal(codeOf('XX001'), 'integrity');
    for (const code of ['57P01', '08006', '40001', '99999', 'ECONNRESET']) assert.equal(codeOf(code), 'unavailable');
    assert.doesNotMatch(failureOf(new Error(PASSWORD), 'here').message, /tr0ub4dor/);
  });

  it('of a login for which no password was given say so, and of one that went wrong that it did', () => {
    const said = (text: string) => failureOf(new Error(text), 'here');
    for (const kind of ['string', 'non-empty string']) {
      const missing = said(`SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a ${kind}`);
      assert.equal(missing.reason, 'store-without-password');
      assert.match(missing.message, /none was given: set PGPASSWORD, PGPASSFILE or REKEY_STORE_URL/);
    }
    assert.equal(
      said('SASL: SCRAM-SERVER-FINAL-MESSAGE: server signature does not match').reason,
      'store-login-failed',
    );
    assert.equal(said('Connection terminated unexpectedly').reason, 'store-unreachable');
  });

  it('pass: reads go on over new connections when the old ones are cut', async () => {
    const { host, port } = await postgres.server();
    const proxy = await CuttableProxy.before({ host, port });
    const driver = await openPostgresDriver({ address: await postgres.address('cut', proxy.port), create: true });
    try {
      await driver.commit({ writes: [put('kept')] });
      await Promise.all(Array.from({ length: 10 }, () => driver.get('a', 'kept')));
      proxy.cut();
      await assert.rejects(driver.get('a', 'kept'), withReason('store-unreachable'));
      await assert.rejects(driver.commit({ writes: [put('lost')] }), withReason('store-unreachable'));
      proxy.mend();
      assert.notEqual(await driver.get('a', 'kept'), null);
      assert.equal((await driver.commit({ writes: [put('again')] })).committed, true);
    } finally {
      await driver.close();
      await proxy.close();
    }
  });

  it('do not keep a driver from closing when the network has fallen silent', async () => {
    const { host, port } = await postgres.server();
    const proxy = await CuttableProxy.before({ host, port });
    const driver = await openPostgresDriver({ address: await postgres.address('silent', proxy.port), create: true });
    driver.watch(() => {});
    await driver.commit({ writes: [put('kept')] });
    proxy.fallSilent();
    await driver.close();
    await proxy.close();
  });
});

describe('a backup of a postgres store', { skip: withoutPostgres }, () => {
  let folder: string | null = null;
  after(async () => folder === null || rm(folder, { recursive: true, force: true }));

  it('is a store of the sqlite driver with the same records, indexes, claims and changes', async () => {
    folder = await mkdtemp(join(tmpdir(), 'rekey-postgres-backup-'));
    const driver = await postgres.open('backed up');
    for (let at = 0; at < 450; at += 1) void driver.commit({ writes: [put(`${at}`, { by: `${at % 7}` })] });
    const claim = (await driver.claim({ key: 'k', holder: 'a', now: 0, milliseconds: 100 }))!;
    await driver.commit({ writes: [{ collection: 'a', id: '7', body: null }], fences: [claim] });
    await driver.backup(join(folder, 'store.db'));
    const copy = openSqliteDriver({ file: join(folder, 'store.db'), create: false });
    try {
      const all: ListQuery = { collection: 'a', index: 'by', limit: 1_000 };
      const plain = async (from: typeof driver | typeof copy) =>
        (await from.list(all)).map((stored) => ({ ...stored, body: Buffer.from(stored.body).toString() }));
      assert.deepEqual(await plain(copy), await plain(driver));
      assert.equal(await copy.revision(), await driver.revision());
      assert.deepEqual(await copy.changes(0, 1_000), await driver.changes(0, 1_000));
      assert.deepEqual(await copy.check(), []);
      const taken = await copy.claim({ key: 'k', holder: 'b', now: 200, milliseconds: 100 });
      assert.equal(taken?.fence, claim.fence + 1);
      assert.equal((await copy.commit({ writes: [put('on')] })).committed, true);
    } finally {
      await copy.close();
    }
  });

  it('finds what does not fit together before it is too late', async () => {
    const driver = await postgres.open('damaged');
    await driver.commit({ writes: [put('1', { by: 'x' }), put('2', { by: 'y' })] });
    const { schema } = await postgres.address('damaged');
    await postgres.ask(`DELETE FROM ${schema}.record WHERE id = '1'`);
    await postgres.ask(`DELETE FROM ${schema}.entry WHERE id = '2'`);
    const damage = await driver.check();
    assert.equal(damage.length, 2);
    assert.match(damage.join(), /1 index entries without a record[\s\S]*1 index entries missing/);
  });
});
