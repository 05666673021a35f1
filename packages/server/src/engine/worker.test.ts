import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CURRENT, PENDING, PREVIOUS, RekeyError, type RotationSettings, type Strategy } from '@rekey/core';
import { type FakeOptions, FakeTarget, fake, rotationFunctionFrom } from '@rekey/rotators';
import { credential, type EngineOptions, FakeClock, House, type HouseOptions } from './testing.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

interface Options {
  readonly settings?: Partial<RotationSettings>;
  readonly rotator?: FakeOptions;
  readonly rule?: HouseOptions<FakeTarget>['rule'];
  readonly server?: Partial<EngineOptions>;
}

async function open(strategy: Strategy = 'alternating-users', options: Options = {}) {
  const target = new FakeTarget({ app: 'old-password', admin: 'admin-password' });
  const house = await House.open({
    target,
    settings: { strategy, overlap: 10 * MINUTE, ...options.settings },
    ...(options.rule === undefined ? {} : { rule: options.rule }),
    functions: (access, random) => {
      const made = rotationFunctionFrom(fake(target, options.rotator ?? {}), access, { random });
      return (functionArn) => (functionArn === 'rekey-fake' ? made : null);
    },
  });
  const clock = new FakeClock();
  const engine = await house.server({ clock, ...options.server });
  const { rotations, worker } = engine;
  const begin = (versionId: string | null = null) =>
    rotations.begin(house.secretId, { versionId, cause: 'manual', askedBy: 'test' });
  const latest = async () => (await rotations.history(house.secretId, 1))[0]!;
  /** Lets time pass in small steps with a pass of the worker at each. */
  const pass = async (milliseconds: number, step = MINUTE) => {
    for (let passed = 0; passed < milliseconds; passed += step) {
      await clock.advance(Math.min(step, milliseconds - passed));
      await worker.tick();
    }
  };
  return { house, target, clock, engine, rotations, worker, begin, latest, pass };
}

const reason = (expected: string) => (error: unknown) => error instanceof RekeyError && error.reason === expected;

