import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CURRENT, PENDING, PREVIOUS, type RotationSettings, type Strategy } from '@rekey/core';
import { type FakeOptions, FakeTarget, fake, rotationFunctionFrom } from '@rekey/rotators';
import { type EngineOptions, FakeAlerts, FakeClock, openEngine, putSecret, textOf } from './testing.ts';

const MINUTE = 60_000;

async function house(
  strategy: Strategy = 'alternating-users',
  {
    settings = {},
    rotator = {},
    rule = { kind: 'manual' },
    ...engineOptions
  }: Partial<EngineOptions> & {
    settings?: Partial<RotationSettings>;
    rotator?: FakeOptions;
    rule?: Parameters<typeof putSecret>[2]['rule'] & object;
  } = {},
) {
  const target = new FakeTarget({ app: 'old-password', admin: 'admin-password' });
  const clock = new FakeClock();
  const alerts = new FakeAlerts();
  const engine = await openEngine({
    clock,
    alerts,
    functions: (access, random) => {
      const made = rotationFunctionFrom(fake(target, rotator), access, { random });
      return (functionArn) => (functionArn.endsWith('rekey-fake') ? made : null);
    },
    ...engineOptions,
  });
  const credential = (username: string, password: string) =>
    JSON.stringify({ engine: 'fake', host: 'db', username, password, masterarn: 'admin' });
  await putSecret(engine.store, clock.now(), { name: 'admin', value: credential('admin', 'admin-password') });
  const id = await putSecret(engine.store, clock.now(), {
    name: 'app',
    value: credential('app', 'old-password'),
    rule,
    settings: { strategy, overlap: 10 * MINUTE, ...settings },
  });
  const accepts = async (label: string) => {
    const text = await textOf(engine.store, id, label);
    if (text === null) return null;
    const { username, password } = JSON.parse(text);
    return target.accepts(username, password);
  };
  const begin = (versionId: string | null = null) =>
    engine.rotations.begin(id, { versionId, cause: 'manual', askedBy: 'test' });
  const latest = async () => (await engine.rotations.history(id, 1))[0]!;
  return { ...engine, clock, alerts, target, id, accepts, begin, latest };
}

describe('a rotation', () => {
  test('by alternating users keeps the old value valid for the overlap and then proves it refused', async () => {
    const { worker, begin, latest, accepts, clock } = await house();
    await begin();
    await worker.tick();
    assert.equal((await latest()).state, 'retiring');
    assert.deepEqual([await accepts(CURRENT), await accepts(PREVIOUS)], [true, true]);
    await clock.advance(10 * MINUTE);
    await worker.tick();
    const done = await latest();
    assert.equal(done.state, 'done', JSON.stringify(done, null, 1));
    assert.equal(done.oldRefusedAt, clock.now());
    assert.deepEqual([await accepts(CURRENT), await accepts(PREVIOUS)], [true, false]);
  });

  test('of a single user measures its switch window and proves at once that the old value is refused', async () => {
    const { worker, begin, latest, accepts, store, id } = await house('single-user');
    await begin();
    await worker.tick();
    const done = await latest();
    assert.equal(done.state, 'done', JSON.stringify(done, null, 1));
    assert.equal(done.switchWindow, 0);
    assert.deepEqual([await accepts(CURRENT), await accepts(PREVIOUS)], [true, false]);
    assert.equal(await textOf(store, id, PENDING), null);
  });
});
