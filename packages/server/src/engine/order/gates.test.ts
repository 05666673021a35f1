import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RekeyError, type RotationRule, type RotationSettings } from '@rekey/core';
import { FakeTarget } from '@rekey/rotators';
import { fakeFunctions } from '../fake-functions.testing.ts';
import { credential, openBench, putSecret } from '../house.testing.ts';
import { gateCondition, gateCycle } from './gates.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const ASK = { versionId: null, cause: 'manual', askedBy: 'test' } as const;

/** Production (`app`) behind a gate, and its staging counterpart, at one target. */
async function open(settings: Partial<RotationSettings> = {}, rule: RotationRule = { kind: 'every', every: 4 * HOUR }) {
  const target = new FakeTarget({ app: 'old-password', stage: 'stage-password', admin: 'admin-password' });
  const alike = { strategy: 'alternating-users', overlap: MINUTE } as const;
  const bench = await openBench({
    target,
    rule,
    settings: { ...alike, requires: ['staging'], green: 2, soak: HOUR, ...settings },
    functions: fakeFunctions(target),
  });
  const { house, clock, rotations, pass } = bench;
  const value = credential('stage', 'stage-password');
  const stagingId = await putSecret(house.store, clock.now(), { name: 'staging', value, settings: alike });
  const rotateStaging = async () => {
    await rotations.begin(stagingId, ASK);
    await pass(5 * MINUTE);
  };
  const own = async () => (await rotations.history(house.secretId))[0] ?? null;
  const sentences = async () => (await rotations.due(house.secretId)).reasons.map(({ sentence }) => sentence).join(' ');
  return { ...bench, stagingId, rotateStaging, own, sentences };
}

const reason = (expected: string) => (error: unknown) => error instanceof RekeyError && error.reason === expected;

