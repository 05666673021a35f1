import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CURRENT, PENDING, PREVIOUS, RekeyError, type Strategy } from '@rekey/core';
import { FakeTarget, fake, rotationFunctionFrom } from '@rekey/rotators';
import { Alerts } from '../alerts/alerts.ts';
import { credential, openBench } from '../house.testing.ts';
import { inSwitchWindow } from '../rotation/rotation-change.ts';
import { seededRandom } from '../seeded-random.testing.ts';

const MINUTE = 60_000;
const STRATEGIES = ['single-user', 'alternating-users', 'dual-password'] as const;
const reason = (expected: string) => (error: unknown) => error instanceof RekeyError && error.reason === expected;

async function open(strategy: Strategy = 'alternating-users', options: { readonly admin?: boolean } = {}) {
  const target = new FakeTarget({ app: 'old-password', admin: 'admin-password' });
  const bench = await openBench({
    target,
    settings: { strategy, overlap: 10 * MINUTE },
    functions: (access, random) => {
      const strategies = [...new Set([strategy, 'single-user' as const])];
      const made = rotationFunctionFrom(fake(target, { strategies }), access, { random });
      return () => made;
    },
  });
  const { house, engine, worker, pass, clock } = bench;
  if (options.admin === false) {
    const alone = JSON.stringify({ ...JSON.parse(credential('app', 'old-password')), masterarn: undefined });
    await house.putByHand('alone', alone, clock.now());
  }
  const rotate = async (minutes = 20) => {
    await bench.begin();
    await worker.tick();
    await pass(minutes * MINUTE);
  };
  const rollback = () => engine.corrections.rollback(house.secretId, 'a person');
  const repair = () => engine.corrections.repair(house.secretId, 'a person');
  const labelled = async (label: string) =>
    (await house.secret()).versions.find(({ labels }) => labels.includes(label))?.id ?? null;
  return { ...bench, rotate, rollback, repair, labelled };
}

