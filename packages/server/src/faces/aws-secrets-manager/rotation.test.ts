import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { FunctionStep, RotationFunction } from '@rekey/core';
import { FakeTarget, fake, rotationFunctionFrom } from '@rekey/rotators';
import { openFace, type TestFace, token } from './testing.ts';

const FUNCTION = 'arn:aws:lambda:us-east-1:000000000000:function:rekey-fake';
const DAY = 86_400_000;
const DENIED = {
  status: 400,
  type: 'AccessDeniedException',
  text: 'Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the principal secretsmanager.amazonaws.com.',
};
const INCOMPLETE = {
  status: 400,
  type: 'InvalidRequestException',
  text: "A previous rotation isn't complete. That rotation will be reattempted.",
};

function credential(password: string): string {
  return JSON.stringify({ engine: 'fake', host: 'db', username: 'app', password });
}

/** A secret whose credential the fake target accepts. */
async function open(): Promise<
  TestFace & { target: FakeTarget; rotate(input?: object): Promise<{ VersionId: string }> }
> {
  const target = new FakeTarget({ app: 'old-password' });
  const face = await openFace({
    functions: (access, random) => {
      const made = rotationFunctionFrom(fake(target), access, { random });
      return (functionArn) => (functionArn === FUNCTION ? made : null);
    },
  });
  const value = credential('old-password');
  await face.call('CreateSecret', { Name: 'a', ClientRequestToken: token('first'), SecretString: value });
  const rotate = (input: object = {}) =>
    face.call('RotateSecret', {
      SecretId: 'a',
      ClientRequestToken: token('second'),
      RotationLambdaARN: FUNCTION,
      ...input,
    });
  return { ...face, target, rotate };
}

const describeSecret = ({ call }: TestFace) => call('DescribeSecret', { SecretId: 'a' });

