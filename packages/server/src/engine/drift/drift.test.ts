import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ProbeResult } from '@rekey/core';
import { FakeTarget } from '@rekey/rotators';
import fc from 'fast-check';
import { type DriftRecord, phaseOf } from '../../store/collections.ts';
import { FakeClock } from '../fake-clock.testing.ts';
import { fakeFunctions } from '../fake-functions.testing.ts';
import { credential, openBench, putSecret } from '../house.testing.ts';
import { openEngine } from '../testing.ts';
import { driftAfter, driftCondition, driftOf, phasesBetween } from './drift-state.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

async function open() {
  const target = new FakeTarget({ app: 'old-password', admin: 'admin-password' });
  const bench = await openBench({
    target,
    settings: { strategy: 'single-user' },
    functions: fakeFunctions(target),
  });
  const { engine, house } = bench;
  const look = () => engine.drift.look(house.secretId);
  const standing = () => house.alerts.raised.get(driftCondition(house.secretId)) ?? null;
  return { ...bench, look, standing };
}

describe('drift', () => {
  test('is seen, told with what to do, put on record once, and over when the value is accepted again', async () => {
    const { look, standing, target, engine } = await open();
    assert.equal((await look())?.state, 'in-sync');
    target.changeByHand('app', 'by hand');
    assert.equal((await look())?.state, 'drifted');
    assert.equal((await look())?.state, 'drifted');
    assert.match(standing() ?? '', /refuses the current value of app.*rekey repair app/);
    target.changeByHand('app', 'old-password');
    assert.equal((await look())?.state, 'in-sync');
    assert.equal(standing(), null);
    const actions = engine.audited.map(({ action }) => action).filter((action) => action.startsWith('rekey:Drift'));
    assert.deepEqual(actions, ['rekey:DriftFound', 'rekey:DriftOver']);
  });

  test('is never taken from a target that could not be looked at', async () => {
    const { look, standing, target } = await open();
    for (const fault of ['down', 'unclear', 'crashes'] as const) {
      target.breaks('probe', fault);
      assert.equal((await look())?.state, 'unknown');
    }
    assert.equal(standing(), null);
  });

  test('stands while the target cannot be looked at any more', async () => {
    const { look, standing, target } = await open();
    target.changeByHand('app', 'by hand');
    await look();
    target.breaks('probe', 'down');
    assert.equal((await look())?.state, 'drifted');
    assert.notEqual(standing(), null);
  });

  test('looks at nothing that a rotation is setting, nor beyond the budget of logins', async () => {
    const { look, target, begin, worker, engine } = await open();
    target.breaks('test', 'down', Number.POSITIVE_INFINITY);
    await begin();
    await worker.tick();
    const calls = target.calls.length;
    assert.equal(await look(), null);
    assert.equal(target.calls.length, calls);
    const { house, look: lookAtOther, engine: other } = await open();
    for (let round = 0; round < 3; round += 1) await other.budget.note('fake://db app', 'refused');
    const seen = await lookAtOther();
    assert.deepEqual([seen?.state, house.target.calls], ['unknown', []]);
    assert.match(seen?.reason ?? '', /Waits until/);
    assert.ok(engine);
  });

  test('is over at once when a repair or a rotation has proven the current value', async () => {
    for (const how of ['repair', 'rotate'] as const) {
      const { look, standing, target, engine, house, worker, begin } = await open();
      target.changeByHand('app', 'by hand');
      await look();
      if (how === 'repair') await engine.corrections.repair(house.secretId, 'a person');
      else await begin();
      await worker.tick();
      assert.equal(standing(), null, how);
      const record = (await house.store.get('drift', house.secretId))?.record ?? null;
      assert.equal(record?.state, 'in-sync');
    }
  });

  test('that stands is looked at again when somebody puts the value the target accepts', async () => {
    const { look, standing, target, engine, house, clock } = await open();
    target.changeByHand('app', 'by hand');
    await look();
    await house.putByHand('right', credential('app', 'by hand'), clock.now());
    await engine.watch.pass();
    assert.equal(standing(), null);
  });
});

describe('the round', () => {
  test('looks at each secret once a day, a few at a time, whatever the pace of its passes', async () => {
    const clock = new FakeClock();
    const target = new FakeTarget();
    const { watch, store } = await openEngine({
      clock,
      functions: fakeFunctions(target),
    });
    const names = Array.from({ length: 60 }, (_, number) => `app${number}`);
    for (const name of names) {
      target.addUser(name, 'password');
      await putSecret(store, clock.now(), { name, value: credential(name, 'password') });
    }
    await watch.pass();
    let most = 0;
    for (let passed = 0; passed < DAY; passed += 30 * MINUTE) {
      const before = target.calls.length;
      await clock.advance(30 * MINUTE);
      await watch.pass();
      most = Math.max(most, target.calls.length - before);
    }
    assert.deepEqual(target.calls.toSorted(), names.map((name) => `probe ${name}`).toSorted());
    assert.ok(most <= 10, `${most} at once`);
  });

  test('leaves what it missed for more than an hour to the next day', async () => {
    const { engine, clock, target } = await open();
    await engine.watch.pass();
    await clock.advance(DAY - 2 * HOUR);
    await engine.watch.pass();
    assert.ok(target.calls.length <= 1);
  });
});

describe('the places of secrets in the round', () => {
  test('cover the circle without gap or overlap, however it is cut', () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 3 * HOUR }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(cuts, fc.uuid(), fc.integer({ min: 0, max: 10 * DAY }), (pauses, id, start) => {
        const phase = phaseOf(id);
        let [now, hits] = [start, 0];
        const step = (until: number) => {
          for (const [from, to] of phasesBetween(now, until, DAY)) if (phase >= from && phase < to) hits += 1;
          now = until;
        };
        for (const pause of pauses) if (now + pause < start + DAY) step(now + pause);
        while (now < start + DAY) step(Math.min(now + HOUR, start + DAY));
        assert.equal(hits, 1);
      }),
    );
  });
});

describe('what is known after a look', () => {
  const probe = (outcome: ProbeResult['outcome']): ProbeResult => ({ outcome, reason: outcome });
  const known = (state: DriftRecord['state'], versionId = 'v'): DriftRecord => {
    return { secretId: 's', state, versionId, lookedAt: 1, since: 1, reason: 'before' };
  };
  const cases = [
    [null, 'accepted', 'in-sync'],
    [null, 'refused', 'drifted'],
    [null, 'unreachable', 'unknown'],
    ['in-sync', 'unclear', 'unknown'],
    ['in-sync', 'refused', 'drifted'],
    ['drifted', 'unreachable', 'drifted'],
    ['drifted', 'accepted', 'in-sync'],
    ['unknown', 'accepted', 'in-sync'],
  ] as const;
  for (const [before, outcome, after] of cases)
    test(`${before ?? 'nothing known'}, then ${outcome}: ${after}`, () => {
      const record = before === null ? null : known(before);
      const seen = driftAfter(record, { secretId: 's', versionId: 'v' }, probe(outcome), 9);
      assert.equal(seen.state, after);
      assert.equal(seen.since, record?.state === after ? 1 : 9);
      assert.equal(seen.lookedAt, 9);
    });

  test('of another version says nothing of this one', () => {
    const other = known('drifted', 'other');
    assert.equal(driftAfter(other, { secretId: 's', versionId: 'v' }, probe('unreachable'), 9).state, 'unknown');
    assert.equal(driftOf(other, 'v'), null);
  });
});
