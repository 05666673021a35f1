import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RekeyError, type RotationSettings } from '@rekey/core';
import { FakeTarget } from '@rekey/rotators';
import { fakeFunctions } from '../engine/fake-functions.testing.ts';
import { openService, ROOT } from './testing.ts';

const HOUR = 3_600_000;
const CREDENTIAL = JSON.stringify({ engine: 'fake', host: 'db', username: 'app', password: 'old-password' });
const EVERY_MINUTE = { kind: 'every', every: 60_000 } as const;

async function open(options: { readonly password?: string } = {}) {
  const target = new FakeTarget({ app: options.password ?? 'old-password' });
  const opened = await openService({
    functions: fakeFunctions(target),
  });
  const { secrets, rotation } = opened.service;
  const value = { versionId: 'first'.padEnd(32, '-'), value: { kind: 'text', text: CREDENTIAL } } as const;
  await secrets.create(ROOT, { name: 'a', value });
  const configure = (explicit?: Partial<RotationSettings>) =>
    rotation.configure(ROOT, 'a', {
      functionArn: 'rekey-fake',
      rule: EVERY_MINUTE,
      explicit: { overlap: 1_000, ...explicit },
    });
  return { ...opened, ...opened.service, target, configure };
}

const reason = (expected: string) => (error: unknown) => error instanceof RekeyError && error.reason === expected;

describe('rotation as configured natively', () => {
  test('is planned from now on, begins nothing, and rotates when its time has come', async () => {
    const { configure, engine, clock, rotation } = await open();
    const { rotation: configured } = await configure();
    assert.ok(configured!.plannedAt! >= clock.now() + 60_000);
    assert.equal((await rotation.describe(ROOT, 'a')).active, null);
    await clock.advance(70_000);
    await engine.worker.tick();
    const { recent } = await rotation.describe(ROOT, 'a');
    assert.deepEqual(
      recent.map(({ cause, number }) => [cause, number]),
      [['schedule', 1]],
    );
  });

  test('keeps what a later wish leaves out, and its plan while the rule stays', async () => {
    const { configure, clock, rotation } = await open();
    const first = (await configure({ strategy: 'single-user' })).rotation!;
    await clock.advance(1_000);
    const second = (await rotation.configure(ROOT, 'a', { explicit: { endSessions: true } })).rotation!;
    assert.deepEqual(second, { ...first, settings: second.settings, explicit: second.explicit });
    const { strategy, endSessions, overlap } = second.settings;
    assert.deepEqual([strategy, endSessions, overlap], ['single-user', true, 1_000]);
    const third = (await rotation.configure(ROOT, 'a', { rule: { kind: 'every', every: HOUR } })).rotation!;
    assert.ok(third.plannedAt! >= clock.now() + HOUR);
  });

  test('wins over tags, and removing a tag never weakens it', async () => {
    const { configure, secrets } = await open();
    await secrets.tag(ROOT, 'a', [
      { key: 'rekey:overlap', value: '30s' },
      { key: 'rekey:username-may-change', value: 'yes' },
    ]);
    const settings = async () => (await secrets.describe(ROOT, 'a')).rotation!.settings;
    await configure({ overlap: 5_000 });
    assert.deepEqual([(await settings()).overlap, (await settings()).usernameMayChange], [5_000, true]);
    await secrets.untag(ROOT, 'a', ['rekey:overlap', 'rekey:username-may-change']);
    assert.deepEqual([(await settings()).overlap, (await settings()).usernameMayChange], [5_000, false]);
  });

  test('refuses an unknown function, no function, and an interval no longer than its overlap, without a trace', async () => {
    const { rotation, secrets } = await open();
    const wish = { functionArn: 'rekey-fake', rule: EVERY_MINUTE };
    await assert.rejects(rotation.configure(ROOT, 'a', {}), reason('no-rotation-function'));
    await assert.rejects(
      rotation.configure(ROOT, 'a', { ...wish, functionArn: 'x' }),
      reason('function-not-invocable'),
    );
    await assert.rejects(rotation.configure(ROOT, 'a', wish), reason('interval-not-longer-than-overlap'));
    assert.equal((await secrets.describe(ROOT, 'a')).rotation, null);
  });
});