describe('RotateSecret', () => {
  test('stages an empty pending version, then rotates, and the dates say so', async () => {
    const face = await open();
    const rules = { RotationRules: { AutomaticallyAfterDays: 10 } };
    assert.equal((await face.rotate(rules)).VersionId, token('second'));
    assert.deepEqual((await describeSecret(face)).VersionIdsToStages, {
      [token('first')]: ['AWSCURRENT'],
      [token('second')]: ['AWSPENDING'],
    });
    const empty = { SecretId: 'a', VersionId: token('second'), VersionStage: 'AWSPENDING' };
    assert.deepEqual(await face.refusal('GetSecretValue', empty), {
      status: 400,
      type: 'ResourceNotFoundException',
      text: `Secrets Manager can't find the specified secret value for VersionId: ${token('second')}`,
    });
    await face.engine.worker.tick();
    const rotated = await describeSecret(face);
    assert.deepEqual(rotated.VersionIdsToStages, {
      [token('first')]: ['AWSPREVIOUS'],
      [token('second')]: ['AWSCURRENT'],
    });
    const now = face.clock.now();
    assert.deepEqual(
      [rotated.RotationEnabled, rotated.RotationLambdaARN, rotated.RotationRules, rotated.LastRotatedDate],
      [true, FUNCTION, { AutomaticallyAfterDays: 10 }, now / 1000],
    );
    assert.equal(rotated.NextRotationDate, (Math.floor(now / DAY) * DAY + 11 * DAY) / 1000 - 1);
  });

  test('a secret never configured says nothing of rotation', async () => {
    const described = await describeSecret(await open());
    for (const member of [
      'RotationEnabled',
      'RotationRules',
      'RotationLambdaARN',
      'LastRotatedDate',
      'NextRotationDate',
    ])
      assert.equal(member in described, false, member);
  });

  const REFUSED: readonly [string, object, object][] = [
    ['a function that cannot be invoked', { RotationLambdaARN: `${FUNCTION}-other` }, DENIED],
    [
      'no function at all',
      { RotationLambdaARN: undefined },
      {
        status: 400,
        type: 'InvalidRequestException',
        text: 'No Lambda rotation function ARN is associated with this secret.',
      },
    ],
    ...[
      { ExternalSecretRotationMetadata: [{ Key: 'k', Value: 'v' }] },
      { ExternalSecretRotationRoleArn: 'arn:aws:iam::000000000000:role/external' },
    ].map((input): [string, object, object] => [
      Object.keys(input).join(),
      input,
      {
        status: 400,
        type: 'InvalidParameterException',
        text: 'Rotation of managed external secrets is not available on this server.',
      },
    ]),
    [
      'no token',
      { ClientRequestToken: undefined },
      {
        status: 400,
        type: 'InvalidParameterException',
        text: 'You must provide a ClientRequestToken value. We recommend a UUID-type value.',
      },
    ],
  ];
  for (const [what, input, expected] of REFUSED)
    test(`with ${what} is refused and leaves no trace`, async () => {
      const face = await open();
      const before = await describeSecret(face);
      const request = { SecretId: 'a', ClientRequestToken: token('second'), RotationLambdaARN: FUNCTION, ...input };
      const rules = { RotationRules: { AutomaticallyAfterDays: 10 } };
      assert.deepEqual(await face.refusal('RotateSecret', { ...request, ...rules }), expected);
      assert.deepEqual(await describeSecret(face), before);
    });

  const RULES: readonly [object, string][] = [
    [{}, 'InvalidParameterException'],
    [{ AutomaticallyAfterDays: 1, ScheduleExpression: 'rate(1 day)' }, 'InvalidParameterException'],
    [{ ScheduleExpression: 'rate(3 hours)' }, 'InvalidParameterException'],
    [{ ScheduleExpression: 'cron(5 0 * * ? *)' }, 'InvalidParameterException'],
    [{ ScheduleExpression: 'daily' }, 'InvalidParameterException'],
    [{ ScheduleExpression: 'rate(4 hours)', Duration: '5h' }, 'InvalidParameterException'],
    [{ AutomaticallyAfterDays: 1001 }, 'ValidationException'],
    [{ AutomaticallyAfterDays: 0 }, 'ValidationException'],
  ];
  for (const [RotationRules, type] of RULES)
    test(`by the rules ${JSON.stringify(RotationRules)} is refused and leaves no trace`, async () => {
      const face = await open();
      const before = await describeSecret(face);
      const request = {
        SecretId: 'a',
        ClientRequestToken: token('second'),
        RotationLambdaARN: FUNCTION,
        RotationRules,
      };
      assert.equal((await face.refusal('RotateSecret', request)).type, type);
      assert.deepEqual(await describeSecret(face), before);
    });

  test('while pending sits on another version is refused; the same token again is the same rotation', async () => {
    const face = await open();
    await face.rotate();
    assert.equal((await face.rotate()).VersionId, token('second'));
    const other = { SecretId: 'a', ClientRequestToken: token('third') };
    assert.deepEqual(await face.refusal('RotateSecret', other), INCOMPLETE);
    await face.engine.worker.tick();
    assert.equal((await face.rotate()).VersionId, token('second'), 'also when it has ended');
  });

  test('with RotateImmediately=false only tests current; the configuration stays and nothing moves', async () => {
    const face = await open();
    await face.rotate({ RotateImmediately: false, RotationRules: { AutomaticallyAfterDays: 30 } });
    await face.engine.worker.tick();
    const described = await describeSecret(face);
    assert.deepEqual(described.VersionIdsToStages, { [token('first')]: ['AWSCURRENT'] });
    assert.deepEqual([described.RotationEnabled, described.LastRotatedDate], [true, undefined]);
    assert.equal(described.NextRotationDate, (Math.floor(face.clock.now() / DAY) * DAY + 31 * DAY) / 1000 - 1);
  });

  test('a foreign function works through the API as AWS’s templates do', async () => {
    const face = await openFace({ functions: () => () => template });
    const template: RotationFunction = {
      name: 'template',
      lacks: { probe: 'foreign', revoke: 'foreign' },
      invoke: async ({ Step, SecretId, ClientRequestToken }) => {
        await STEPS[Step](face, SecretId, ClientRequestToken);
        return { findings: [], strategy: null };
      },
    };
    await face.call('CreateSecret', { Name: 'a', ClientRequestToken: token('first'), SecretString: 'old' });
    await face.call('RotateSecret', {
      SecretId: 'a',
      ClientRequestToken: token('second'),
      RotationLambdaARN: 'template',
    });
    await face.engine.worker.tick();
    const described = await describeSecret(face);
    assert.deepEqual(described.VersionIdsToStages, {
      [token('first')]: ['AWSPREVIOUS'],
      [token('second')]: ['AWSCURRENT'],
    });
    assert.equal((await face.call('GetSecretValue', { SecretId: 'a' })).SecretString, 'new');
    const journal = [];
    for await (const { text, versionId } of face.engine.escrow.entries()) journal.push([text, versionId]);
    assert.deepEqual(journal, [['new', token('second')]], 'the value was in the escrow journal');
  });
});

/** What AWS's published templates call. */
const STEPS: Readonly<Record<FunctionStep, (face: TestFace, secretId: string, versionId: string) => Promise<unknown>>> =
  {
    createSecret: async ({ call, refusal }, SecretId, ClientRequestToken) => {
      await call('GetSecretValue', { SecretId, VersionStage: 'AWSCURRENT' });
      const missing = { SecretId, VersionId: ClientRequestToken, VersionStage: 'AWSPENDING' };
      assert.equal((await refusal('GetSecretValue', missing)).type, 'ResourceNotFoundException');
      const VersionStages = ['AWSPENDING'];
      await call('PutSecretValue', { SecretId, ClientRequestToken, SecretString: 'new', VersionStages });
    },
    setSecret: async ({ call }, SecretId, VersionId) =>
      assert.equal(
        (await call('GetSecretValue', { SecretId, VersionId, VersionStage: 'AWSPENDING' })).SecretString,
        'new',
      ),
    testSecret: async () => {},
    finishSecret: async ({ call }, SecretId, MoveToVersionId) => {
      const { VersionIdsToStages } = await call('DescribeSecret', { SecretId });
      const [RemoveFromVersionId] = Object.entries(VersionIdsToStages).find(([, labels]) =>
        labels.includes('AWSCURRENT'),
      )!;
      const move = { SecretId, VersionStage: 'AWSCURRENT', MoveToVersionId, RemoveFromVersionId };
      await call('UpdateSecretVersionStage', move);
    },
  };