describe('a rollback', () => {
  for (const strategy of STRATEGIES)
    test(`(${strategy}) brings target and labels back to the value before, and retires the other`, async () => {
      const { house, rotate, rollback, worker, pass, latest, labelled } = await open(strategy);
      await rotate();
      const [before, undone] = [await labelled(PREVIOUS), await labelled(CURRENT)];
      const text = await house.textOf(PREVIOUS);
      assert.equal((await rollback()).cause, 'rollback');
      await worker.tick();
      assert.equal(await house.textOf(CURRENT), text);
      assert.deepEqual([await labelled(CURRENT), await labelled(PREVIOUS)], [before, undone]);
      assert.equal(await house.accepts(CURRENT), true);
      await pass(20 * MINUTE);
      assert.equal((await latest()).state, 'done');
      assert.ok((await latest()).oldRefusedAt !== null, 'the undone value was proven refused');
      assert.equal(await house.accepts(PREVIOUS), false);
      assert.equal(await labelled(PENDING), null);
    });

  test('whose reply was lost does not leave its switch window when the test is refused for a while', async () => {
    const { house, rotate, rollback, worker, pass, target, latest } = await open('single-user');
    await rotate();
    const text = await house.textOf(PREVIOUS);
    target.breaks('set', 'lost-reply');
    await rollback();
    await worker.tick();
    target.breaks('test', 'refuses-login', 4);
    for (let second = 0; second < 120; second += 1) {
      const isOutageKnown = inSwitchWindow(await latest());
      assert.ok(isOutageKnown || (await house.accepts(CURRENT)), `after ${second} seconds`);
      await pass(1_000, 1_000);
    }
    assert.equal(await house.textOf(CURRENT), text, 'what the target takes becomes current');
    assert.equal(await house.accepts(CURRENT), true);
  });

  test('to a value that somebody put twice ends: what is current is not asked to be refused', async () => {
    const { house, rollback, worker, pass, target, latest, clock } = await open('single-user');
    target.changeByHand('app', 'put-by-hand');
    for (const [versionId, dbname] of [
      ['once', 'shop'],
      ['twice', 'shop_2'],
    ] as const) {
      const text = JSON.stringify({ ...JSON.parse(credential('app', 'put-by-hand')), dbname });
      await house.putByHand(versionId, text, clock.now());
    }
    await rollback();
    await worker.tick();
    await pass(20 * MINUTE);
    const { state, oldRefusedAt, steps } = await latest();
    assert.deepEqual([state, oldRefusedAt], ['done', null]);
    assert.match(JSON.stringify(steps.at(-1)), /none is to be retired/);
    assert.equal(await house.accepts(CURRENT), true);
  });

  test('has the undone password proven refused although another secret member of the value stays', async () => {
    const { house, rollback, worker, pass, target, latest, clock } = await open('single-user');
    const kept = { token: 'a-token-that-no-rotation-replaces', password: 'put' };
    target.changeByHand('app', kept.password);
    const text = JSON.stringify({ ...JSON.parse(credential('app', 'put')), ...kept });
    await house.putByHand('first', text, clock.now());
    target.changeByHand('app', 'puts');
    await house.putByHand('second', JSON.stringify({ ...JSON.parse(text), password: 'puts' }), clock.now());
    await rollback();
    await worker.tick();
    await pass(20 * MINUTE);
    const { state, oldRefusedAt } = await latest();
    assert.equal(state, 'done');
    assert.notEqual(oldRefusedAt, null);
  });

  test('never has the current value refused where the target holds one of a rotation that was given up, too', async () => {
    const { house, rotate, rollback, worker, pass, target, latest } = await open('dual-password');
    await rotate();
    target.breaks('test', 'refuses-login', 3);
    await rotate();
    assert.equal((await latest()).state, 'blocked');
    await rollback();
    target.breaks('test', 'down');
    await worker.tick();
    assert.equal((await latest()).state, 'set');
    assert.equal(await house.accepts(CURRENT), true, 'the value before is set, and not promoted yet');
    await pass(30 * MINUTE);
    assert.equal((await latest()).state, 'done');
    assert.equal(await house.accepts(CURRENT), true);
  });

  test('during the overlap ends it, so that the value that is wanted again is not retired', async () => {
    const { house, rotate, rollback, rotations, worker, pass } = await open();
    await rotate(1);
    const [overlapping] = await rotations.history(house.secretId);
    assert.equal(overlapping?.state, 'retiring');
    await rollback();
    assert.equal((await rotations.get(overlapping!.id)).state, 'rolled-back');
    await worker.tick();
    await pass(30 * MINUTE);
    assert.equal(await house.textOf(CURRENT), credential('app', 'old-password'));
    assert.equal(await house.accepts(CURRENT), true);
  });

  test('asked for twice is one, and is not taken for a rotation’s earlier request', async () => {
    const { house, rotate, rollback, rotations } = await open();
    await rotate();
    assert.equal((await rollback()).id, (await rollback()).id);
    assert.equal((await rotations.history(house.secretId)).length, 2);
  });

  test('goes on after a lost reply and after the target was away', async () => {
    const { house, rotate, rollback, worker, pass, target, latest } = await open('single-user');
    await rotate();
    target.breaks('set', 'lost-reply');
    target.breaks('probe', 'down', 5);
    await rollback();
    await worker.tick();
    await pass(10 * MINUTE, 1_000);
    assert.equal((await latest()).state, 'done');
    assert.equal(await house.textOf(CURRENT), credential('app', 'old-password'));
  });

  test('that the target’s password rule forbids is given up: the current value stays, nothing is lost or pending', async () => {
    const { house, rotate, rollback, worker, pass, target, latest, labelled } = await open('single-user');
    await rotate();
    const [before, current] = [await house.textOf(PREVIOUS), await house.textOf(CURRENT)];
    target.breaks('set', 'rejects-value', Number.POSITIVE_INFINITY);
    await rollback();
    await worker.tick();
    await pass(5 * MINUTE);
    assert.equal((await latest()).state, 'rolled-back');
    assert.match((await latest()).waitingFor ?? '', /rotate to make a fresh one/);
    assert.deepEqual([await house.textOf(PREVIOUS), await house.textOf(CURRENT)], [before, current]);
    assert.equal(await labelled(PENDING), null);
    assert.equal(await house.accepts(CURRENT), true);
  });

  test('is told to people when it has happened', async () => {
    const { house, rotate, worker, clock } = await open();
    await rotate();
    const alerts = new Alerts({ store: house.store, clock, random: seededRandom('a'), senders: ['webhook'] });
    const engine = await house.server({ clock, alerts });
    await engine.corrections.rollback(house.secretId, 'a person');
    await engine.worker.tick();
    await worker.tick();
    const sent = await house.store.list('outbox', { index: 'next', limit: 10 });
    assert.deepEqual(
      sent.map(({ record }) => record.payload.text),
      ['app was rolled back: the value before is current again (asked by a person).'],
    );
  });

  test('is refused where there is no value before, and while a rotation is at work', async () => {
    const { rollback, begin } = await open();
    await assert.rejects(rollback(), reason('no-previous-value'));
    await begin();
    await assert.rejects(rollback(), reason('rotation-at-work'));
  });

  test('when it is cancelled leaves nothing that the next rotation would take for its new value', async () => {
    const { house, rotate, rollback, rotations, clock, labelled, target } = await open();
    await rotate();
    target.breaks('any', 'down', Number.POSITIVE_INFINITY);
    await rollback();
    await rotations.cancel(house.secretId, clock.now());
    assert.equal(await labelled(PENDING), null);
    assert.equal(await house.textOf(PREVIOUS), credential('app', 'old-password'));
  });
});

