import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DEFAULT_ROTATION_SETTINGS, RotatorError, systemRandom } from '@rekey/core';
import { rotatorConformance } from './conformance.ts';
import { randomValue } from './random-value.ts';

const nowhere = { admin: null, absent: null, unreachable: null, close: async () => undefined };

rotatorConformance('random-value of a plain text', {
  strategy: 'single-user',
  requiredMembers: [],
  secretPart: (credential) => credential,
  open: async () => ({ rotator: randomValue(), credential: 'the-old-value', ...nowhere }),
});
rotatorConformance('random-value of a JSON member', {
  strategy: 'single-user',
  requiredMembers: [],
  secretPart: (credential) => JSON.parse(credential).token,
  open: async () => ({ rotator: randomValue(), credential: '{"token":"the-old-token","url":"https://x"}', ...nowhere }),
});

describe('the random-value rotator', () => {
  const context = {
    secret: { arn: 'arn', name: 'name' },
    strategy: 'single-user',
    fence: 1,
    admin: null,
    settings: DEFAULT_ROTATION_SETTINGS,
    random: systemRandom,
    signal: AbortSignal.timeout(10_000),
  } as const;
  const renewed = async (current: string) => (await randomValue().create({ context, current })).pending;

  test('replaces a plain text whole, also one that is JSON but no object', async () => {
    for (const current of ['plain', '"quoted"', '[1]', '42', '{broken'])
      assert.match(await renewed(current), /^\w{32}$/);
  });

  test('changes only the member that rotates', async () => {
    const pending = JSON.parse(await renewed('{"url":"https://x","password":"old","n":1}'));
    assert.deepEqual({ ...pending, password: '' }, { url: 'https://x', password: '', n: 1 });
    assert.notEqual(pending.password, 'old');
  });

  test('rotates the member that the value itself names', async () => {
    const pending = JSON.parse(await renewed('{"rotates":"signingKey","password":"kept","signingKey":"old"}'));
    assert.equal(pending.password, 'kept');
    assert.notEqual(pending.signingKey, 'old');
  });

  test('rotates the only text member without being told', async () => {
    assert.notEqual(JSON.parse(await renewed('{"pepper":"old","rounds":3}')).pepper, 'old');
  });

  test('rejects an object in which it cannot tell what rotates, naming no content', async () => {
    for (const current of ['{"a":"content-a","b":"content-b"}', '{}', '{"rotates":"gone","a":"content-a"}'])
      await assert.rejects(renewed(current), (error) => {
        assert.ok(error instanceof RotatorError);
        assert.equal(error.class, 'rejected-form');
        assert.match(error.message, /rotates/);
        assert.doesNotMatch(error.message, /content/);
        return true;
      });
  });

  test('finds nothing wrong with the current value, where that is only looked at, unless nothing of it could rotate', async () => {
    for (const current of ['same', '{"token":"same"}'])
      assert.deepEqual(await randomValue().test({ context, current, pending: current }), { findings: [] });
    await assert.rejects(randomValue().test({ context, current: '{}', pending: '{}' }), /rotates/);
  });
});
