import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  CURRENT,
  DEFAULT_ROTATION_SETTINGS,
  RekeyError,
  type RotationRule,
  type SecretRotation,
  type Strategy,
} from '@rekey/core';
import { FakeTarget } from '@rekey/rotators';
import { fakeFunctions } from '../fake-functions.testing.ts';
import { openBench } from '../house.testing.ts';
import { planned } from '../schedule/plan-next.ts';
import type { FreezeText } from './freeze.ts';
import type { Hold } from './hold.ts';
import { postponed } from './postponement.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** The fake clock begins at midnight, UTC, on Tuesday, 1 January 2030. */
const night: FreezeText = {
  name: 'first night',
  environments: null,
  secrets: null,
  every: 'once',
  from: '2030-01-01 00:30',
  until: '2030-01-01 06:00',
  timeZone: 'UTC',
};
const SIX = Date.UTC(2030, 0, 1, 6);

const DAILY: SecretRotation = {
  enabled: true,
  functionArn: 'rekey-fake',
  rule: { kind: 'days', days: 1, duration: null },
  settings: DEFAULT_ROTATION_SETTINGS,
  number: 0,
  lastRotatedAt: null,
  plannedAt: null,
  deadlineAt: null,
  activeRotationId: null,
  queuedRotationId: null,
};

interface Options {
  readonly strategy?: Strategy;
  readonly freezes?: readonly FreezeText[];
  readonly rule?: RotationRule;
  readonly overlap?: number;
}

function open({ strategy = 'alternating-users', freezes = [night], rule, overlap = 10 * MINUTE }: Options = {}) {
  const target = new FakeTarget({ app: 'old-password', admin: 'admin-password' });
  return openBench(
    {
      target,
      rule: rule ?? { kind: 'every', every: HOUR },
      settings: { strategy, overlap },
      functions: fakeFunctions(target),
    },
    { freezes },
  );
}

const reason = (expected: string) => (error: unknown) => error instanceof RekeyError && error.reason === expected;

describe('a secret that falls due in a freeze', () => {
  test('waits to its end with nothing begun, says so, is not overdue, and rotates then', async () => {
    const { house, rotations, engine, pass, latest } = await open();
    await pass(5 * HOUR);
    const { rotation, versions } = await house.secret();
    assert.equal(versions.length, 1, 'no pending version stands about for hours');
    assert.ok(rotation?.plannedAt != null && rotation.plannedAt >= SIX && rotation.plannedAt < SIX + HOUR / 10);
    assert.ok((rotation.deadlineAt ?? 0) > rotation.plannedAt);
    const { due, reasons } = await rotations.due(house.secretId);
    assert.equal(due, false);
    assert.match(
      reasons.map(({ sentence }) => sentence).join(),
      /was due at 2030-01-01T01:0.*Frozen by "first night".*until 2030-01-01T06:00/,
    );
    assert.deepEqual([...house.alerts.raised], []);
    assert.equal(engine.audited.filter(({ action }) => action === 'rekey:RotationPostponed').length, 1);
    await pass(90 * MINUTE);
    assert.equal((await latest()).cause, 'schedule');
    assert.notEqual((await latest()).promotedAt, null);
    assert.equal((await house.secret()).rotation?.postponed ?? null, null);
    assert.deepEqual([...house.alerts.raised], []);
  });

  test('that was overdue before stays overdue', async () => {
    const { house, engine, pass, clock } = await open({ freezes: [{ ...night, from: '2030-01-01 03:00' }] });
    engine.rotations.beginDue = async () => null;
    await clock.advance(2 * HOUR);
    await pass(10 * MINUTE);
    assert.deepEqual([...house.alerts.raised.keys()], [`overdue/${house.secretId}`]);
    Reflect.deleteProperty(engine.rotations, 'beginDue');
    await clock.advance(HOUR);
    await pass(30 * MINUTE);
    assert.notEqual((await house.secret()).rotation?.postponed ?? null, null);
    assert.deepEqual([...house.alerts.raised.keys()], [`overdue/${house.secretId}`]);
  });

  test('is rotated as soon as the freeze is lifted, and again waits for one that takes its place', async () => {
    const { house, engine, pass, rotations } = await open({ freezes: [] });
    await engine.freezes.put(night);
    await pass(2 * HOUR);
    assert.ok(((await house.secret()).rotation?.plannedAt ?? 0) >= SIX);
    await engine.freezes.put({ ...night, until: '2030-01-01 04:00' });
    await pass(5 * MINUTE);
    assert.ok(((await house.secret()).rotation?.plannedAt ?? 0) < SIX);
    assert.equal((await rotations.history(house.secretId)).length, 0);
    assert.equal(await engine.freezes.remove('first night'), true);
    assert.equal(await engine.freezes.remove('first night'), false);
    await pass(10 * MINUTE);
    assert.equal((await rotations.history(house.secretId)).length, 1);
  });

  test('is rotated by a server that was started without the freeze', async () => {
    const { house, pass, clock, rotations } = await open();
    await pass(2 * HOUR);
    const other = await house.server({ clock });
    for (let passed = 0; passed < 10; passed += 1) {
      await clock.advance(MINUTE);
      await other.worker.tick();
    }
    assert.equal((await rotations.history(house.secretId)).length, 1);
  });

  test('of another environment is rotated', async () => {
    const { house, pass, rotations } = await open({ freezes: [{ ...night, secrets: ['prod/*'] }] });
    await pass(90 * MINUTE);
    assert.equal((await rotations.history(house.secretId)).length, 1);
  });
});