describe('a gate', () => {
  test('is refused where it would lead in a circle, or to a secret that is not there or may not be looked at', async () => {
    const { configure, rotation, secrets } = await open();
    await configure();
    const value = { versionId: 'staging'.padEnd(32, '-'), value: { kind: 'text', text: CREDENTIAL } } as const;
    await secrets.create(ROOT, { name: 'staging', value });
    const wish = { functionArn: 'rekey-fake', rule: EVERY_MINUTE };
    await rotation.configure(ROOT, 'staging', { ...wish, explicit: { overlap: 1_000 } });
    await rotation.configure(ROOT, 'a', { explicit: { requires: ['staging'], green: 2 } });
    await assert.rejects(rotation.configure(ROOT, 'a', { explicit: { requires: ['a'] } }), reason('gate-cycle'));
    const back = rotation.configure(ROOT, 'staging', { explicit: { requires: ['a'] } });
    await assert.rejects(
      back,
      (error: unknown) => reason('gate-cycle')(error) && /itself: a waits for staging/.test(String(error)),
    );
    await assert.rejects(
      rotation.configure(ROOT, 'a', { explicit: { requires: ['gone'] } }),
      reason('secret-not-found'),
    );
    const { requires, green } = (await secrets.describe(ROOT, 'a')).rotation!.settings;
    assert.deepEqual([requires, green], [['staging'], 2]);
  });

  test('is shown by a dry run, and set aside by who may, with the reason on record', async () => {
    const { configure, rotation, secrets, audited } = await open();
    const value = { versionId: 'staging'.padEnd(32, '-'), value: { kind: 'text', text: CREDENTIAL } } as const;
    await secrets.create(ROOT, { name: 'staging', value });
    await configure({ requires: ['staging'] });
    assert.match((await rotation.plan(ROOT, 'a')).inTheWay.join(), /Waits at its gate: .*staging has no rotation/);
    const ask = { secretId: 'a', versionId: null, immediately: true };
    await assert.rejects(rotation.rotate(ROOT, ask), reason('rotation-held'));
    await rotation.rotate(ROOT, { ...ask, override: { gate: 'staging burnt down' } });
    assert.match(audited.at(-1)?.detail ?? '', /Overrides the gate: staging burnt down/);
  });
});

describe('a rotation asked for natively', () => {
  test('is joined when one is at work already', async () => {
    const { configure, rotation } = await open();
    await configure();
    const ask = () => rotation.rotate(ROOT, { secretId: 'a', versionId: null, immediately: true });
    const first = await ask();
    assert.equal((await ask()).rotation.id, first.rotation.id);
    assert.equal((await rotation.get(ROOT, 'a', first.rotation.id)).id, first.rotation.id);
    await assert.rejects(rotation.get(ROOT, 'a', 'other'), reason('rotation-not-found'));
  });

  test('shows in the status: running, then retiring, then with its next date', async () => {
    const { configure, rotation, status, engine, clock } = await open();
    await configure();
    await rotation.rotate(ROOT, { secretId: 'a', versionId: null, immediately: true });
    const running = await status.get(ROOT);
    assert.deepEqual([running.secrets, running.running.length, running.retiring.length], [1, 1, 0]);
    for (let passed = 0; passed < 5; passed += 1) {
      await engine.worker.tick();
      await clock.advance(1_000);
    }
    const after = await status.get(ROOT);
    assert.deepEqual([after.running.length, after.retiring.length, after.blocked.length], [0, 0, 0]);
    assert.deepEqual(
      after.next.map(({ name }) => name),
      ['a'],
    );
    await clock.advance(HOUR);
    const late = await status.get(ROOT);
    assert.match(late.due[0]!.sentence, /should have been rotated by/);
  });
});

describe('adopting a credential', () => {
  test('proves it at its target and shows the plan; nothing changes but that it is known as adopted', async () => {
    const { rotation, secrets } = await open();
    const before = await secrets.describe(ROOT, 'a');
    const { probe, plan } = await rotation.adopt(ROOT, 'a', { functionArn: 'rekey-fake' });
    assert.equal(probe.outcome, 'accepted');
    assert.equal(plan!.strategy, 'single-user');
    const { adoptedAt, ...rest } = await secrets.describe(ROOT, 'a');
    assert.deepEqual(rest, before);
    assert.equal(typeof adoptedAt, 'number');
    await rotation.adopt(ROOT, 'a', { functionArn: 'rekey-fake' });
    assert.equal((await secrets.describe(ROOT, 'a')).adoptedAt, adoptedAt);
  });

  test('says so when the target refuses it, and makes no plan', async () => {
    const { rotation } = await open({ password: 'another' });
    const { probe, plan } = await rotation.adopt(ROOT, 'a', { functionArn: 'rekey-fake' });
    assert.deepEqual([probe.outcome, plan], ['refused', null]);
  });
});

test('holders of a secret are those who read it', async () => {
  const { usage, values, holders } = await open();
  await values.get(ROOT, { secretId: 'a' });
  await holders.flush();
  const [holder, ...others] = (await usage.list(ROOT, 'a')).holders;
  assert.deepEqual(others, []);
  assert.deepEqual([holder!.principal, holder!.reads], [ROOT.principal.arn, 1]);
});