describe('production behind a gate', () => {
  test('waits, is shown as waiting, and rotates after its counterpart has rotated well and was watched', async () => {
    const { pass, rotateStaging, own, sentences, house } = await open();
    await pass(6 * HOUR, 5 * MINUTE);
    assert.equal(await own(), null);
    assert.match(await sentences(), /was due at .* Waits at its gate: staging must first rotate 2 times in a row/);
    assert.match(house.alerts.raised.get(`overdue/${house.secretId}`) ?? '', /overdue since .*\. Waits at its gate/);
    await rotateStaging();
    await rotateStaging();
    await pass(30 * MINUTE, 5 * MINUTE);
    assert.match(await sentences(), /staging rotated well and is watched until/);
    assert.equal(await own(), null);
    await pass(90 * MINUTE, 5 * MINUTE);
    assert.notEqual((await own())?.promotedAt ?? null, null);
    assert.deepEqual([...house.alerts.raised], []);
  });

  test('stops with an alert when its counterpart fails, and takes it back when that is well again', async () => {
    const { pass, rotations, stagingId, own, house, target, rotateStaging } = await open({ green: 1 });
    await rotateStaging();
    await pass(2 * HOUR, 5 * MINUTE);
    target.breaks('set', 'missing-privilege');
    await rotations.begin(stagingId, ASK);
    await pass(3 * HOUR, 5 * MINUTE);
    assert.equal(await own(), null);
    const told = house.alerts.raised.get(gateCondition(house.secretId)) ?? '';
    assert.match(
      told,
      /app is not rotated\. Waits at its gate: rotation 2 of its staging counterpart staging is blocked/,
    );
    await rotateStaging();
    await pass(30 * MINUTE, MINUTE);
    assert.equal(house.alerts.raised.has(gateCondition(house.secretId)), false);
    await pass(2 * HOUR, 5 * MINUTE);
    assert.notEqual((await own())?.promotedAt ?? null, null);
  });

  test('refuses who asks, unless it is overridden with a reason; a freeze is another matter', async () => {
    const { rotations, house, pass, own, engine } = await open();
    await assert.rejects(rotations.begin(house.secretId, ASK), (error: unknown) => {
      assert.ok(reason('rotation-held')(error));
      assert.match(String(error), /Waits at its gate: .*--override-gate REASON/);
      return true;
    });
    await assert.rejects(
      rotations.begin(house.secretId, { ...ASK, override: { freeze: 'no' } }),
      reason('rotation-held'),
    );
    await rotations.begin(house.secretId, { ...ASK, override: { gate: 'staging is gone for good' } });
    await pass(5 * MINUTE);
    assert.equal((await own())?.state, 'done');
    assert.match(engine.audited[0]?.detail ?? '', /overrides the gate \(staging is gone for good\)/);
  });

  test('lets a breach pass', async () => {
    const { rotations, house, pass, own } = await open();
    await rotations.begin(house.secretId, { ...ASK, cause: 'breach' });
    await pass(5 * MINUTE);
    assert.equal((await own())?.state, 'done');
  });

  test('whose counterpart is missing or deleted says what to do, and tells people', async () => {
    const { pass, sentences, house, stagingId } = await open();
    const staging = await house.store.get('secret', stagingId);
    assert.ok(staging);
    const record = { ...staging.record, deletedAt: 1 };
    await house.store.commit([{ collection: 'secret', id: stagingId, record, expect: staging.revision }]);
    await pass(5 * HOUR, 5 * MINUTE);
    assert.match(
      await sentences(),
      /its staging counterpart staging is marked for deletion: restore it, or name another/,
    );
    assert.ok(house.alerts.raised.has(gateCondition(house.secretId)));
    await house.store.commit([{ collection: 'name', id: house.store.opaque('name', 'staging'), record: null }]);
    await pass(HOUR, 5 * MINUTE);
    assert.match(await sentences(), /its staging counterpart staging does not exist: create it/);
  });

  test('that has begun but told its target nothing waits when its counterpart turns out to fail', async () => {
    const manual = { kind: 'manual' } as const;
    const { pass, rotations, stagingId, own, house, target, rotateStaging } = await open(
      { green: 1, soak: MINUTE },
      manual,
    );
    await rotateStaging();
    await pass(2 * MINUTE);
    target.breaks('any', 'down', Number.POSITIVE_INFINITY);
    await rotations.begin(house.secretId, ASK);
    await pass(MINUTE);
    const [last] = await rotations.history(stagingId);
    assert.ok(last);
    const blocked = {
      ...last,
      id: 'the next',
      number: last.number + 1,
      state: 'blocked',
      waitingFor: 'Grant it.',
    } as const;
    await house.store.commit([{ collection: 'rotation', id: blocked.id, record: blocked, expect: 0 }]);
    target.mend();
    await pass(20 * MINUTE);
    assert.deepEqual([(await own())?.heldBy, (await own())?.setStartedAt], ['gate', null]);
    assert.ok(house.alerts.raised.has(gateCondition(house.secretId)));
    await house.store.commit([{ collection: 'rotation', id: blocked.id, record: null }]);
    await pass(20 * MINUTE);
    assert.equal((await own())?.state, 'done');
    assert.equal(house.alerts.raised.has(gateCondition(house.secretId)), false);
  });

  test('costs nothing between: a secret that waits is read again a few times an hour', async () => {
    const { pass, house } = await open();
    await pass(5 * HOUR, 5 * MINUTE);
    const list = house.store.list.bind(house.store);
    let histories = 0;
    house.store.list = ((collection: never, query: { readonly index: string }) => {
      if (query.index === 'secret' && collection === ('rotation' as never)) histories += 1;
      return list(collection, query as never);
    }) as typeof house.store.list;
    await pass(HOUR, 10_000);
    assert.ok(histories >= 2 && histories <= 5, `${histories} in an hour of ticks every ten seconds`);
  });
});

test('counterparts that lead back to the secret are found, however long the way', async () => {
  const { house, clock } = await open();
  const { store } = house;
  const put = (name: string, requires: readonly string[]) =>
    putSecret(store, clock.now(), { name, value: null, settings: { requires } });
  const a = await put('a', []);
  const b = await put('b', ['a']);
  await put('c', ['b', 'gone']);
  assert.deepEqual(await gateCycle(store, a, ['a']), ['a']);
  assert.deepEqual(await gateCycle(store, a, ['staging', 'c']), ['c', 'b', 'a']);
  assert.equal(await gateCycle(store, b, ['a', 'gone']), null);
});
