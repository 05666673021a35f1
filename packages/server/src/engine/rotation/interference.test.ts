import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CURRENT, PENDING, type Strategy } from '@rekey/core';
import { type FakeOptions, FakeTarget } from '@rekey/rotators';
import type { BoundaryHook } from '../boundary.ts';
import { FakeClock } from '../fake-clock.testing.ts';
import { fakeFunctions } from '../fake-functions.testing.ts';
import { credential, openBench } from '../house.testing.ts';
import { attachLabel, detachLabel } from '../versions.ts';

const MINUTE = 60_000;

interface Options {
  readonly rotator?: FakeOptions;
  readonly boundary?: BoundaryHook;
}

function open(strategy: Strategy = 'alternating-users', options: Options = {}) {
  const target = new FakeTarget({ app: 'old-password', admin: 'admin-password' });
  const { rotator = {}, boundary } = options;
  return openBench(
    {
      target,
      settings: { strategy, overlap: 10 * MINUTE },
      functions: fakeFunctions(target, rotator),
    },
    boundary === undefined ? {} : { boundary },
  );
}

describe('other people', () => {
  test('what was tested before its server died is tested again before it becomes current', async () => {
    let died = false;
    const boundary: BoundaryHook = (reached) => {
      if (reached !== 'before:promotion') return undefined;
      died = true;
      return new Promise<void>(() => {});
    };
    const { house, begin, worker, target, clock } = await open('alternating-users', { boundary });
    await begin();
    void worker.tick();
    while (!died) await new Promise(setImmediate);
    target.changeByHand('app_clone', 'changed meanwhile');
    const later = new FakeClock(clock.now() + 60 * MINUTE);
    const heir = await house.server({ clock: later });
    for (let turn = 0; turn < 5; turn += 1) {
      await heir.worker.tick();
      assert.equal(await house.accepts(CURRENT), true, 'what applications are told logs in');
      await later.advance(MINUTE);
    }
    const [record] = await heir.rotations.history(house.secretId);
    assert.equal(record?.promotedAt !== null, true, 'it goes on once the target holds the value again');
    assert.ok(record?.steps.some(({ recovery }) => recovery === 'test-again'));
  });

  for (const { held, password, oldRefused } of [
    { held: 'another password, the old one is seen to be refused', password: 'by hand', oldRefused: true },
    { held: 'the old password, it is left alone', password: 'old-password', oldRefused: false },
  ])
    test(`an old account that somebody made current again is not revoked: under ${held}`, async () => {
      const { house, begin, worker, target, clock, latest } = await open();
      await begin();
      await worker.tick();
      target.changeByHand('app', password);
      await house.putByHand('by-hand', credential('app', password), clock.now());
      await clock.advance(11 * MINUTE);
      await worker.tick();
      const { state, oldRefusedAt } = await latest();
      assert.deepEqual([state, oldRefusedAt !== null], ['done', oldRefused]);
      assert.equal(await house.accepts(CURRENT), true);
    });

  for (const strategy of ['single-user', 'alternating-users'] as const)
    for (const at of ['after:set-intent', 'in the middle of set'] as const)
      test(`(${strategy}) who was paused ${at} undoes nothing that somebody did by hand since another ended the rotation`, async () => {
        let wake: (() => void) | null = null;
        const pause = () =>
          new Promise<void>((resolve) => {
            wake = resolve;
          });
        const boundary: BoundaryHook = (reached) => (reached === at && wake === null ? pause() : undefined);
        const { house, begin, worker, target, clock } = await open(strategy, { boundary });
        const enter = target.enter.bind(target);
        target.enter = async (operation, username, signal) => {
          const entered = await enter(operation, username, signal);
          if (operation === 'set' && at === 'in the middle of set' && wake === null) await pause();
          return entered;
        };
        await begin();
        const paused = worker.tick();
        while (wake === null) await new Promise(setImmediate);
        const later = new FakeClock(clock.now() + MINUTE);
        const heir = await house.server({ clock: later });
        for (let turn = 0; turn < 15; turn += 1) {
          await heir.worker.tick();
          await later.advance(MINUTE);
        }
        assert.equal((await heir.rotations.history(house.secretId))[0]?.state, 'done');
        const { username } = JSON.parse((await house.textOf(CURRENT)) ?? '');
        target.changeByHand(username, 'by-hand');
        await house.putByHand('b'.repeat(32), credential(username, 'by-hand'), later.now());
        clock.skip(later.now() - clock.now());
        (wake as () => void)();
        await clock.advance(0);
        await paused.catch(() => {});
        assert.equal(await house.accepts(CURRENT), true);
      });

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

  test('a value put by hand at the very moment of promotion stays current', async () => {
    const byHand = credential('app', 'old-password');
    let put: (() => Promise<void>) | null = null;
    const { house, begin, worker, latest, clock } = await open('alternating-users', {
      boundary: async (boundary) => {
        if (boundary === 'before:promotion') await put?.();
      },
    });
    put = async () => {
      put = null;
      await house.putByHand('b'.repeat(32), byHand, clock.now());
    };
    await begin();
    await worker.tick();
    assert.equal(await house.textOf(CURRENT), byHand);
    assert.equal((await latest()).state, 'blocked');
    assert.match((await latest()).waitingFor ?? '', /Somebody put another value/);
  });
});
