import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CURRENT, PENDING, PREVIOUS, type RotationSettings, type Strategy, silentLogger } from '@rekey/core';
import { FakeTarget } from '@rekey/rotators';
import type { AuditEntry } from '../../audit/entry.ts';
import { type EscrowEntry, type EscrowFinding, type EscrowSource, MemoryEscrowJournal } from '../escrow/escrow.ts';
import { FakeClock } from '../fake-clock.testing.ts';
import { fakeFunctions } from '../fake-functions.testing.ts';
import { credential, House, putSecret, textOf } from '../house.testing.ts';
import { type Engine, type EngineOptions, openEngine } from '../testing.ts';
import { addVersion } from '../versions.ts';
import { Quarantine } from './quarantine.ts';
import { needing } from './quarantine-report.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

type Backup = Awaited<ReturnType<typeof copyOf>>;

/** What a backup holds of the house: the secret, its values, its rotations. */
async function copyOf(house: House<FakeTarget>) {
  const list = async (collection: 'secret' | 'value' | 'rotation' | 'name') =>
    (await house.store.list(collection, { index: null, limit: 1_000 })).map(({ id, record }) => ({
      collection,
      id,
      record,
    }));
  return [...(await list('secret')), ...(await list('value')), ...(await list('rotation'))];
}

/** A house whose store is lost and restored from a backup made earlier; target and journal are as they were last. */
async function openRestored(
  live: (moments: {
    engine: Engine;
    rotate(): Promise<void>;
    backup(): Promise<void>;
    target: FakeTarget;
    house: House<FakeTarget>;
  }) => Promise<void>,
  options: { strategy?: Strategy; settings?: Partial<RotationSettings> } = {},
) {
  const { strategy = 'single-user' } = options;
  const target = new FakeTarget({ app: 'old-password', admin: 'admin-password' });
  const functions: EngineOptions['functions'] = fakeFunctions(target);
  const house = await House.open({ target, settings: { strategy, overlap: MINUTE, ...options.settings }, functions });
  const clock = new FakeClock();
  const engine = await house.server({ clock });
  let backup: Backup | null = null;
  const rotate = async () => {
    await clock.advance(HOUR);
    await engine.rotations.begin(house.secretId, { versionId: null, cause: 'manual', askedBy: 'test' });
    for (let minute = 0; minute < 3; minute += 1) {
      await engine.worker.tick();
      await clock.advance(MINUTE);
    }
  };
  const takeBackup = async () => {
    backup = await copyOf(house);
  };
  await live({ engine, rotate, target, house, backup: takeBackup });
  await clock.advance(HOUR);
  target.calls.length = 0;
  const restored = await openEngine({ clock, escrow: house.escrow, functions });
  const { store } = restored;
  await store.commit([
    ...(backup ?? []),
    { collection: 'name', id: store.opaque('name', 'app'), record: { secretId: house.secretId } },
    { collection: 'name', id: store.opaque('name', 'admin'), record: { secretId: 'secret-admin' } },
    {
      collection: 'setting',
      id: 'quarantine',
      record: { since: clock.now(), cause: 'restore', backup: 'rekey.backup' },
    },
  ] as Parameters<typeof store.commit>[0]);
  const audited: AuditEntry[] = [];
  const open = (escrow: EscrowSource = house.escrow as MemoryEscrowJournal, holder = 'server-1') =>
    new Quarantine({
      store,
      escrow,
      findFunction: functions(restored.access, { bytes: (length) => new Uint8Array(length).fill(7), below: () => 0 }),
      clock,
      audit: { append: async (entry) => void audited.push(entry) },
      alerts: house.alerts,
      log: silentLogger,
      holder,
    });
  const secret = async () => (await store.get('secret', house.secretId))!.record;
  const accepts = async (label: string) => {
    const text = await textOf(store, house.secretId, label);
    if (text === null) return null;
    const { username, password } = JSON.parse(text);
    return target.accepts(username, password);
  };
  return { restored, store, clock, target, house, audited, open, secret, accepts, secretId: house.secretId };
}

const outcomes = async (quarantine: Quarantine) =>
  (await quarantine.report()).report.filter(({ name }) => name === 'app').map(({ outcome }) => outcome);