describe('a rotation', () => {
  test('by alternating users keeps the old value valid for the overlap, then proves that it is refused', async () => {
    const { house, worker, begin, latest, pass, clock } = await open();
    await begin();
    await worker.tick();
    assert.equal((await latest()).state, 'retiring');
    assert.match((await latest()).waitingFor ?? '', /stays valid until 2030-01-01T00:10:00/);
    assert.deepEqual([await house.accepts(CURRENT), await house.accepts(PREVIOUS)], [true, true]);
    await pass(10 * MINUTE);
    const done = await latest();
    assert.equal(done.state, 'done');
    assert.equal(done.oldRefusedAt, clock.now());
    assert.deepEqual([await house.accepts(CURRENT), await house.accepts(PREVIOUS)], [true, false]);
  });

  test('of a single user measures its switch window and proves at once that the old value is refused', async () => {
    const { house, worker, begin, latest } = await open('single-user');
    await begin();
    await worker.tick();
    const done = await latest();
    assert.equal(done.state, 'done');
    assert.equal(done.switchWindow, 0);
    assert.deepEqual([await house.accepts(CURRENT), await house.accepts(PREVIOUS)], [true, false]);
    assert.equal(await house.textOf(PENDING), null);
  });

  test('where the target keeps two passwords keeps the old one valid for the overlap', async () => {
    const { house, worker, begin, latest, pass } = await open('dual-password', {
      rotator: { strategies: ['dual-password'] },
    });
    await begin();
    await worker.tick();
    assert.deepEqual([await house.accepts(CURRENT), await house.accepts(PREVIOUS)], [true, true]);
    await pass(10 * MINUTE);
    assert.equal((await latest()).state, 'done');
    assert.equal(await house.accepts(PREVIOUS), false);
  });

  test('has its new value in the escrow journal before the target hears of it', async () => {
    const { house, worker, begin, target } = await open();
    const escrowed: string[] = [];
    for (const operation of ['set'] as const) target.breaks(operation, 'down', Number.POSITIVE_INFINITY);
    await begin();
    await worker.tick();
    for await (const { text } of house.escrow.entries()) escrowed.push(text);
    assert.deepEqual(escrowed, [await house.textOf(PENDING)]);
    assert.ok(target.calls.includes('set app_clone'));
  });

  test('asked for while an overlap runs waits for its end and says until when', async () => {
    const { house, worker, begin, latest, pass, rotations } = await open();
    await begin();
    await worker.tick();
    const second = await begin();
    assert.equal((await house.secret()).rotation?.queuedRotationId, second.id);
    assert.match(second.waitingFor ?? '', /overlap of rotation 1, which runs until 2030-01-01T00:10:00/);
    await worker.tick();
    assert.equal((await rotations.get(second.id)).state, 'due');
    await pass(10 * MINUTE);
    await worker.tick();
    assert.equal((await latest()).state, 'retiring');
    assert.equal((await house.secret()).rotation?.activeRotationId, second.id);
    assert.equal((await house.secret()).rotation?.queuedRotationId, null);
    await pass(10 * MINUTE);
    assert.equal((await latest()).state, 'done');
    assert.equal(await house.accepts(CURRENT), true);
  });

  test('asked for twice with the same token is one rotation, also after it ended', async () => {
    const { begin, worker, pass, rotations, house } = await open();
    const token = 'a'.repeat(32);
    const first = await begin(token);
    assert.equal((await begin(token)).id, first.id);
    await worker.tick();
    await pass(10 * MINUTE);
    assert.equal((await begin(token)).id, first.id);
    assert.equal((await rotations.history(house.secretId)).length, 1);
  });

  test('asked for with another token while one is pending is refused, as AWS refuses it', async () => {
    const { begin } = await open();
    await begin('a'.repeat(32));
    await assert.rejects(begin('b'.repeat(32)), reason('previous-rotation-incomplete'));
  });

  test('asked for without a token joins the one at work', async () => {
    const { begin } = await open();
    assert.equal((await begin()).id, (await begin()).id);
  });

  test('keeps the new version of a secret pending, without a value, from the first moment', async () => {
    const { begin, house } = await open();
    const { versionId } = await begin();
    const version = (await house.secret()).versions.find(({ id }) => id === versionId);
    assert.deepEqual([version?.labels, version?.hasValue], [[PENDING], false]);
  });

  test('of a function that cannot be found is blocked and says so', async () => {
    const { rotations, house, worker, latest } = await open();
    const configure = () => ({ ...rotation, functionArn: 'gone' });
    const rotation = (await house.secret()).rotation!;
    await rotations.begin(house.secretId, { versionId: null, cause: 'manual', askedBy: 'test', configure });
    await worker.tick();
    assert.equal((await latest()).state, 'blocked');
    assert.match((await latest()).waitingFor ?? '', /no rotation function gone/);
  });

  test('whose schedule is not longer than its overlap is refused', async () => {
    const { rotations, house } = await open();
    const rotation = (await house.secret()).rotation!;
    const configure = () => ({ ...rotation, rule: { kind: 'every' as const, every: 10 * MINUTE } });
    await assert.rejects(
      rotations.begin(house.secretId, { versionId: null, cause: 'manual', askedBy: 'test', configure }),
      reason('interval-not-longer-than-overlap'),
    );
  });
});

