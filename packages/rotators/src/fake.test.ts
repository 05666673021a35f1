import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DEFAULT_ROTATION_SETTINGS, RotatorError, type Strategy, systemRandom } from '@rekey/core';
import { rotatorConformance } from './conformance.ts';
import { FakeTarget, fake } from './fake.ts';

const value = (username: string, password: string) =>
  JSON.stringify({ engine: 'fake', host: 'memory', username, password });

for (const strategy of ['single-user', 'alternating-users', 'dual-password'] as const)
  rotatorConformance('fake', {
    strategy,
    requiredMembers: ['username', 'password'],
    open: async () => {
      const target = new FakeTarget({ app: 'old-password', admin: 'admin-password' });
      return {
        rotator: fake(target, { strategies: [strategy] }),
        credential: value('app', 'old-password'),
        admin: value('admin', 'admin-password'),
        absent: value('nobody', 'nobody-password'),
        unreachable: null,
        openSession: async (credential) => {
          const { username } = JSON.parse(credential);
          target.openSessions(username, 1);
          return { close: async () => target.openSessions(username, 0) };
        },
        close: async () => undefined,
      };
    },
  });

describe('the fake target', () => {
  const context = (strategy: Strategy = 'single-user', signal = AbortSignal.timeout(10_000)) => ({
    secret: { arn: 'arn:fake', name: 'fake' },
    strategy,
    fence: 1,
    admin: null,
    settings: DEFAULT_ROTATION_SETTINGS,
    random: systemRandom,
    signal,
  });
  const current = value('app', 'old-password');

  for (const [fault, errorClass] of [
    ['down', 'unreachable'],
    ['missing-privilege', 'missing-privilege'],
    ['rejects-value', 'rejected-value'],
  ] as const)
    test(`fails ${errorClass} once when it is told to be ${fault}, and changes nothing`, async () => {
      const target = new FakeTarget({ app: 'old-password' });
      const rotator = fake(target);
      const { pending } = await rotator.create({ context: context(), current });
      target.breaks('set', fault);
      const request = { context: context(), current, pending, previous: null };
      await assert.rejects(
        rotator.set(request),
        (error) => error instanceof RotatorError && error.class === errorClass,
      );
      assert.ok(target.accepts('app', 'old-password'));
      await rotator.set(request);
      assert.ok(!target.accepts('app', 'old-password'));
    });

  test('makes the change and loses the reply when told to', async () => {
    const target = new FakeTarget({ app: 'old-password' });
    const rotator = fake(target);
    const { pending } = await rotator.create({ context: context(), current });
    target.breaks('set', 'lost-reply');
    await assert.rejects(rotator.set({ context: context(), current, pending, previous: null }), /lost/);
    assert.ok(!target.accepts('app', 'old-password'));
  });

  test('hangs until the signal aborts when told to', async () => {
    const target = new FakeTarget({ app: 'old-password' });
    const rotator = fake(target);
    target.breaks('test', 'hangs');
    const giveUp = new AbortController();
    const testing = rotator.test({ context: context('single-user', giveUp.signal), current, pending: current });
    giveUp.abort();
    await assert.rejects(testing, (error) => error instanceof RotatorError && error.class === 'unreachable');
  });

  test('accepts any password once it stops checking', async () => {
    const target = new FakeTarget({ app: 'old-password' });
    target.checksPasswords = false;
    const rotator = fake(target);
    const credential = rotator.decoy?.(current, systemRandom) ?? '';
    const probed = await rotator.probe({
      credential,
      settings: DEFAULT_ROTATION_SETTINGS,
      signal: AbortSignal.timeout(1_000),
    });
    assert.equal(probed.outcome, 'accepted');
  });
});