describe('a repair', () => {
  for (const strategy of STRATEGIES)
    test(`(${strategy}) sets the current value at a target that was changed by hand; no label moves`, async () => {
      const { house, rotate, repair, worker, pass, latest, target, labelled } = await open(strategy);
      await rotate();
      const before = await house.secret();
      const { username } = JSON.parse((await house.textOf(CURRENT)) ?? '');
      target.changeByHand(username, 'by hand');
      assert.equal(await house.accepts(CURRENT), false);
      await repair();
      await worker.tick();
      await pass(MINUTE);
      assert.equal((await latest()).state, 'done');
      assert.equal(await house.accepts(CURRENT), true);
      assert.deepEqual((await house.secret()).versions, before.versions);
      assert.equal(await labelled(PENDING), null);
      await rotate();
      assert.equal((await latest()).state, 'done');
      assert.equal(await house.accepts(CURRENT), true);
    });

  test('without an admin credential gets in with the value before, where the target was put back from a backup', async () => {
    const { house, rotate, repair, worker, pass, latest, target } = await open('single-user', { admin: false });
    await rotate();
    target.changeByHand('app', 'old-password');
    assert.deepEqual([await house.accepts(CURRENT), await house.accepts(PREVIOUS)], [false, true]);
    await repair();
    await worker.tick();
    await pass(MINUTE);
    assert.equal((await latest()).state, 'done', JSON.stringify(await latest(), null, 1));
    assert.deepEqual([await house.accepts(CURRENT), await house.accepts(PREVIOUS)], [true, false]);
  });

  test('that nothing known lets in is given up with what to do, within the budget of logins', async () => {
    const { house, rotate, repair, worker, pass, latest, target } = await open('single-user', { admin: false });
    await rotate();
    target.changeByHand('app', 'by hand');
    await repair();
    await worker.tick();
    await pass(40 * MINUTE);
    assert.equal((await latest()).state, 'rolled-back');
    assert.match((await latest()).waitingFor ?? '', /Put the credential that the target accepts now/);
    assert.equal(
      (await house.secret()).versions.some(({ labels }) => labels.includes(PENDING)),
      false,
    );
  });

  test('of what is in sync changes nothing that applications notice', async () => {
    const { house, repair, worker, pass, latest } = await open('single-user');
    await repair();
    await worker.tick();
    await pass(MINUTE);
    assert.equal((await latest()).state, 'done');
    assert.equal(await house.accepts(CURRENT), true);
  });

  test('takes the place of a rotation that is blocked because the target refuses what is current', async () => {
    const { house, begin, repair, worker, pass, latest, target, rotations } = await open('single-user', {
      admin: false,
    });
    target.changeByHand('app', 'by hand');
    await begin();
    await worker.tick();
    await pass(30 * MINUTE);
    const blocked = await latest();
    assert.equal(blocked.state, 'blocked');
    await repair();
    assert.equal((await rotations.get(blocked.id)).state, 'abandoned');
    target.changeByHand('app', 'old-password');
    await worker.tick();
    await pass(30 * MINUTE);
    assert.equal((await latest()).state, 'done');
    assert.equal(await house.accepts(CURRENT), true);
  });

  test('goes before the end of an overlap, and before what waits for it; both have their turn afterwards', async () => {
    const { house, rotate, repair, worker, pass, latest, target, rotations, begin } = await open('dual-password');
    await rotate(1);
    const overlapping = await latest();
    const waits = await begin();
    target.changeByHand('app', 'by hand');
    await repair();
    assert.equal((await rotations.get(waits.id)).state, 'abandoned');
    await worker.tick();
    assert.equal(await house.accepts(CURRENT), true);
    assert.equal((await rotations.get(overlapping.id)).state, 'retiring');
    await pass(15 * MINUTE);
    assert.equal((await rotations.get(overlapping.id)).state, 'done');
    assert.equal(await house.accepts(CURRENT), true);
  });

  test('mends what keeps a rotation from proving the old value dead, where the target was put back', async () => {
    const { house, rotate, repair, worker, pass, latest, target, begin } = await open('single-user');
    await rotate();
    const { password } = JSON.parse((await house.textOf(CURRENT)) ?? '');
    target.breaks('probe', 'down');
    await begin();
    await worker.tick();
    target.changeByHand('app', password);
    await pass(60 * MINUTE);
    const stuck = await latest();
    assert.deepEqual([stuck.state, await house.accepts(CURRENT)], ['blocked', false]);
    await repair();
    await worker.tick();
    assert.equal(await house.accepts(CURRENT), true);
    await rotate();
    assert.equal((await latest()).state, 'done');
  });
});
