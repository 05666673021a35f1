import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CURRENT, RekeyError, type RotationRule, type Strategy } from '@rekey/core';
import { type FakeOptions, FakeTarget } from '@rekey/rotators';
import type { BoundaryHook } from '../boundary.ts';
import { quiet } from '../fake-clock.testing.ts';
import { fakeFunctions } from '../fake-functions.testing.ts';
import { openBench } from '../house.testing.ts';
import { claimKey } from '../rotation/held-secrets.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

interface Options {
  readonly rotator?: FakeOptions;
  readonly rule?: RotationRule;
  readonly boundary?: BoundaryHook;
}

function open(strategy: Strategy = 'alternating-users', options: Options = {}) {
  const target = new FakeTarget({ app: 'old-password', admin: 'admin-password' });
  const { rotator = {}, boundary, ...house } = options;
  return openBench(
    {
      target,
      ...house,
      settings: { strategy, overlap: 10 * MINUTE },
      functions: fakeFunctions(target, rotator),
    },
    boundary === undefined ? {} : { boundary },
  );
}

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

  test('begins nothing that another server has just begun', async () => {
    const { rotations, house, clock } = await open('alternating-users', { rule: every });
    await clock.advance(HOUR + 10 * MINUTE);
    const first = await Promise.all([rotations.beginDue(house.secretId), rotations.beginDue(house.secretId)]);
    assert.equal(first.filter((begun) => begun !== null).length, 1);
    assert.equal(await rotations.beginDue(house.secretId), null);
    assert.equal((await rotations.history(house.secretId)).length, 1);
  });
});

describe('a worker', () => {
  test('whose claim was taken can write nothing, even where nobody else has written', async () => {
    let reached = () => {};
    let wake = () => {};
    const asleep = new Promise<void>((resolve) => {
      reached = resolve;
    });
    const { house, begin, latest, worker, clock } = await open('single-user', {
      boundary: (boundary) => {
        if (boundary !== 'before:create-intent') return undefined;
        reached();
        return new Promise<void>((resolve) => {
          wake = resolve;
        });
      },
    });
    await begin();
    const late = worker.tick();
    await asleep;
    const key = claimKey(house.secretId);
    const now = clock.now() + 60_000;
    assert.notEqual(await house.store.claim({ key, holder: 'another', now, milliseconds: 8_000 }), null);
    wake();
    await late;
    assert.deepEqual([(await latest()).state, (await latest()).doing], ['due', null]);
    assert.deepEqual(house.target.calls, ['probe app']);
  });

  test('leaves a secret alone that another holds', async () => {
    const { house, begin, latest, worker, clock } = await open('single-user');
    await begin();
    const key = claimKey(house.secretId);
    await house.store.claim({ key, holder: 'another', now: clock.now(), milliseconds: 8_000 });
    await worker.tick();
    assert.equal((await latest()).startedAt, null);
    await clock.advance(8_001);
    await worker.tick();
    assert.equal((await latest()).state, 'done');
  });

  test('runs by itself once started, and wakes up when told', async () => {
    const { begin, latest, worker, clock } = await open('single-user');
    worker.start();
    await quiet();
    await begin();
    worker.wake();
    for (let turn = 0; turn < 20; turn += 1) await quiet();
    assert.equal((await latest()).state, 'done');
    await begin();
    await clock.advance(1_000);
    for (let turn = 0; turn < 20; turn += 1) await quiet();
    assert.equal((await latest()).number, 2);
    assert.equal((await latest()).state, 'done');
    await worker.stop();
  });

  test('that is stopped ends what would lock applications out, and begins nothing more', async () => {
    let stopping: Promise<void> | null = null;
    const { begin, latest, worker, house } = await open('single-user', {
      boundary: (boundary) => {
        if (boundary === 'before:set-outcome') stopping ??= worker.stop();
      },
    });
    worker.start();
    await begin();
    worker.wake();
    for (let turn = 0; turn < 20; turn += 1) await quiet();
    await stopping;
    assert.notEqual((await latest()).promotedAt, null);
    assert.equal(await house.accepts(CURRENT), true);
    const second = await begin();
    for (let turn = 0; turn < 5; turn += 1) await quiet();
    assert.equal(second.startedAt, null);
  });

  test('that is stopped lets go of a step that hangs, which is looked into after the next start', async () => {
    const { begin, latest, worker, clock, target, pass, house } = await open('single-user');
    target.breaks('set', 'hangs');
    await begin();
    worker.start();
    await quiet();
    const stopped = worker.stop();
    await clock.advance(21_000);
    await stopped;
    assert.deepEqual([(await latest()).state, (await latest()).doing?.step], ['created', 'set']);
    await pass(10_000, 1_000);
    assert.equal((await latest()).state, 'done');
    assert.equal(await house.accepts(CURRENT), true);
  });

  test('after trouble with the store leaves the target in peace, and goes on when the store is well', async () => {
    const { begin, latest, worker, target, pass, house } = await open('single-user');
    const commit = house.store.commit.bind(house.store);
    let full = false;
    house.store.commit = (...writes) =>
      full ? Promise.reject(new RekeyError('storage-full', 'The disk is full.')) : commit(...writes);
    target.breaks('test', 'down', 1);
    await begin();
    full = true;
    for (let turn = 0; turn < 50; turn += 1) await worker.tick();
    assert.ok(target.calls.length <= 2, `${target.calls.length} calls`);
    full = false;
    await pass(MINUTE, 1_000);
    assert.equal((await latest()).state, 'done');
    assert.equal(await house.accepts(CURRENT), true);
  });
});