describe('failures', () => {
  test('a target that is down is never taken for a wrong password, and is waited for without end', async () => {
    const { worker, begin, latest, target, pass, house } = await open();
    target.breaks('any', 'down', Number.POSITIVE_INFINITY);
    await begin();
    await worker.tick();
    await pass(2 * HOUR);
    const waiting = await latest();
    assert.notEqual(waiting.state, 'blocked');
    assert.equal(waiting.lastErrorClass, 'unreachable');
    assert.ok(waiting.attempts > 10);
    target.mend();
    await pass(30 * MINUTE);
    assert.equal((await latest()).state, 'done');
    assert.equal(await house.accepts(CURRENT), true);
  });

  test('a lost reply to set is resolved by looking, and the same value goes on', async () => {
    for (const strategy of ['single-user', 'alternating-users'] as const) {
      const { worker, begin, latest, target, pass, house } = await open(strategy);
      target.breaks('set', 'lost-reply');
      await begin();
      await worker.tick();
      const value = await house.textOf(PENDING);
      assert.equal((await latest()).doing?.step, 'set');
      await pass(2 * MINUTE, 1_000);
      assert.equal(await house.textOf(CURRENT), value);
      assert.equal(target.calls.filter((call) => call.startsWith('set')).length, 1);
      assert.equal(await house.accepts(CURRENT), true);
      assert.match(JSON.stringify((await latest()).steps), /login with the new value was accepted/);
    }
  });

  test('a set of which nothing arrived is done again with the recorded value', async () => {
    const { worker, begin, target, pass, house } = await open('single-user');
    target.breaks('set', 'down');
    await begin();
    await worker.tick();
    const value = await house.textOf(PENDING);
    await pass(MINUTE, 1_000);
    assert.equal(await house.textOf(CURRENT), value);
    assert.equal(await house.accepts(CURRENT), true);
  });

  test('doubt stays doubt while the target cannot be looked at, however long', async () => {
    const { worker, begin, latest, target, pass, house } = await open('single-user');
    target.breaks('set', 'lost-reply');
    await begin();
    await worker.tick();
    const value = await house.textOf(PENDING);
    target.breaks('probe', 'unclear', 20);
    await pass(MINUTE, 5_000);
    assert.equal((await latest()).state, 'created');
    assert.match((await latest()).waitingFor ?? '', /Could not look/);
    await pass(5 * MINUTE, 5_000);
    assert.equal((await latest()).state, 'done');
    assert.equal(await house.textOf(CURRENT), value);
  });

  test('a rejected value makes a fresh one, once the target is seen not to hold it', async () => {
    const { worker, begin, latest, target, pass, house } = await open('single-user');
    target.breaks('set', 'rejects-value');
    const { versionId, number } = await begin();
    await worker.tick();
    const rejected = await house.textOf(PENDING);
    await pass(MINUTE, 1_000);
    const done = await latest();
    assert.equal(done.state, 'done');
    assert.equal(done.versionId, versionId);
    assert.ok(done.number > number, 'a higher fence goes with the fresh value');
    assert.notEqual(await house.textOf(CURRENT), rejected);
    assert.equal(await house.accepts(CURRENT), true);
  });

  test('values that are rejected again and again end with a person', async () => {
    const { worker, begin, latest, target, pass, house } = await open('single-user');
    target.breaks('set', 'rejects-value', Number.POSITIVE_INFINITY);
    await begin();
    await worker.tick();
    await pass(5 * MINUTE, 1_000);
    const stuck = await latest();
    assert.equal(stuck.state, 'blocked');
    assert.match(stuck.waitingFor ?? '', /password rule/);
    assert.equal(stuck.steps.filter(({ errorClass }) => errorClass === 'rejected-value').length, 3);
    assert.equal(await house.accepts(CURRENT), true);
  });

  test('a missing privilege is blocked at once with the next action, and goes on when asked after it was granted', async () => {
    const { worker, begin, latest, target, house } = await open();
    target.breaks('set', 'missing-privilege');
    const first = await begin();
    await worker.tick();
    const value = await house.textOf(PENDING);
    assert.equal((await latest()).state, 'blocked');
    assert.equal((await latest()).waitingFor, 'The admin credential may not set at the fake target. Grant it.');
    assert.equal((await begin()).id, first.id);
    await worker.tick();
    assert.equal((await latest()).state, 'retiring');
    assert.equal(await house.textOf(CURRENT), value);
  });

  test('a refused login is tried three times and no more, to stay below lock-out limits', async () => {
    const { worker, begin, latest, target, pass } = await open('single-user');
    target.changeByHand('admin', 'other');
    await begin();
    await worker.tick();
    await pass(HOUR);
    assert.equal((await latest()).state, 'blocked');
    assert.equal(target.calls.filter((call) => call.startsWith('set')).length, 3);
  });

  test('a defect of the rotation function is told by its kind only, never by its text', async () => {
    const { worker, begin, latest, target } = await open();
    target.breaks('test', 'crashes');
    await begin();
    await worker.tick();
    assert.equal((await latest()).lastErrorClass, 'bug');
  });

  test('a call that hangs is given up after its time and its outcome looked into', async () => {
    const { engine, begin, latest, target, clock, worker, house } = await open('single-user');
    target.breaks('set', 'hangs');
    await begin();
    const passing = engine.worker.tick();
    await clock.advance(61_000);
    await passing;
    assert.match((await latest()).lastError ?? '', /took longer than 60 s|out of time/);
    for (let turn = 0; turn < 10; turn += 1) {
      await clock.advance(1_000);
      await worker.tick();
    }
    assert.equal((await latest()).state, 'done');
    assert.equal(await house.accepts(CURRENT), true);
  });

  test('with one password a failed test does not hold back the only value that logs in', async () => {
    const { worker, begin, latest, target, pass, house } = await open('single-user');
    target.breaks('test', 'missing-privilege');
    await begin();
    await worker.tick();
    await pass(10_000, 1_000);
    assert.equal((await latest()).state, 'done');
    assert.match(JSON.stringify((await latest()).steps), /Promoted although its test failed/);
    assert.equal(await house.accepts(CURRENT), true);
  });

  test('a target that accepts any password is blocked before anything is changed', async () => {
    const { worker, begin, latest, target } = await open();
    target.checksPasswords = false;
    await begin();
    await worker.tick();
    assert.equal((await latest()).state, 'blocked');
    assert.match((await latest()).waitingFor ?? '', /does not check passwords/);
    assert.deepEqual(target.calls, ['probe app']);
  });

  test('a target is proven once, not at every rotation', async () => {
    const { worker, begin, target } = await open('single-user');
    for (let round = 0; round < 3; round += 1) {
      await begin();
      await worker.tick();
    }
    assert.equal(target.calls.filter((call) => call === 'probe app').length, 1 + 3);
  });

  test('an old value that is still accepted after its revocation is not called dead', async () => {
    const { worker, begin, latest, target, pass, house } = await open();
    await begin();
    await worker.tick();
    await pass(9 * MINUTE);
    target.checksPasswords = false;
    await pass(2 * MINUTE);
    assert.equal((await latest()).state, 'retiring');
    assert.match((await latest()).lastError ?? '', /still accepts the old value/);
    assert.equal((await latest()).oldRefusedAt, null);
    target.checksPasswords = true;
    await pass(10 * MINUTE);
    assert.equal((await latest()).state, 'done');
    assert.equal(await house.accepts(PREVIOUS), false);
  });

  test('a function without a proof ends its rotations and says what is not proven', async () => {
    const { worker, begin, latest } = await open('single-user', { rotator: { lacks: { probe: 'it cannot log in' } } });
    await begin();
    await worker.tick();
    const done = await latest();
    assert.deepEqual([done.state, done.oldRefusedAt], ['done', null]);
    assert.match(done.steps.at(-1)?.reason ?? '', /not proven that the old value is refused: it cannot log in/);
  });
});

