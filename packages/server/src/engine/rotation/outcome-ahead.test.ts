import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeTarget } from '@rekey/rotators';
import type { Boundary } from '../boundary.ts';
import { fakeFunctions } from '../fake-functions.testing.ts';
import { openBench } from '../house.testing.ts';

interface Wishes {
  readonly outside?: boolean;
  readonly onBoundary?: (boundary: Boundary, stop: () => Promise<void>) => void;
}

async function open(overlap: number, { outside = false, onBoundary = () => {} }: Wishes = {}) {
  const target = new FakeTarget({ app: 'old-password', admin: 'admin-password' });
  const met: Boundary[] = [];
  const bench = await openBench(
    {
      target,
      settings: { strategy: 'alternating-users', overlap },
      functions: fakeFunctions(target, { outside }),
    },
    {
      boundary: (boundary) => {
        met.push(boundary);
        onBoundary(boundary, () => bench.worker.stop());
      },
    },
  );
  await bench.begin();
  const between = (first: Boundary, last: Boundary) => met.slice(met.indexOf(first), met.indexOf(last) + 1);
  const audited = () => bench.engine.audited.map(({ action, outcome }) => `${action} ${outcome}`);
  return { ...bench, between, audited };
}

describe('the outcome of a step', () => {
  test('becomes durable at once with the intention of the next, before the target hears of that', async () => {
    const { worker, latest, between, audited } = await open(0);
    await worker.tick();
    assert.equal((await latest()).state, 'done');
    assert.deepEqual(between('before:value', 'after:value'), [
      ...['before:value', 'before:create-outcome', 'before:set-intent'],
      ...['after:set-intent', 'after:create-outcome', 'after:value'],
    ]);
    assert.deepEqual(between('before:test-outcome', 'after:test-outcome'), [
      ...['before:test-outcome', 'before:promotion'],
      ...['after:promotion', 'after:test-outcome'],
    ]);
    assert.deepEqual(between('before:settlement', 'after:settlement'), [
      ...['before:settlement', 'before:revoke-intent'],
      ...['after:revoke-intent', 'after:settlement'],
    ]);
    const steps = ['Begun', 'Created', 'Set', 'Tested', 'Promoted', 'Retiring', 'Done'];
    assert.deepEqual(
      audited(),
      steps.map((step) => `rekey:Rotation${step} allowed`),
    );
  });

  test('of a test is on record before a function outside this process is asked to finish', async () => {
    const { worker, latest, between, audited } = await open(0, { outside: true });
    await worker.tick();
    assert.equal((await latest()).state, 'done');
    assert.deepEqual(between('before:test-outcome', 'after:promotion'), [
      ...['before:test-outcome', 'after:test-outcome'],
      ...['before:promotion', 'after:promotion'],
    ]);
    assert.deepEqual(audited().slice(3, 5), ['rekey:RotationTested allowed', 'rekey:RotationPromoted allowed']);
  });

  test('is recorded by itself where something else follows', async () => {
    const { worker, latest, between, audited } = await open(60_000);
    await worker.tick();
    assert.equal((await latest()).state, 'retiring');
    assert.deepEqual(between('before:settlement', 'after:settlement'), ['before:settlement', 'after:settlement']);
    assert.equal(audited().at(-1), 'rekey:RotationRetiring allowed');
  });

  test('is recorded by itself by a worker that is told to stop, and the next step is not begun', async () => {
    let stopped: Promise<void> = Promise.resolve();
    const { worker, latest, target, clock } = await open(0, {
      onBoundary: (boundary, stop) => {
        if (boundary === 'after:escrow') stopped = stop();
      },
    });
    worker.start();
    await clock.advance(1_000);
    await stopped;
    assert.deepEqual([(await latest()).state, (await latest()).doing], ['created', null]);
    assert.deepEqual(target.calls, ['probe app', 'create app']);
  });
});
