import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type FunctionStep, leaks, type RotationSettings, RotatorError, systemRandom } from '@rekey/core';
import { FakeTarget, fake } from './fake.ts';
import { rotationFunctionFrom } from './rotation-function.ts';
import { FakeAccess } from './support/fake-access.ts';

const secretArn = 'app/database';
const signal = AbortSignal.timeout(30_000);

function house(settings: Partial<RotationSettings> = {}, members: Record<string, unknown> = {}) {
  const target = new FakeTarget({ app: 'old-password', admin: 'admin-password' });
  const access = new FakeAccess();
  const value = {
    engine: 'fake',
    host: 'db',
    username: 'app',
    password: 'old-password',
    masterarn: 'admin',
    ...members,
  };
  access.add(secretArn, JSON.stringify(value), settings);
  access.add('admin', JSON.stringify({ engine: 'fake', host: 'db', username: 'admin', password: 'admin-password' }));
  const rotationFunction = rotationFunctionFrom(fake(target), access, { random: systemRandom });
  const step = (Step: FunctionStep, fence = 1, versionId = 'v2') =>
    rotationFunction.invoke({ Step, SecretId: secretArn, ClientRequestToken: versionId }, { fence, signal });
  const value2 = async () => JSON.parse((await access.getValue(secretArn, { versionId: 'v2' })) ?? 'null');
  return { target, access, rotationFunction, step, value2 };
}

const failsWith = (errorClass: string, pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof RotatorError);
  assert.equal(error.class, errorClass, error.message);
  assert.match(error.message, pattern);
  return true;
};

describe('a rotator as a rotation function', () => {
  test('goes through the four steps and ends with a current value that logs in', async () => {
    const { target, step, value2, access, rotationFunction } = house();
    for (const name of ['createSecret', 'setSecret', 'testSecret', 'finishSecret'] as const) await step(name);
    const { username, password } = await value2();
    assert.equal(username, 'app');
    assert.ok(target.accepts('app', password));
    assert.equal((await access.describe(secretArn)).currentVersionId, 'v2');
    assert.equal((await rotationFunction.probe?.(secretArn, 'v1', { signal }))?.outcome, 'refused');
    assert.equal((await rotationFunction.probeDecoy?.(secretArn, { signal }))?.outcome, 'refused');
    assert.equal(await rotationFunction.target?.(secretArn), 'fake://db');
  });

  test('leaves the old user valid until it is revoked when users alternate', async () => {
    const { target, step, value2, rotationFunction } = house({ strategy: 'alternating-users' });
    for (const name of ['createSecret', 'setSecret', 'testSecret', 'finishSecret'] as const) await step(name);
    assert.equal((await value2()).username, 'app_clone');
    assert.ok(target.accepts('app', 'old-password'));
    assert.equal(await rotationFunction.sharesAccount?.(secretArn, 'v1'), false);
    await rotationFunction.revoke?.(secretArn, 'v1', { fence: 1, signal });
    assert.ok(!target.accepts('app', 'old-password'));
  });

  test('never makes a second value for a version that has one', async () => {
    const { step, value2 } = house();
    await step('createSecret');
    const first = await value2();
    await step('createSecret');
    assert.deepEqual(await value2(), first);
  });

  test('does nothing for a version that is current already', async () => {
    const { step, target } = house();
    for (const name of ['createSecret', 'setSecret', 'finishSecret'] as const) await step(name);
    const calls = target.calls.length;
    for (const name of ['createSecret', 'setSecret', 'testSecret', 'finishSecret'] as const) await step(name);
    assert.equal(target.calls.length, calls);
  });

  test('resolves auto to alternating users only when the username may change and an admin credential is named', async () => {
    assert.equal((await house().step('createSecret')).strategy, 'single-user');
    assert.equal((await house({ usernameMayChange: true }).step('createSecret')).strategy, 'alternating-users');
    const alone = house({ usernameMayChange: true }, { masterarn: undefined });
    assert.equal((await alone.step('createSecret')).strategy, 'single-user');
  });

  test('refuses a strategy the rotator does not declare and names those it does', async () => {
    await assert.rejects(house({ strategy: 'two-keys' }).step('createSecret'), failsWith('rejected-form', /two-keys/));
  });

  test('refuses an admin credential of another target', async () => {
    const { access, step } = house();
    access.add(
      'admin',
      JSON.stringify({ engine: 'fake', host: 'elsewhere', username: 'admin', password: 'admin-password' }),
    );
    await assert.rejects(step('createSecret'), failsWith('rejected-form', /another target/));
  });

  for (const member of ['host', 'username', 'masterarn', 'engine', 'port'] as const)
    test(`refuses a pending value whose ${member} somebody changed`, async () => {
      const { access, step, value2, target } = house();
      await step('createSecret');
      access.put(secretArn, 'v2', JSON.stringify({ ...(await value2()), [member]: 'another' }));
      const errorClass = member === 'username' ? 'rejected-value' : 'rejected-form';
      await assert.rejects(step('setSecret'), failsWith(errorClass, new RegExp(member)));
      assert.ok(target.accepts('admin', 'admin-password'));
    });

  test('refuses to revoke the current version, and finds nothing to revoke in a version without a value', async () => {
    const { rotationFunction } = house();
    await assert.rejects(
      async () => rotationFunction.revoke?.(secretArn, 'v1', { fence: 1, signal }),
      failsWith('conflict', /current/),
    );
    assert.equal((await rotationFunction.revoke?.(secretArn, 'gone', { fence: 1, signal }))?.endedSessions, 0);
  });

  test('lets no secret of the call out in an error, in any encoding, whatever the rotator throws', async () => {
    const { access } = house();
    const texts = ['old-password', 'admin-password'];
    const everyForm = texts.flatMap((text) => [
      text,
      Buffer.from(text).toString('base64'),
      Buffer.from(text).toString('hex'),
    ]);
    const careless = {
      ...fake(),
      create: async () => {
        throw new Error(`login failed: ${everyForm.join(' ')}`, { cause: texts });
      },
    };
    const rotationFunction = rotationFunctionFrom(careless, access, { random: systemRandom });
    const event = { Step: 'createSecret', SecretId: secretArn, ClientRequestToken: 'v2' } as const;
    await assert.rejects(rotationFunction.invoke(event, { fence: 1, signal }), (error: unknown) => {
      assert.ok(error instanceof RotatorError);
      assert.equal(error.class, 'bug');
      assert.equal(error.cause, undefined);
      assert.deepEqual(leaks(`${error.message} ${error.stack}`, texts), []);
      return true;
    });
  });

  test('has no ability the rotator lacks', () => {
    const lacking = fake(new FakeTarget(), { lacks: { probe: 'none', revoke: 'none' } });
    const rotationFunction = rotationFunctionFrom(lacking, new FakeAccess(), { random: systemRandom });
    assert.equal(rotationFunction.probe, undefined);
    assert.equal(rotationFunction.probeDecoy, undefined);
    assert.equal(rotationFunction.revoke, undefined);
    assert.deepEqual(rotationFunction.lacks, { probe: 'none', revoke: 'none' });
  });
});