describe('other people', () => {
  test('a value put by hand before anything was made is what the rotation starts from', async () => {
    const { worker, begin, latest, house, clock, target } = await open('single-user');
    await begin();
    target.changeByHand('app', 'by-hand');
    await house.putByHand('b'.repeat(32), credential('app', 'by-hand'), clock.now());
    await worker.tick();
    assert.equal((await latest()).state, 'done');
    assert.equal(await house.accepts(CURRENT), true);
  });

  test('a value put by hand in the middle stops the rotation, which says so and leaves that value current', async () => {
    const { worker, begin, latest, house, clock, target, pass } = await open();
    target.breaks('test', 'down', 2);
    await begin();
    await worker.tick();
    const text = credential('app', 'old-password');
    await house.putByHand('b'.repeat(32), text, clock.now());
    await pass(2 * MINUTE);
    assert.equal((await latest()).state, 'blocked');
    assert.match((await latest()).waitingFor ?? '', /Somebody put another value/);
    assert.equal(await house.textOf(CURRENT), text);
    await begin();
    await pass(20 * MINUTE);
    assert.equal((await latest()).state, 'done');
    assert.equal(await house.accepts(CURRENT), true);
  });

  test('who moves current back during the overlap keeps the old value', async () => {
    const { worker, begin, latest, house, pass } = await open();
    const before = await house.textOf(CURRENT);
    await begin();
    await worker.tick();
    const secret = (await house.store.get('secret', house.secretId))!;
    const { attachLabel } = await import('./versions.ts');
    const record = attachLabel(secret.record, CURRENT, 'app-first', 0);
    await house.store.commit([{ collection: 'secret', id: house.secretId, record, expect: secret.revision }]);
    await pass(20 * MINUTE);
    assert.equal((await latest()).state, 'rolled-back');
    assert.equal(await house.textOf(CURRENT), before);
    assert.equal(await house.accepts(CURRENT), true);
  });

  test('cancelling before the target heard of anything abandons the rotation and leaves its version pending', async () => {
    const { rotations, house, begin, latest, target, worker, clock, pass } = await open('single-user');
    target.breaks('create', 'down', Number.POSITIVE_INFINITY);
    const { versionId } = await begin();
    await worker.tick();
    assert.deepEqual(await rotations.cancel(house.secretId, clock.now()), { versionId });
    assert.equal((await latest()).state, 'abandoned');
    const { rotation } = await house.secret();
    assert.deepEqual([rotation?.enabled, rotation?.activeRotationId, rotation?.plannedAt], [false, null, null]);
    await pass(10 * MINUTE);
    assert.equal(await house.accepts(CURRENT), true);
  });

  test('cancelling where it would lock applications out lets the rotation end first', async () => {
    const { rotations, house, begin, latest, target, worker, clock, pass } = await open('single-user');
    target.breaks('set', 'lost-reply');
    await begin();
    await worker.tick();
    await rotations.cancel(house.secretId, clock.now());
    await pass(MINUTE, 1_000);
    assert.equal((await latest()).state, 'done');
    assert.equal(await house.accepts(CURRENT), true);
    assert.equal((await house.secret()).rotation?.enabled, false);
  });

  test('a rotation begun after a cancelled one takes up the version it left', async () => {
    const { rotations, house, begin, target, worker, clock } = await open();
    target.breaks('set', 'down', 1);
    const { versionId } = await begin();
    await worker.tick();
    target.mend();
    await clock.advance(MINUTE);
    target.breaks('test', 'down', 1);
    await worker.tick();
    const value = await house.textOf(PENDING);
    await rotations.cancel(house.secretId, clock.now());
    const again = await begin();
    assert.equal(again.versionId, versionId);
    await worker.tick();
    assert.equal(await house.textOf(CURRENT), value);
  });

  test('taking the label pending away gives up a rotation that can be given up', async () => {
    const { house, begin, latest, target, worker, pass } = await open();
    target.breaks('set', 'missing-privilege', 1);
    await begin();
    await worker.tick();
    const secret = (await house.store.get('secret', house.secretId))!;
    const { detachLabel } = await import('./versions.ts');
    const record = detachLabel(secret.record, PENDING, 0);
    await house.store.commit([{ collection: 'secret', id: house.secretId, record, expect: secret.revision }]);
    const next = await begin('c'.repeat(32));
    await worker.tick();
    await worker.tick();
    assert.equal((await latest()).id, next.id);
    await pass(20 * MINUTE);
    assert.equal((await latest()).state, 'done');
    assert.equal(await house.accepts(CURRENT), true);
  });

  test('verifying tests the current value and leaves nothing behind', async () => {
    const { rotations, house, worker, latest, target } = await open();
    const before = await house.secret();
    await rotations.verify(house.secretId, { versionId: 'v'.repeat(32), askedBy: 'test' });
    await worker.tick();
    assert.equal((await latest()).state, 'done');
    const after = await house.secret();
    assert.deepEqual(after.versions, before.versions);
    assert.equal(after.rotation?.activeRotationId, null);
    assert.equal(await house.store.getValue(house.secretId, 'v'.repeat(32)), null);
    assert.ok(!target.calls.some((call) => call.startsWith('set')));
  });

  test('verifying a value that does not log in says so and changes nothing', async () => {
    const { rotations, house, worker, latest, target } = await open();
    const before = await house.secret();
    target.changeByHand('app', 'other');
    await rotations.verify(house.secretId, { versionId: 'v'.repeat(32), askedBy: 'test' });
    await worker.tick();
    const failed = await latest();
    assert.deepEqual([failed.state, failed.lastErrorClass], ['rolled-back', 'refused-login']);
    assert.deepEqual((await house.secret()).versions, before.versions);
  });
});

