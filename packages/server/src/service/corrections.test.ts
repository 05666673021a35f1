import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CURRENT, PREVIOUS, RekeyError } from '@rekey/core';
import { FakeTarget, rotationFunctionFrom, rotators } from '@rekey/rotators';
import { fakeFunctions } from '../engine/fake-functions.testing.ts';
import { textOf } from '../engine/house.testing.ts';
import { openService, ROOT } from './testing.ts';

const CREDENTIAL = JSON.stringify({ engine: 'fake', host: 'db', username: 'app', password: 'old-password' });

async function open() {
  const target = new FakeTarget({ app: 'old-password' });
  const opened = await openService({
    functions: fakeFunctions(target),
  });
  const { service, engine, clock } = opened;
  const value = { versionId: 'first'.padEnd(32, '-'), value: { kind: 'text', text: CREDENTIAL } } as const;
  const { secret } = await service.secrets.create(ROOT, { name: 'a', value });
  await service.rotation.configure(ROOT, 'a', {
    functionArn: 'rekey-fake',
    rule: { kind: 'every', every: 3_600_000 },
    explicit: { overlap: 1_000 },
  });
  const settle = async () => {
    for (let passed = 0; passed < 5; passed += 1) {
      await engine.worker.tick();
      await clock.advance(1_000);
    }
  };
  const rotate = async () => {
    await service.rotation.rotate(ROOT, { secretId: 'a', versionId: null, immediately: true });
    await settle();
  };
  return { ...opened, ...service, target, settle, rotate, secretId: secret.id };
}

describe('correcting a secret', () => {
  test('a rollback is begun, put on record with its version, and ends at the value before', async () => {
    const { corrections, rotate, settle, engine, secretId, audited } = await open();
    await rotate();
    const { rotation } = await corrections.rollback(ROOT, 'a');
    assert.deepEqual(
      [audited.at(-1)?.action, audited.at(-1)?.versionId],
      ['rekey:RollBackSecret', 'first'.padEnd(32, '-')],
    );
    assert.equal(rotation.askedBy, ROOT.principal.arn);
    await settle();
    assert.equal(await textOf(engine.store, secretId, CURRENT), CREDENTIAL);
    assert.notEqual(await textOf(engine.store, secretId, PREVIOUS), CREDENTIAL);
  });

  test('a rollback to what leaked is refused, and to anything else is not', async () => {
    const { corrections, breach, engine, clock, rotate, settle } = await open();
    for (const job of engine.breach.fingerprints.jobs) await job.run();
    const how = { settings: { overlap: 0 }, note: null };
    await breach.reportValue(ROOT, 'old-password', how);
    for (let turn = 0; turn < 20; turn += 1) {
      await engine.breach.work.pass();
      await engine.worker.tick();
      await clock.advance(1_000);
    }
    await assert.rejects(
      corrections.rollback(ROOT, 'a'),
      (error) => error instanceof RekeyError && error.reason === 'value-leaked',
    );
    await rotate();
    assert.equal((await corrections.rollback(ROOT, 'a')).rotation.cause, 'rollback');
    await settle();
  });

  test('drift shows in the status and on the secret, and is gone after the repair', async () => {
    const { corrections, rotation, status, engine, secretId, target, rotate, settle } = await open();
    assert.equal((await rotation.describe(ROOT, 'a')).drift, null);
    await rotate();
    target.changeByHand('app', 'old-password');
    await engine.drift.look(secretId);
    assert.equal((await rotation.describe(ROOT, 'a')).drift?.state, 'drifted');
    assert.deepEqual(
      (await status.get(ROOT)).drifted.map(({ name }) => name),
      ['a'],
    );
    await corrections.repair(ROOT, 'a');
    await settle();
    assert.equal((await rotation.describe(ROOT, 'a')).drift?.state, 'in-sync');
    assert.deepEqual((await status.get(ROOT)).drifted, []);
  });

  test('what was seen of a value is forgotten when another is put', async () => {
    const { rotation, status, values, engine, secretId, target } = await open();
    target.changeByHand('app', 'by hand');
    await engine.drift.look(secretId);
    const value = { kind: 'text', text: CREDENTIAL.replace('old-password', 'by hand') } as const;
    await values.put(ROOT, { secretId: 'a', versionId: 'second'.padEnd(32, '-'), value });
    assert.equal((await rotation.describe(ROOT, 'a')).drift, null);
    assert.deepEqual((await status.get(ROOT)).drifted, []);
  });

  test('a value that no target knows has nothing to repair, and that is said', async () => {
    const { service, engine } = await openService({
      functions: (access, random) => {
        const made = rotationFunctionFrom(rotators['random-value']!(), access, { random });
        return () => made;
      },
    });
    const value = { versionId: 'first'.padEnd(32, '-'), value: { kind: 'text', text: 'a key' } } as const;
    await service.secrets.create(ROOT, { name: 'key', value });
    await service.rotation.configure(ROOT, 'key', { functionArn: 'rekey-random-value' });
    await assert.rejects(service.corrections.repair(ROOT, 'key'), (error) => {
      return error instanceof RekeyError && error.reason === 'nothing-to-repair';
    });
    assert.equal(await engine.store.count('rotation'), 0);
  });

  test('unsticking tells that nothing is left pending', async () => {
    const { corrections } = await open();
    const { outcome, sentence } = await corrections.unstick(ROOT, 'a');
    assert.deepEqual([outcome, sentence], ['nothing-pending', 'Nothing is left pending on a.']);
  });
});

describe('a dry run', () => {
  test('shows strategy, statements, holders and what is in the way; nothing changes', async () => {
    const { rotation, secrets, values, holders, target, engine } = await open();
    await values.get(ROOT, { secretId: 'a' });
    await holders.flush();
    const before = await secrets.describe(ROOT, 'a');
    const planned = await rotation.plan(ROOT, 'a');
    assert.deepEqual([planned.probe.outcome, planned.plan?.strategy], ['accepted', 'single-user']);
    assert.deepEqual(planned.plan?.statements, ['CHANGE PASSWORD OF app']);
    assert.deepEqual(
      planned.holders.map(({ principal }) => principal),
      [ROOT.principal.arn],
    );
    assert.deepEqual(planned.inTheWay, []);
    assert.deepEqual(await secrets.describe(ROOT, 'a'), before);
    assert.equal(await engine.store.count('rotation'), 0);
    assert.ok(target.calls.every((call) => call.startsWith('probe') || call.startsWith('plan')));
    assert.ok(!JSON.stringify(planned).includes('old-password'));
  });

  test('says that a rotation is at work, or was left pending', async () => {
    const { rotation, target, engine } = await open();
    target.breaks('set', 'missing-privilege');
    await rotation.rotate(ROOT, { secretId: 'a', versionId: null, immediately: true });
    await engine.worker.tick();
    assert.match((await rotation.plan(ROOT, 'a')).inTheWay.join(), /Rotation 1 is blocked and would be tried again/);
    await rotation.cancel(ROOT, 'a');
    assert.match((await rotation.plan(ROOT, 'a')).inTheWay.join(), /left pending.*rekey unstick a/);
  });

  test('spends no login beyond the budget, and says so', async () => {
    const { rotation, target } = await open();
    target.changeByHand('app', 'by hand');
    for (let round = 0; round < 5; round += 1) await rotation.plan(ROOT, 'a');
    assert.equal(target.calls.filter((call) => call === 'probe app').length, 3);
    assert.match((await rotation.plan(ROOT, 'a')).probe.reason, /Waits until/);
  });
});