describe('CancelRotateSecret', () => {
  test('switches rotation off, keeps its configuration, and may leave a pending version that blocks the next', async () => {
    const face = await open();
    await face.rotate({ RotationRules: { ScheduleExpression: 'rate(10 days)', Duration: '3h' } });
    const cancelled = await face.call('CancelRotateSecret', { SecretId: 'a' });
    assert.equal(cancelled.VersionId, token('second'));
    const off = await describeSecret(face);
    assert.deepEqual([off.RotationEnabled, off.RotationLambdaARN], [false, FUNCTION]);
    assert.deepEqual(off.RotationRules, { Duration: '3h', ScheduleExpression: 'rate(10 days)' });
    assert.deepEqual([off.LastRotatedDate, off.NextRotationDate], [undefined, undefined]);
    assert.deepEqual(
      await face.refusal('RotateSecret', { SecretId: 'a', ClientRequestToken: token('third') }),
      INCOMPLETE,
    );
    const unstick = { SecretId: 'a', VersionStage: 'AWSPENDING', RemoveFromVersionId: token('second') };
    await face.call('UpdateSecretVersionStage', unstick);
    await face.call('RotateSecret', { SecretId: 'a', ClientRequestToken: token('third') });
    await face.engine.worker.tick();
    const on = await describeSecret(face);
    assert.equal(on.RotationEnabled, true);
    assert.deepEqual(on.VersionIdsToStages[token('third')], ['AWSCURRENT']);
  });

  test('of a secret whose rotation was never configured is refused', async () => {
    const face = await open();
    assert.equal((await face.refusal('CancelRotateSecret', { SecretId: 'a' })).type, 'InvalidRequestException');
  });
});

describe('a rotation configured', () => {
  test('shows AWS’s rules again, with the days of an expression counted once it has rotated', async () => {
    const face = await open();
    await face.rotate({ RotationRules: { ScheduleExpression: 'cron(0 8 1 * ? *)', Duration: '2h' } });
    await face.engine.worker.tick();
    const { RotationRules } = await describeSecret(face);
    assert.deepEqual(RotationRules, {
      AutomaticallyAfterDays: 31,
      Duration: '2h',
      ScheduleExpression: 'cron(0 8 1 * ? *)',
    });
  });

  test('counts a value put by hand as a rotation, for a rule in days', async () => {
    const face = await open();
    await face.rotate({ RotationRules: { AutomaticallyAfterDays: 10 } });
    await face.engine.worker.tick();
    const { NextRotationDate: before } = await describeSecret(face);
    await face.clock.advance(3 * DAY);
    const value = { SecretId: 'a', ClientRequestToken: token('by hand'), SecretString: credential('x') };
    await face.call('PutSecretValue', { ...value, VersionStages: ['MINE'] });
    assert.equal((await describeSecret(face)).NextRotationDate, before, 'not while current stays');
    await face.call('UpdateSecret', { ...value, ClientRequestToken: token('by hand too') });
    assert.equal((await describeSecret(face)).NextRotationDate, before + (3 * DAY) / 1000);
  });

  test('takes its settings from tags, also when they change later', async () => {
    const face = await open();
    const settings = async () => (await face.engine.store.findSecret('a'))!.record.rotation!.settings;
    const tag = (Key: string, Value: string) => face.call('TagResource', { SecretId: 'a', Tags: [{ Key, Value }] });
    await tag('rekey:overlap', '10m');
    await face.rotate({ RotationRules: { AutomaticallyAfterDays: 10 } });
    assert.equal((await settings()).overlap, 600_000);
    await tag('rekey:strategy', 'alternating-users');
    await tag('rekey:username-may-change', 'yes');
    const { strategy, usernameMayChange } = await settings();
    assert.deepEqual([strategy, usernameMayChange], ['alternating-users', true]);
    await face.call('UntagResource', { SecretId: 'a', TagKeys: ['rekey:overlap'] });
    assert.equal((await settings()).overlap, 3_600_000);
    const tooLong = { SecretId: 'a', Tags: [{ Key: 'rekey:overlap', Value: '10d' }] };
    assert.equal((await face.refusal('TagResource', tooLong)).type, 'InvalidParameterException');
  });
});