describe('the schedule', () => {
  const every = { kind: 'every', every: HOUR } as const;

  test('begins each rotation once, and plans the next from the promotion of the last', async () => {
    const { rotations, house, pass, clock } = await open('alternating-users', { rule: every });
    await pass(5 * HOUR);
    const history = await rotations.history(house.secretId);
    assert.equal(history.length, 4);
    assert.ok(history.every(({ cause, state }) => cause === 'schedule' && state !== 'blocked'));
    const { rotation } = await house.secret();
    assert.ok((rotation?.plannedAt ?? 0) > clock.now());
    assert.equal(await house.accepts(CURRENT), true);
  });

  test('is overdue when a rotation does not happen in time, says so once and takes it back', async () => {
    const { house, pass, target } = await open('alternating-users', { rule: every });
    target.breaks('any', 'down', Number.POSITIVE_INFINITY);
    await pass(70 * MINUTE);
    assert.deepEqual([...house.alerts.raised.keys()], [`overdue/${house.secretId}`]);
    target.mend();
    await pass(10 * MINUTE);
    assert.deepEqual([...house.alerts.raised.keys()], []);
  });

  test('stands still in quarantine', async () => {
    const { rotations, house, pass } = await open('alternating-users', { rule: every });
    await house.store.commit([{ collection: 'setting', id: 'quarantine', record: { since: 0 } }]);
    await pass(3 * HOUR);
    assert.equal((await rotations.history(house.secretId)).length, 0);
    assert.match(JSON.stringify(await rotations.due(house.secretId)), /quarantine end/);
    await house.store.commit([{ collection: 'setting', id: 'quarantine', record: null }]);
    await pass(MINUTE);
    assert.equal((await rotations.history(house.secretId)).length, 1);
  });

  test('says why a secret is not rotated now', async () => {
    const { rotations, house } = await open('alternating-users', { rule: every });
    const { due, reasons } = await rotations.due(house.secretId);
    assert.equal(due, false);
    assert.deepEqual(
      reasons.map(({ reason }) => reason),
      ['not-yet'],
    );
  });
});

describe('a restored store', () => {
  test('that numbers lower than its target raises its number under its claim and goes on', async () => {
    const { worker, begin, latest, target, house } = await open('single-user');
    target.write('app', (await house.secret()).arn, 41, ['old-password']);
    await begin();
    await worker.tick();
    const done = await latest();
    assert.equal(done.state, 'done');
    assert.ok(done.number > 41);
    assert.equal((await house.secret()).rotation?.number, done.number);
    assert.equal(await house.accepts(CURRENT), true);
  });
});
