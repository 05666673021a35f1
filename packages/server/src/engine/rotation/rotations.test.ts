import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CURRENT, PENDING, PREVIOUS, RekeyError, type Strategy } from '@rekey/core';
import { type FakeOptions, FakeTarget } from '@rekey/rotators';
import { fakeFunctions } from '../fake-functions.testing.ts';
import { openBench } from '../house.testing.ts';

const MINUTE = 60_000;

const reason = (expected: string) => (error: unknown) => error instanceof RekeyError && error.reason === expected;

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

  test('waits for the last one to be done, not only for its overlap', async () => {
    const { worker, begin, pass, rotations, target } = await open();
    const first = await begin();
    await worker.tick();
    const second = await begin();
    target.breaks('revoke', 'down', Number.POSITIVE_INFINITY);
    await pass(30 * MINUTE);
    assert.equal((await rotations.get(first.id)).state, 'retiring');
    assert.deepEqual(
      [(await rotations.get(second.id)).state, (await rotations.get(second.id)).startedAt],
      ['due', null],
    );
    target.mend();
    await pass(10 * MINUTE);
    assert.equal((await rotations.get(first.id)).state, 'done');
    assert.notEqual((await rotations.get(second.id)).startedAt, null);
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

  test('is not begun in the place of a verification, nor a verification in the place of a rotation', async () => {
    const { rotations, house, begin, worker, target } = await open();
    const verification = await rotations.verify(house.secretId, { versionId: null, askedBy: 'test' });
    await assert.rejects(begin(), reason('previous-rotation-incomplete'));
    await worker.tick();
    assert.equal((await rotations.get(verification.id)).state, 'done');
    target.breaks('set', 'down', 1);
    await begin();
    await worker.tick();
    const value = await house.textOf(PENDING);
    const refused = rotations.verify(house.secretId, { versionId: null, askedBy: 'test' });
    await assert.rejects(refused, reason('previous-rotation-incomplete'));
    assert.equal(await house.textOf(PENDING), value);
  });
});
