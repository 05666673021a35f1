import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CURRENT, PENDING, RekeyError, type Strategy } from '@rekey/core';
import { type FakeOptions, FakeTarget } from '@rekey/rotators';
import { fakeFunctions } from '../fake-functions.testing.ts';
import { openBench } from '../house.testing.ts';
import { claimKey } from '../rotation/held-secrets.ts';

const MINUTE = 60_000;

async function open(strategy: Strategy = 'alternating-users', rotator: FakeOptions = {}) {
  const target = new FakeTarget({ app: 'old-password', admin: 'admin-password' });
  const bench = await openBench({
    target,
    settings: { strategy, overlap: 10 * MINUTE },
    functions: fakeFunctions(target, rotator),
  });
  const { house, engine, rotations, clock, worker } = bench;
  const unstick = () => engine.unstick.unstick(house.secretId, 'a person');
  /** A rotation that was called off after its target took the value, or before. */
  const leftover = async (fails: 'set' | 'test') => {
    target.breaks(fails, 'missing-privilege', Number.POSITIVE_INFINITY);
    const begun = await bench.begin();
    await worker.tick();
    await rotations.cancel(house.secretId, clock.now());
    target.mend();
    assert.notEqual(await house.textOf(PENDING), null);
    return begun;
  };
  return { ...bench, unstick, leftover };
}

describe('a leftover pending version', () => {
  test('that the target accepts is promoted by a rotation, after its test', async () => {
    const { house, unstick, leftover, worker } = await open();
    const { versionId } = await leftover('test');
    const text = await house.textOf(PENDING);
    const { outcome, sentence, seen, rotation } = await unstick();
    assert.deepEqual([outcome, seen, rotation?.versionId], ['promoting', { pending: 'accepted' }, versionId]);
    assert.match(sentence, /accepts the pending value/);
    await worker.tick();
    assert.equal(await house.textOf(CURRENT), text);
    assert.equal(await house.accepts(CURRENT), true);
  });

  test('that the target refuses loses its label, where the current value logs in; its value is kept', async () => {
    const { house, unstick, leftover } = await open();
    const { versionId } = await leftover('set');
    const { outcome, seen } = await unstick();
    assert.deepEqual([outcome, seen], ['dropped', { pending: 'refused', current: 'accepted' }]);
    const left = (await house.secret()).versions.find(({ id }) => id === versionId);
    assert.deepEqual([left?.labels, left?.hasValue], [[], true]);
    assert.equal((await unstick()).outcome, 'nothing-pending');
  });

  test('without a value is removed without a login', async () => {
    const { house, unstick, target, begin, worker, rotations, clock } = await open();
    target.breaks('create', 'missing-privilege', Number.POSITIVE_INFINITY);
    const { versionId } = await begin();
    await worker.tick();
    await rotations.cancel(house.secretId, clock.now());
    const calls = target.calls.length;
    assert.equal((await unstick()).outcome, 'dropped');
    assert.equal(target.calls.length, calls);
    assert.equal(
      (await house.secret()).versions.some(({ id }) => id === versionId),
      false,
    );
  });

  for (const fault of ['down', 'unclear'] as const)
    test(`of a target that is ${fault} stays as it is, and that is said`, async () => {
      const { house, unstick, leftover, target } = await open();
      await leftover('set');
      const before = await house.secret();
      target.breaks('probe', fault, Number.POSITIVE_INFINITY);
      const { outcome, sentence } = await unstick();
      assert.equal(outcome, 'left');
      assert.match(sentence, /could not be seen .* nothing was changed/);
      assert.deepEqual(await house.secret(), before);
    });

  test('stays as it is while the budget of logins is spent, and that is said', async () => {
    const { house, unstick, leftover, engine } = await open('single-user');
    await leftover('set');
    const before = await house.secret();
    for (let round = 0; round < 3; round += 1) await engine.budget.note('fake://db app', 'refused');
    const { outcome, sentence } = await unstick();
    assert.equal(outcome, 'left');
    assert.match(sentence, /Waits until/);
    assert.deepEqual(await house.secret(), before);
  });

  test('where nothing known logs in stays as it is, with what to do', async () => {
    const { house, unstick, leftover, target } = await open('single-user');
    await leftover('set');
    target.changeByHand('app', 'by hand');
    const before = await house.secret();
    const { outcome, sentence } = await unstick();
    assert.equal(outcome, 'left');
    assert.match(sentence, /repair the current value/);
    assert.deepEqual(await house.secret(), before);
  });

  test('of a blocked rotation takes the rotation with it', async () => {
    const { house, unstick, target, begin, worker, rotations } = await open('single-user');
    target.breaks('set', 'missing-privilege', Number.POSITIVE_INFINITY);
    const blocked = await begin();
    await worker.tick();
    assert.equal((await rotations.get(blocked.id)).state, 'blocked');
    assert.equal((await unstick()).outcome, 'dropped');
    assert.equal((await rotations.get(blocked.id)).state, 'abandoned');
    assert.equal((await house.secret()).rotation?.activeRotationId, null);
  });

  test('that a rotation is at work on is explained and left to it', async () => {
    const { unstick, begin, target, worker, house } = await open();
    target.breaks('any', 'down', Number.POSITIVE_INFINITY);
    await begin();
    await worker.tick();
    const before = await house.secret();
    const { outcome, sentence } = await unstick();
    assert.equal(outcome, 'nothing-pending');
    assert.match(sentence, /rotation 1 is at work on it: /);
    assert.deepEqual(await house.secret(), before);
  });

  test('is not touched while a server works on the secret', async () => {
    const { unstick, leftover, house, clock } = await open();
    await leftover('set');
    const request = { key: claimKey(house.secretId), holder: 'another', now: clock.now(), milliseconds: 8_000 };
    await house.store.claim(request);
    await assert.rejects(unstick(), (error) => error instanceof RekeyError && error.reason === 'secret-in-use');
  });

  test('of a function that cannot look stays as it is, and that is said', async () => {
    const { unstick, leftover } = await open('alternating-users', {
      lacks: { probe: 'it has no login', decoy: 'it has no login', 'refuses-old': 'it has no login' },
    });
    await leftover('set');
    const { outcome, sentence } = await unstick();
    assert.equal(outcome, 'left');
    assert.match(sentence, /it has no login/);
  });
});
