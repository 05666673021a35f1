import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Strategy } from '@rekey/core';
import { FakeTarget } from '@rekey/rotators';
import { fakeFunctions } from '../fake-functions.testing.ts';
import { openBench } from '../house.testing.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

function open(strategy: Strategy = 'alternating-users') {
  const target = new FakeTarget({ app: 'old-password', admin: 'admin-password' });
  return openBench({
    target,
    settings: { strategy, overlap: 10 * MINUTE },
    functions: fakeFunctions(target, {}),
  });
}

describe('what rotations came to', () => {
  test('a rotation is counted once, by its cause, when it is done, and timed when it is promoted', async () => {
    const { worker, begin, latest, pass, engine } = await open();
    await begin();
    await worker.tick();
    assert.equal(engine.counts.untilPromoted.count, 1);
    assert.equal(engine.counts.outcomes.done.manual, 0);
    await pass(2 * HOUR);
    assert.equal((await latest()).state, 'done');
    assert.equal(engine.counts.outcomes.done.manual, 1);
    assert.equal(engine.counts.outcomes.done.schedule, 0);
    assert.equal(engine.counts.untilPromoted.count, 1);
    assert.ok(Object.values(engine.counts.failures).every((count) => count === 0));
  });

  test('each failed attempt is counted once, by its class, also of those that are no step of the history', async () => {
    const { worker, begin, latest, target, pass, engine } = await open();
    target.breaks('any', 'down', Number.POSITIVE_INFINITY);
    await begin();
    await worker.tick();
    await pass(30 * HOUR, 10 * MINUTE);
    const waiting = await latest();
    assert.ok(waiting.attempts > waiting.steps.length);
    assert.equal(engine.counts.failures.unreachable, waiting.attempts);
    assert.equal(engine.counts.failures['refused-login'], 0);
    target.mend();
    await pass(HOUR);
    assert.equal(engine.counts.outcomes.done.manual, 1);
  });

  test('a rotation that needs a person is counted as blocked', async () => {
    const { worker, begin, latest, target, pass, engine } = await open('single-user');
    target.breaks('set', 'missing-privilege', Number.POSITIVE_INFINITY);
    await begin();
    await worker.tick();
    await pass(24 * HOUR, 10 * MINUTE);
    assert.equal((await latest()).state, 'blocked');
    assert.equal(engine.counts.outcomes.blocked.manual, 1);
    assert.ok(engine.counts.failures['missing-privilege'] > 0);
  });
});