describe('a restored store', () => {
  it('whose current value still logs in is left as it is', async () => {
    const { open, accepts, secret } = await openRestored(async ({ rotate, backup }) => {
      await rotate();
      await backup();
    });
    const before = await secret();
    const quarantine = open();
    await quarantine.look();
    const { counts, looked } = await quarantine.report();
    assert.deepEqual(counts, { 'in-sync': 2 });
    assert.equal(looked, true);
    assert.equal(await accepts(CURRENT), true);
    assert.deepEqual(await secret(), before);
  });

  for (const strategy of ['single-user', 'alternating-users'] as const)
    for (const missed of [1, 2, 3])
      it(`that missed ${missed} rotations (${strategy}) takes from the escrow journal the value that logs in`, async () => {
        const { open, accepts, secret, clock, restored } = await openRestored(
          async ({ rotate, backup }) => {
            await rotate();
            await backup();
            for (let count = 0; count < missed; count += 1) await rotate();
          },
          { strategy },
        );
        const quarantine = open();
        await quarantine.look();
        assert.equal(await accepts(CURRENT), true);
        assert.equal((await secret()).rotation?.number, 1 + missed);
        await quarantine.end({ despiteFindings: false });
        const { rotations, worker } = restored;
        await rotations.begin((await secret()).id, { versionId: null, cause: 'manual', askedBy: 'test' });
        for (let minute = 0; minute < 15; minute += 1) {
          await worker.tick();
          await clock.advance(MINUTE);
        }
        assert.equal((await rotations.history((await secret()).id, 1))[0]?.state, 'done');
        assert.equal(await accepts(CURRENT), true);
      });

  describe('during an overlap, while the restored value still logs in', () => {
    const overlapping = { strategy: 'alternating-users', settings: { overlap: 24 * HOUR } } as const;
    const outOfDate = (missed: number) =>
      openRestored(async ({ rotate, backup }) => {
        await backup();
        for (let count = 0; count < missed; count += 1) await rotate();
      }, overlapping);

    it('takes the newer value from the escrow journal: what applications hold today', async () => {
      const { open, accepts, house, store, secretId } = await outOfDate(1);
      assert.equal(await accepts(CURRENT), true, 'the old value is accepted beside the new one');
      const quarantine = open();
      await quarantine.look();
      assert.equal(await textOf(store, secretId, CURRENT), await house.textOf(CURRENT));
      assert.equal(await textOf(store, secretId, PREVIOUS), credential('app', 'old-password'));
      assert.deepEqual(await outcomes(quarantine), ['promoted']);
    });

    it('keeps the restored value where the journal’s newer one never reached the target', async () => {
      const { open, store, secretId, house } = await openRestored(async ({ backup }) => backup(), overlapping);
      const { name, arn } = await house.secret();
      await house.escrow.append({
        secretId,
        secretName: name,
        secretArn: arn,
        versionId: 'never-set',
        rotationNumber: 1,
        text: credential('app_clone', 'never set'),
        at: Date.UTC(2031, 0, 1),
      });
      const quarantine = open();
      await quarantine.look();
      assert.equal(await textOf(store, secretId, CURRENT), credential('app', 'old-password'));
      assert.deepEqual((await quarantine.report()).counts, { 'in-sync': 2 });
    });

    it('takes the value of the rotation that was at work when the backup was made, once it was set', async () => {
      const { open, store, secretId, house, restored, clock } = await openRestored(
        async ({ engine, backup, target, house: live }) => {
          target.breaks('set', 'down', 1);
          await engine.rotations.begin(live.secretId, { versionId: null, cause: 'manual', askedBy: 'test' });
          await engine.worker.tick();
          await backup();
          await engine.clock.advance(MINUTE);
          await engine.worker.tick();
        },
        overlapping,
      );
      const today = await house.textOf(CURRENT);
      assert.notEqual(today, credential('app', 'old-password'));
      const quarantine = open();
      await quarantine.look();
      assert.equal(await textOf(store, secretId, CURRENT), today);
      await quarantine.end({ despiteFindings: false });
      for (let hour = 0; hour < 26; hour += 1) {
        await clock.advance(HOUR);
        await restored.worker.tick();
      }
      assert.equal((await restored.rotations.history(secretId, 1))[0]?.state, 'done');
      assert.equal(await textOf(store, secretId, CURRENT), today);
    });

    it('does not make current what a cancelled rotation had left pending', async () => {
      const { open, store, secretId } = await openRestored(async ({ engine, backup, target, house }) => {
        target.breaks('test', 'down', Number.POSITIVE_INFINITY);
        await engine.rotations.begin(house.secretId, { versionId: null, cause: 'manual', askedBy: 'test' });
        await engine.worker.tick();
        await engine.rotations.cancel(house.secretId, engine.clock.now());
        target.mend();
        await backup();
      }, overlapping);
      assert.notEqual(await textOf(store, secretId, PENDING), null);
      const quarantine = open();
      await quarantine.look();
      assert.equal(await textOf(store, secretId, CURRENT), credential('app', 'old-password'));
    });

    it('does not make current a copy of it that was being tested when the backup was made', async () => {
      const { open, store, secretId } = await openRestored(async ({ engine, backup, target, house }) => {
        target.breaks('test', 'down', Number.POSITIVE_INFINITY);
        await engine.rotations.verify(house.secretId, { versionId: null, askedBy: 'test' });
        await engine.worker.tick();
        target.mend();
        await backup();
      }, overlapping);
      const before = (await store.get('secret', secretId))!.record;
      const quarantine = open();
      await quarantine.look();
      assert.equal((await quarantine.report()).counts['in-sync'], 2);
      assert.deepEqual((await store.get('secret', secretId))!.record, before);
    });
  });

  it('ends a rotation at work whose value it makes current in the place of one that was put by hand meanwhile', async () => {
    const { open, accepts, store, secretId, restored, clock } = await openRestored(
      async ({ engine, house, rotate, backup }) => {
        await engine.rotations.begin(house.secretId, { versionId: null, cause: 'manual', askedBy: 'test' });
        await backup();
        await rotate();
      },
    );
    const { record: before, revision: expect } = (await store.get('secret', secretId))!;
    const byHand = { id: 'by-hand', hasValue: true, kmsKeyId: null };
    const text = credential('app', 'never set');
    await store.commit([
      { collection: 'secret', id: secretId, record: addVersion(before, byHand, [CURRENT], clock.now()), expect },
      { collection: 'value', id: `${secretId}/by-hand`, record: { kind: 'text', text } },
    ]);
    const quarantine = open();
    await quarantine.look();
    await clock.advance(10 * MINUTE);
    await quarantine.look();
    assert.deepEqual(await outcomes(quarantine), ['promoted']);
    assert.equal(await accepts(CURRENT), true);
    await quarantine.end({ despiteFindings: false });
    for (let turn = 0; turn < 5; turn += 1) {
      await restored.worker.tick();
      await clock.advance(MINUTE);
    }
    assert.equal((await restored.rotations.history(secretId))[0]?.state, 'abandoned');
  });

  it('drops a rotation that was at work when the backup was made and ended since, and rotates again', async () => {
    const { open, accepts, secret, restored } = await openRestored(
      async ({ engine, target, backup, rotate, house }) => {
        target.breaks('set', 'down', 1);
        await engine.rotations.begin(house.secretId, { versionId: null, cause: 'manual', askedBy: 'test' });
        await engine.worker.tick();
        await backup();
        await engine.clock.advance(MINUTE);
        await engine.worker.tick();
        await engine.clock.advance(MINUTE);
        await engine.worker.tick();
        await rotate();
      },
    );
    assert.notEqual((await secret()).rotation?.activeRotationId, null);
    const quarantine = open();
    await quarantine.look();
    assert.deepEqual(await outcomes(quarantine), ['promoted']);
    assert.equal(await accepts(CURRENT), true);
    assert.equal((await secret()).rotation?.activeRotationId, null);
    assert.equal((await restored.rotations.history((await secret()).id))[0]?.state, 'abandoned');
  });

  it('leaves a rotation at work that had just told its value to the target, and lets it end', async () => {
    const { open, accepts, secret, restored, clock } = await openRestored(async ({ engine, target, backup, house }) => {
      target.breaks('test', 'down', Number.POSITIVE_INFINITY);
      await engine.rotations.begin(house.secretId, { versionId: null, cause: 'manual', askedBy: 'test' });
      await engine.worker.tick();
      target.mend();
      await backup();
    });
    assert.equal(await accepts(CURRENT), false);
    assert.equal(await accepts(PENDING), true);
    const quarantine = open();
    await quarantine.look();
    assert.deepEqual(await outcomes(quarantine), ['promoted']);
    assert.equal(await accepts(CURRENT), true);
    await quarantine.end({ despiteFindings: false });
    for (let minute = 0; minute < 5; minute += 1) {
      await restored.worker.tick();
      await clock.advance(MINUTE);
    }
    assert.equal((await restored.rotations.history((await secret()).id))[0]?.state, 'done');
    assert.equal(await accepts(CURRENT), true);
  });

  it('asks nothing of a target it cannot reach but to be there later, and never takes that for a wrong password', async () => {
    const { open, accepts, target, clock } = await openRestored(async ({ rotate, backup }) => {
      await backup();
      await rotate();
    });
    target.breaks('any', 'down', Number.POSITIVE_INFINITY);
    const quarantine = open();
    quarantine.start();
    await clock.advance(1_000);
    assert.deepEqual(await outcomes(quarantine), ['unknown']);
    await assert.rejects(quarantine.end({ despiteFindings: false }), {
      reason: 'quarantine-findings',
      message: /: 2 findings need a person, the first of them /,
    });
    target.mend();
    await clock.advance(2 * MINUTE);
    assert.deepEqual(await outcomes(quarantine), ['promoted']);
    assert.equal(await accepts(CURRENT), true);
    await quarantine.stop();
  });

  it('tries one value at once and the others when the logins of the lost store are over, below any lock-out limit', async () => {
    const { open, accepts, target, clock } = await openRestored(async ({ rotate, backup, target: live }) => {
      await backup();
      await rotate();
      live.breaks('set', 'down', Number.POSITIVE_INFINITY);
      await rotate();
    });
    target.mend();
    const refused = () => target.calls.filter((call) => call === 'probe app').length;
    const quarantine = open();
    quarantine.start();
    await clock.advance(0);
    assert.deepEqual([await outcomes(quarantine), refused()], [['unknown'], 1]);
    await assert.rejects(quarantine.end({ despiteFindings: false }), { reason: 'quarantine-findings' });
    await clock.advance(9 * MINUTE);
    assert.equal(refused(), 1);
    await clock.advance(MINUTE);
    assert.deepEqual(await outcomes(quarantine), ['promoted']);
    assert.equal(await accepts(CURRENT), true);
    await quarantine.stop();
  });

  it('logs in no sooner after the quarantine either', async () => {
    const { open, target, clock, restored, secretId } = await openRestored(
      async ({ rotate, backup }) => {
        await rotate();
        await backup();
      },
      { strategy: 'alternating-users' },
    );
    const quarantine = open();
    await quarantine.look();
    await quarantine.end({ despiteFindings: false });
    target.calls.length = 0;
    await restored.rotations.begin(secretId, { versionId: null, cause: 'manual', askedBy: 'test' });
    for (let minute = 0; minute < 9; minute += 1) {
      await restored.worker.tick();
      await clock.advance(MINUTE);
    }
    assert.deepEqual(
      target.calls.filter((call) => call === 'test app'),
      [],
    );
    await clock.advance(MINUTE);
    await restored.worker.tick();
    assert.ok(target.calls.includes('test app'));
  });

  it('sets a known value by the admin credential where none logs in', async () => {
    const { open, accepts, secret, clock } = await openRestored(async ({ rotate, backup, target }) => {
      await backup();
      await rotate();
      target.changeByHand('app', 'nobody knows');
    });
    const quarantine = open();
    await quarantine.look();
    await clock.advance(10 * MINUTE);
    await quarantine.look();
    assert.deepEqual(await outcomes(quarantine), ['repaired']);
    assert.equal(await accepts(CURRENT), true);
    assert.equal((await secret()).rotation?.number, 2);
  });

  it('sets the restored value again where there is no escrow journal', async () => {
    const { open, accepts, store, secretId } = await openRestored(async ({ backup, target }) => {
      await backup();
      target.changeByHand('app', 'nobody knows');
    });
    const quarantine = open(new MemoryEscrowJournal());
    await quarantine.look();
    assert.deepEqual(await outcomes(quarantine), ['repaired']);
    assert.equal(await accepts(CURRENT), true);
    assert.equal(await textOf(store, secretId, CURRENT), credential('app', 'old-password'));
  });

  it('lists what cannot be mended with what to do, after at most four refused logins', async () => {
    const { open, target, clock } = await openRestored(async ({ rotate, backup, target: live }) => {
      await backup();
      for (let count = 0; count < 5; count += 1) await rotate();
      live.changeByHand('app', 'nobody knows');
      live.changeByHand('admin', 'nobody knows either');
    });
    const quarantine = open();
    await quarantine.look();
    await clock.advance(10 * MINUTE);
    await quarantine.look();
    const [row] = (await quarantine.report()).report.filter(({ name }) => name === 'app');
    assert.equal(row?.outcome, 'refused');
    assert.match(
      row?.sentence ?? '',
      /refuses the admin credential\. .*Put the value its target accepts, then end the quarantine\.$/,
    );
    assert.ok(target.calls.filter((call) => call === 'probe app').length <= 4);
    await assert.rejects(quarantine.end({ despiteFindings: false }), { reason: 'quarantine-findings' });
    await quarantine.end({ despiteFindings: true });
    assert.equal((await quarantine.report()).quarantine, null);
  });

  it('says of an admin credential that it does not log in any more, once', async () => {
    const { open, target, store } = await openRestored(async ({ backup, target: live }) => {
      await backup();
      live.changeByHand('admin', 'nobody knows');
    });
    const admin = (await store.get('secret', 'secret-admin'))!.record;
    await store.commit([{ collection: 'secret', id: admin.id, record: { ...admin, rotation: null } }]);
    const quarantine = open();
    await quarantine.look();
    await quarantine.look();
    const [row] = (await quarantine.report()).report.filter(({ name }) => name === 'admin');
    assert.equal(row?.outcome, 'refused');
    assert.match(row?.sentence ?? '', /^app names it as its admin credential, and it does not log in: put the one/);
    assert.equal(target.calls.filter((call) => call === 'probe admin').length, 1);
    await assert.rejects(quarantine.end({ despiteFindings: false }), { reason: 'quarantine-findings' });
  });

  it('believes nothing a target says that accepts any password', async () => {
    const { open } = await openRestored(async ({ backup, target }) => {
      await backup();
      target.checksPasswords = false;
    });
    const quarantine = open();
    await quarantine.look();
    assert.deepEqual(await outcomes(quarantine), ['unknown']);
  });

  it('brings back a secret that was made after the backup, its newest value current, its rotation off', async () => {
    const later: EscrowEntry = {
      secretId: 'secret-later',
      secretName: 'later',
      secretArn: 'arn:aws:secretsmanager:us-east-1:000000000000:secret:later-AbCdEf',
      versionId: 'later-1',
      rotationNumber: 1,
      text: 'first',
      at: Date.UTC(2031, 0, 1),
    };
    const { open, store, house } = await openRestored(async ({ backup }) => backup());
    for (const count of [1, 2, 3])
      await house.escrow.append({
        ...later,
        versionId: `later-${count}`,
        rotationNumber: count,
        text: `value ${count}`,
        at: later.at + count,
      });
    const quarantine = open();
    await quarantine.look();
    const found = await store.findSecret('later');
    assert.equal(await textOf(store, 'secret-later', CURRENT), 'value 3');
    assert.equal(await textOf(store, 'secret-later', PREVIOUS), 'value 2');
    assert.equal(found?.record.rotation?.number, 3);
    assert.equal(found?.record.rotation?.enabled, false);
    assert.deepEqual((await quarantine.report()).counts.recreated, 1);
  });

  it('does not bring back a secret that was deleted before the backup', async () => {
    const { open, store, house } = await openRestored(async ({ backup }) => backup());
    await house.escrow.append({
      secretId: 'gone',
      secretName: 'gone',
      secretArn: 'arn:gone',
      versionId: 'v',
      rotationNumber: 1,
      text: 't',
      at: 1,
    });
    await open().look();
    assert.equal(await store.findSecret('gone'), null);
  });

  it('takes the later value though the clock was set back before it was made', async () => {
    const { open, accepts } = await openRestored(async ({ engine, rotate, backup }) => {
      await rotate();
      await backup();
      engine.clock.skip(-24 * HOUR);
      await rotate();
    });
    const quarantine = open();
    await quarantine.look();
    assert.deepEqual(await outcomes(quarantine), ['promoted']);
    assert.equal(await accepts(CURRENT), true);
  });

  it('keeps both where the journal knows another value under a version id that the store has', async () => {
    const { open, store, house, secret, secretId } = await openRestored(async ({ backup }) => backup());
    const { name, arn, versions } = await secret();
    const entry = {
      secretId,
      secretName: name,
      secretArn: arn,
      versionId: versions[0]!.id,
      rotationNumber: 1,
      text: 'another',
      at: 1,
    };
    await house.escrow.append(entry);
    await open().look();
    await open().look();
    const texts = await Promise.all(
      (await secret()).versions.map(async ({ id }) => (await store.getValue(secretId, id)) as { text: string }),
    );
    assert.deepEqual(texts.map(({ text }) => text).sort(), ['another', credential('app', 'old-password')].sort());
  });

  it('replays to the same end however often it is begun', async () => {
    const { open, secret } = await openRestored(async ({ rotate, backup }) => {
      await backup();
      await rotate();
      await rotate();
    });
    await open().look();
    const once = await secret();
    await open().look();
    assert.deepEqual(await secret(), once);
  });

  it('tells of damage in the journal, and uses what can be read', async () => {
    const { open, accepts, house } = await openRestored(async ({ rotate, backup }) => {
      await backup();
      await rotate();
    });
    const sound = house.escrow as MemoryEscrowJournal;
    const damaged = {
      async *scan(): AsyncGenerator<EscrowFinding> {
        yield { kind: 'problem', line: 3, sentence: 'Line 3 of the escrow journal is damaged.' };
        yield* sound.scan();
      },
    };
    const quarantine = open(damaged);
    await quarantine.look();
    assert.equal(await accepts(CURRENT), true);
    const [first] = (await quarantine.report()).report;
    assert.deepEqual([first?.outcome, first?.sentence], ['damaged', 'Line 3 of the escrow journal is damaged.']);
    await assert.rejects(quarantine.end({ despiteFindings: false }), { reason: 'quarantine-findings' });
  });

  it('is looked through by one server of several, and rotates nothing meanwhile', async () => {
    const { open, target, restored, secretId } = await openRestored(async ({ backup }) => backup());
    const [one, two] = [open(), open(undefined, 'server-2')];
    await Promise.all([one.look(), two.look()]);
    await restored.rotations.begin(secretId, { versionId: null, cause: 'manual', askedBy: 'test' });
    await restored.worker.tick();
    assert.equal(
      target.calls.some((call) => call.startsWith('set')),
      false,
    );
  });

  it('is not let out before it was looked through, unless somebody says so', async () => {
    const { open } = await openRestored(async ({ backup }) => backup());
    await assert.rejects(open().end({ despiteFindings: false }), { reason: 'quarantine-not-looked' });
    assert.equal(await open().end({ despiteFindings: true }), true);
    assert.equal(await open().end({ despiteFindings: false }), false);
  });

  it('audits each change before it is made, without a value', async () => {
    const { open, audited } = await openRestored(async ({ rotate, backup }) => {
      await backup();
      await rotate();
    });
    const quarantine = open();
    await quarantine.look();
    await quarantine.end({ despiteFindings: false });
    const actions = audited.map(({ action }) => action);
    assert.deepEqual(actions, ['rekey:EscrowReplayed', 'rekey:QuarantinePromoted', 'rekey:QuarantineEnded']);
    assert.equal(JSON.stringify(audited).includes('password'), false);
  });

  it('tells people that nothing rotates, until it is let out', async () => {
    const { open, house } = await openRestored(async ({ backup }) => backup());
    const quarantine = open();
    await quarantine.look();
    assert.match(
      house.alerts.raised.get('quarantine') ?? '',
      /^Restored from rekey\.backup at \d{4}-\d\d-\d\dT[\d:.]+Z; nothing rotates\./,
    );
    await quarantine.end({ despiteFindings: false });
    assert.equal(house.alerts.raised.has('quarantine'), false);
  });

  it('counts in words that are right of one finding too', () => {
    assert.deepEqual([1, 2].map(needing), ['1 finding needs a person', '2 findings need a person']);
  });

  it('that is not in quarantine is left alone', async () => {
    const clock = new FakeClock();
    const engine = await openEngine({ clock, functions: () => () => null });
    await putSecret(engine.store, clock.now(), { name: 'app', value: 'v' });
    const parts = {
      ...engine,
      log: silentLogger,
      holder: 'x',
      findFunction: () => null,
      escrow: new MemoryEscrowJournal(),
    };
    const quarantine = new Quarantine({ ...parts, audit: { append: async () => {} } });
    await quarantine.look();
    await quarantine.end({ despiteFindings: false });
    assert.deepEqual(await quarantine.report(), { quarantine: null, looked: false, counts: {}, report: [] });
  });
});