describe('in a freeze', () => {
  test('a person who asks is refused without a trace and told how to insist; who insists is on record', async () => {
    const { house, clock, rotations, pass, latest, engine } = await open({ rule: { kind: 'manual' } });
    await clock.advance(HOUR);
    const ask = { versionId: null, cause: 'manual', askedBy: 'test' } as const;
    await assert.rejects(rotations.begin(house.secretId, ask), (error: unknown) => {
      assert.ok(reason('rotation-held')(error));
      assert.match(String(error), /Frozen by "first night".*until 2030-01-01T06:00.*--override-freeze/);
      return true;
    });
    assert.equal((await rotations.history(house.secretId)).length, 0);
    await rotations.begin(house.secretId, { ...ask, override: { freeze: 'leaked in a chat' } });
    await pass(30 * MINUTE);
    assert.equal((await latest()).state, 'done', 'its old value is retired too');
    assert.match(engine.audited[0]?.detail ?? '', /overrides the freeze \(leaked in a chat\)/);
  });

  test('a breach passes, with the end of the old value', async () => {
    const { house, clock, rotations, pass, latest } = await open({ rule: { kind: 'manual' } });
    await clock.advance(HOUR);
    await rotations.begin(house.secretId, { versionId: null, cause: 'breach', askedBy: 'test' });
    await pass(30 * MINUTE);
    assert.equal((await latest()).state, 'done');
  });

  test('a repair and a way back pass: they are for what is wrong now', async () => {
    const { house, begin, clock, engine, pass, latest, target } = await open({ rule: { kind: 'manual' } });
    await begin();
    await pass(20 * MINUTE);
    await clock.advance(HOUR);
    const { username } = JSON.parse((await house.textOf(CURRENT)) ?? '');
    target.changeByHand(username, 'changed by hand');
    await engine.corrections.repair(house.secretId, 'test');
    await pass(10 * MINUTE);
    assert.deepEqual([(await latest()).cause, (await latest()).state], ['drift', 'done']);
    assert.equal(await house.accepts(CURRENT), true);
  });

  test('an old value stays valid to its end, when its overlap ends meanwhile', async () => {
    const { house, begin, pass, latest } = await open({ rule: { kind: 'manual' }, overlap: HOUR });
    await begin();
    await pass(3 * HOUR);
    assert.equal((await latest()).state, 'retiring');
    assert.match(
      (await latest()).waitingFor ?? '',
      /Frozen by "first night": its old value stays valid until 2030-01-01T06:00/,
    );
    assert.equal(house.target.accepts('app', 'old-password'), true);
    await pass(4 * HOUR);
    assert.equal((await latest()).state, 'done');
    assert.equal(house.target.accepts('app', 'old-password'), false);
  });

  test('what its target was told of finishes: a switch window is not left open', async () => {
    const { begin, pass, latest, target, house } = await open({ strategy: 'single-user', rule: { kind: 'manual' } });
    await begin();
    await pass(29 * MINUTE);
    await begin();
    target.breaks('set', 'lost-reply');
    target.breaks('probe', 'down', 12);
    await pass(MINUTE, 1_000);
    await pass(30 * MINUTE, 10_000);
    assert.equal((await latest()).state, 'done');
    assert.ok((await latest()).setStartedAt! < Date.UTC(2030, 0, 1, 0, 30), 'set before the freeze');
    assert.ok((await latest()).promotedAt! > Date.UTC(2030, 0, 1, 0, 30), 'and promoted in it');
    assert.equal(await house.accepts(CURRENT), true);
  });

  test('what waits for its turn, and was told to no target, waits on; the deadline waits with it', async () => {
    const { house, pass, latest, target, engine } = await open({ rule: { kind: 'every', every: 20 * MINUTE } });
    await pass(15 * MINUTE);
    target.breaks('any', 'down', Number.POSITIVE_INFINITY);
    await pass(30 * MINUTE);
    target.mend();
    await pass(2 * HOUR);
    const record = await latest();
    assert.deepEqual([record.heldBy, record.setStartedAt], ['freeze', null]);
    assert.match(record.waitingFor ?? '', /Frozen by "first night"/);
    await engine.freezes.put({ ...night, name: 'another day', from: '2030-02-01 00:00', until: '2030-02-02 00:00' });
    await pass(10 * MINUTE);
    assert.equal((await latest()).heldBy, 'freeze', 'a change that does not concern it changes nothing');
    await pass(5 * HOUR);
    assert.notEqual((await latest()).promotedAt, null);
    assert.equal(await house.accepts(CURRENT), true);
  });

  test('who insists on a rotation that is held already sets it going', async () => {
    const { house, clock, pass, latest, rotations, begin } = await open({ rule: { kind: 'manual' } });
    await clock.advance(29 * MINUTE);
    const { id } = await begin();
    await clock.advance(10 * MINUTE);
    await pass(MINUTE);
    assert.equal((await latest()).heldBy, 'freeze');
    const ask = { versionId: null, cause: 'manual', askedBy: 'test' } as const;
    assert.equal((await rotations.begin(house.secretId, { ...ask, override: { freeze: 'urgent' } })).id, id);
    await pass(20 * MINUTE);
    assert.deepEqual([(await latest()).id, (await latest()).state], [id, 'done']);
  });
});

test('10,000 secrets that a freeze held do not come at its last moment', () => {
  const hold: Hold = { by: 'freeze', until: SIX, sentence: 'Frozen.' };
  const minutes = Array.from({ length: 60 }, () => 0);
  for (let index = 0; index < 10_000; index += 1) {
    const due = planned(DAILY, `secret ${index}`, SIX - 48 * HOUR);
    const { plannedAt, deadlineAt } = postponed(due, `secret ${index}`, hold, due.plannedAt ?? 0);
    minutes[Math.floor(((plannedAt ?? 0) - SIX) / MINUTE)]! += 1;
    assert.ok(
      (deadlineAt ?? 0) - (plannedAt ?? 0) >= (due.deadlineAt ?? 0) - (due.plannedAt ?? 0),
      'as long to do it in',
    );
  }
  assert.ok(
    minutes.every((count) => count > 100 && count < 240),
    String(minutes),
  );
});
