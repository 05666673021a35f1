import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { silentLogger, systemRandom } from '@rekey/core';
import type { AuditEntry } from '../../audit/entry.ts';
import { FakeClock } from '../../engine/fake-clock.testing.ts';
import { Keyring } from '../../seal/keyring.ts';
import { createKeyFile, LocalKeySeal } from '../../seal/local-key.ts';
import { keyFileOf, openSqliteStore } from '../../store/data-folder.ts';
import type { Store } from '../../store/store.ts';
import { ensureRoot } from '../root-credentials.ts';
import { backupName, damagedName, superseded } from './backup-names.ts';
import { BACKUP, BackupSchedule, findNote, isLate } from './backup-schedule.ts';
import { type BackupReport, verifyBackup } from './backup-verification.ts';

let folder: string;
let store: Store;
let seal: LocalKeySeal;
const at = (name: string) => join(folder, name);

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rekey-backups-'));
  seal = new LocalKeySeal(keyFileOf(at('data')));
  store = await openSqliteStore({ dataDir: at('data'), seal, create: true, now: () => 1 });
  await ensureRoot(store, {}, systemRandom);
  await addSecret('app/db');
});
after(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

async function addSecret(name: string): Promise<void> {
  const version = {
    id: 'v1',
    createdAt: 5,
    hasValue: true,
    labels: ['AWSCURRENT'],
    lastAccessedDay: null,
    kmsKeyId: null,
  };
  const secret = {
    id: `id of ${name}`,
    name,
    arn: name,
    createdAt: 5,
    changedAt: 7_000,
    deletedAt: null,
    purgeAt: null,
  };
  await store.commit([
    { collection: 'secret', id: secret.id, record: { ...secret, versions: [version], rotation: null } as never },
    { collection: 'name', id: store.opaque('name', name), record: { secretId: secret.id } },
    { collection: 'value', id: `${secret.id}/v1`, record: { kind: 'text', text: 'kept' } },
  ]);
}

describe('a backup is tried', () => {
  let file: string;
  let made = 0;
  beforeEach(async () => {
    made += 1;
    file = at(`backup-${made}`);
    await store.backup(file);
  });
  const verify = (more: Partial<Parameters<typeof verifyBackup>[0]> = {}) => verifyBackup({ file, seal, ...more });
  const another = async (name: string) => {
    file = at(name);
    await store.backup(file);
  };
  /** Alters the file as somebody would who can write it. */
  const alter = (sql: string) => {
    const db = new DatabaseSync(file);
    db.exec(sql);
    db.close();
  };
  const isWrong = (report: BackupReport, sentence: RegExp) => {
    assert.equal(report.sound, false);
    assert.match(report.problems[0]!, sentence);
    assert.match(report.problems[0]!, /^[A-Z0-9].*\.$/s);
  };

  it('and found good: what it holds, and until when', async () => {
    const before = readFileSync(file);
    const report = await verify();
    assert.deepEqual([report.sound, report.problems], [true, []]);
    assert.deepEqual([report.counts?.secret, report.counts?.value, report.holdsUntil], [1, 1, 7_000]);
    assert.ok(readFileSync(file).equals(before), 'it is not written to');
  });

  it('with a keyring in hand the KEK is not asked', async () => {
    const nowhere = new LocalKeySeal(at('nowhere'));
    await assert.rejects(verify({ seal: nowhere }), /The key file .*nowhere is missing/);
    const known = { record: store.keys!.record, keyring: store.keyring };
    assert.equal((await verify({ seal: nowhere, known })).sound, true);
  });

  it('and a wrong key says nothing of it', async () => {
    createKeyFile(at(`other-${made}`));
    await assert.rejects(verify({ seal: new LocalKeySeal(at(`other-${made}`)) }), /is not the key of this store/);
  });

  it('and a missing, empty, foreign or cut file is told', async () => {
    isWrong(await verify({ file: at('missing') }), /There is no backup at/);
    writeFileSync(at('empty'), '');
    isWrong(await verify({ file: at('empty') }), /is empty: it was never finished/);
    writeFileSync(at('foreign'), 'not a store at all'.repeat(500));
    isWrong(await verify({ file: at('foreign') }), /not a rekey store|cannot be read as a store|damaged/);
    truncateSync(file, statSync(file).size - 4_096);
    isWrong(await verify(), /damaged|malformed|cannot be read/);
  });

  it('and a byte that was flipped in any record of it never passes for good', async () => {
    const whole = readFileSync(file);
    const db = new DatabaseSync(file);
    const bodies = db.prepare('SELECT body FROM record').all() as unknown as { body: Uint8Array }[];
    db.close();
    assert.ok(bodies.length >= 5);
    for (const { body } of bodies) {
      const altered = Buffer.from(whole);
      const place = whole.indexOf(body);
      assert.ok(place > 0);
      altered[place + body.length - 3]! ^= 0x01;
      writeFileSync(file, altered);
      // An altered keyring may look like that of another key: that is thrown.
      const report = await verify().catch(() => null);
      assert.notEqual(report?.sound, true);
    }
  });

  it('and a record that was altered, moved, or taken out is told', async () => {
    alter(`UPDATE record SET body = zeroblob(64) WHERE collection = 'value'`);
    isWrong(await verify(), /1 of the value records cannot be opened/);
    await another(`moved-${made}`);
    alter(`UPDATE record SET id = 'id of app/db/v2' WHERE collection = 'value'`);
    isWrong(await verify(), /1 of the value records cannot be opened/);
    await another(`lost-${made}`);
    alter(`DELETE FROM record WHERE collection = 'value'`);
    isWrong(await verify(), /1 of the versions lack their value \(the first: app\/db\)/);
    await another(`unnamed-${made}`);
    alter(`DELETE FROM record WHERE collection = 'name'`);
    isWrong(await verify(), /1 of the secrets are not found by their name/);
  });

  it('and a keyring that is gone, altered or of another store is told', async () => {
    alter(`DELETE FROM record WHERE collection = 'keyring'`);
    isWrong(await verify(), /holds no keyring/);
    await another(`keyring-${made}`);
    alter(`UPDATE record SET body = CAST('{}' AS BLOB) WHERE collection = 'keyring'`);
    isWrong(await verify(), /keyring .* cannot be read/);
    const other = JSON.stringify(await Keyring.create('other', 0).wrap(seal));
    alter(`UPDATE record SET body = CAST('${other}' AS BLOB) WHERE collection = 'keyring'`);
    isWrong(await verify(), /records cannot be opened/);
  });

  it('and a head of the audit log that nobody signed is told', async () => {
    const forged = { sequence: 9, hash: 'x', time: 9_000, key: 'x', signature: 'AAAA' };
    await store.commit([{ collection: 'setting', id: 'audit-head', record: forged }]);
    await another(`forged-${made}`);
    isWrong(await verify(), /not the key that signs it/);
    await store.commit([{ collection: 'setting', id: 'audit-head', record: null }]);
  });

  it('and an escrow journal that is not there is told', async () => {
    isWrong(await verify({ escrowFiles: [at('no-journal')] }), /no escrow journal at/);
  });
});

describe('names of scheduled backups', () => {
  const name = (day: number) => backupName('abcdefghij', Date.UTC(2026, 10, day));

  it('sort by time and tell stores apart', () => {
    assert.equal(name(3), 'rekey-abcdefgh-20261103T000000Z.backup');
    assert.ok(name(3) < name(4));
    assert.notEqual(name(3), backupName('zyxwvuts', Date.UTC(2026, 10, 3)));
  });

  it('let go what is beyond the number to be kept, and older damaged ones, never others', () => {
    const others = [backupName('zyxwvuts', 0), 'notes.txt', 'rekey-abcdefgh-x.backup', 'mine.backup'];
    const names = [...others, name(1), name(2), name(3), damagedName(name(2)), damagedName(name(9)), name(4)];
    const facts = { storeId: 'abcdefghij', newest: name(4) };
    assert.deepEqual(
      [...superseded(names, { ...facts, keep: 2 })].sort(),
      [name(1), name(2), damagedName(name(2))].sort(),
    );
    assert.deepEqual(superseded(names, { ...facts, keep: 1 }).includes(name(4)), false);
    assert.deepEqual(superseded(names, { ...facts, keep: 10 }), [damagedName(name(2))]);
  });
});

describe('the schedule of backups', () => {
  const DAY = 86_400_000;
  let clock: FakeClock;
  let backups: string;
  let raised: string[];
  let audited: AuditEntry[];
  let damage: string | null;
  beforeEach(() => {
    clock = new FakeClock();
    backups = at(`scheduled-${Math.random()}`);
    [raised, audited, damage] = [[], [], null];
  });
  afterEach(() => store.commit([{ collection: 'setting', id: BACKUP, record: null }]));

  const schedule = (holder = 'one') =>
    new BackupSchedule({
      ...{ store, clock, log: silentLogger, holder, config: { every: DAY, folder: backups, keep: 2 } },
      audit: { append: async (entry) => void audited.push(entry) },
      alerts: {
        raise: async (_, { text }) => void (raised.length === 0 && raised.push(text)),
        resolve: async () => void raised.splice(0),
      },
      verify: async (file) => {
        const report = await verifyBackup({ file, seal });
        return damage === null ? report : { ...report, sound: false, problems: [damage] };
      },
    });
  const days = async (count: number, job = schedule()) => {
    for (let day = 0; day < count; day += 1) {
      await job.pass();
      await clock.advance(DAY);
    }
  };

  it('writes one when due, private, tried and on record, and keeps the newest', async () => {
    await days(4);
    const names = readdirSync(backups).sort();
    assert.equal(names.length, 2);
    for (const name of names) assert.equal(statSync(join(backups, name)).mode & 0o777, 0o600);
    assert.equal(statSync(backups).mode & 0o777, 0o700);
    assert.ok((await findNote(store))?.goodFile?.endsWith(names[1]!));
    assert.deepEqual(
      audited.map(({ action, outcome }) => `${action} ${outcome}`),
      Array(4).fill('rekey:Backup allowed'),
    );
    assert.equal((await verifyBackup({ file: join(backups, names[0]!), seal })).sound, true);
  });

  it('is done once, whoever looks first, and not again before it is due', async () => {
    await Promise.all([schedule('one').pass(), schedule('two').pass()]);
    await schedule('two').pass();
    assert.equal(readdirSync(backups).length, 1);
  });

  it('keeps good ones, and tells, when a new one is damaged; removes them only after a good one', async () => {
    await days(2);
    const good = readdirSync(backups).sort();
    damage = 'A page is damaged.';
    await days(3);
    const kept = readdirSync(backups).sort();
    for (const name of good) assert.ok(kept.includes(name));
    assert.ok(kept.filter((name) => name.endsWith('.damaged')).length >= 1);
    assert.match(raised[0]!, /^The scheduled backup into .* failed, the last good one is of .*: A page is damaged\./);
    damage = null;
    await days(1);
    assert.deepEqual(raised, []);
    const last = readdirSync(backups).sort();
    assert.deepEqual([last.length, last[0]], [2, good[1]]);
  });

  it('tells a folder that cannot be written to, and tries again sooner than the next is due', async () => {
    writeFileSync(backups, 'a file in its place');
    await schedule().pass();
    assert.match(raised[0]!, /there is no good one yet: The folder of the backups, .*, cannot be made/);
    rmSync(backups);
    await schedule().pass();
    assert.equal(raised.length, 1, 'not at once');
    await clock.advance(600_000);
    await schedule().pass();
    assert.deepEqual([raised, readdirSync(backups).length], [[], 1]);
  });

  it('clears away what a crash left of an earlier one', async () => {
    await schedule().pass();
    const [name] = readdirSync(backups);
    const torn = name!.replace(/\d{8}T/, '20200101T');
    writeFileSync(join(backups, torn), '');
    writeFileSync(join(backups, `${torn}.partial`), 'half');
    await clock.advance(DAY);
    await schedule().pass();
    assert.deepEqual(
      readdirSync(backups).filter((found) => found.includes('2020')),
      [],
    );
  });

  it('counts as late when the last good one is older than two intervals', async () => {
    assert.equal(isLate(await findNote(store), DAY, clock.now()), false);
    await schedule().pass();
    assert.equal(isLate(await findNote(store), DAY, clock.now() + 2 * DAY), false);
    assert.equal(isLate(await findNote(store), DAY, clock.now() + 2 * DAY + 1), true);
  });

  it('makes none of a store in quarantine', async () => {
    await store.commit([{ collection: 'setting', id: 'quarantine', record: { since: 1 } }]);
    await schedule().pass();
    assert.equal(await findNote(store), null);
    await store.commit([{ collection: 'setting', id: 'quarantine', record: null }]);
  });
});
