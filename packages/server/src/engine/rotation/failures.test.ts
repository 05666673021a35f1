import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CURRENT, PENDING, PREVIOUS, type Strategy } from '@rekey/core';
import { type FakeOptions, FakeTarget } from '@rekey/rotators';
import { fakeFunctions } from '../fake-functions.testing.ts';
import { openBench } from '../house.testing.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

interface Options {
  readonly rotator?: FakeOptions;
}

function open(strategy: Strategy = 'alternating-users', options: Options = {}) {
  const target = new FakeTarget({ app: 'old-password', admin: 'admin-password' });
  const { rotator = {}, ...house } = options;
  return openBench({
    target,
    ...house,
    settings: { strategy, overlap: 10 * MINUTE },
    functions: fakeFunctions(target, rotator),
  });
}

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

  test('a blocked rotation is taken up by who asks, though a verification waits behind it', async () => {
    const { worker, begin, rotations, latest, target, house, pass } = await open('alternating-users');
    target.breaks('revoke', 'missing-privilege');
    const first = await begin();
    await worker.tick();
    await pass(HOUR);
    assert.deepEqual([(await latest()).promotedAt !== null, (await latest()).state], [true, 'blocked']);
    target.breaks('revoke', 'missing-privilege');
    const verification = await rotations.verify(house.secretId, { versionId: null, askedBy: 'test' });
    await worker.tick();
    assert.equal((await rotations.get(first.id)).state, 'blocked');
    assert.equal((await begin()).id, first.id);
    await worker.tick();
    await pass(HOUR);
    assert.deepEqual(
      [(await rotations.get(first.id)).state, (await rotations.get(verification.id)).state],
      ['done', 'done'],
    );
  });

  test('who asks again need not wait for the pause after a failure; the schedule does', async () => {
    const { worker, begin, rotations, latest, target, house } = await open('single-user');
    target.changeByHand('admin', 'other');
    const first = await begin();
    await worker.tick();
    assert.equal((await latest()).lastErrorClass, 'refused-login');
    await rotations.beginDue(house.secretId);
    await worker.tick();
    assert.equal((await latest()).attempts, 1);
    target.changeByHand('admin', 'admin-password');
    assert.equal((await begin()).id, first.id);
    await worker.tick();
    assert.equal((await latest()).state, 'done');
    assert.equal(await house.accepts(CURRENT), true);
  });

  test('an admin credential that another rotation was changing just then is tried again as soon as it is there', async () => {
    const { begin, latest, target, worker, pass } = await open('single-user');
    target.changeByHand('admin', 'on its way into the store');
    await begin();
    await worker.tick();
    assert.equal((await latest()).lastErrorClass, 'refused-login');
    target.changeByHand('admin', 'admin-password');
    await pass(2_000);
    assert.equal((await latest()).state, 'done');
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
