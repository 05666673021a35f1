import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ROOT } from '../../service/testing.ts';
import { openFace, type TestFace, token } from './testing.ts';

const ACCOUNT = '000000000000';
const ANA = `arn:aws:iam::${ACCOUNT}:user/ana`;

async function open(): Promise<TestFace & { readonly anaId: string }> {
  const face = await openFace();
  const {
    record: { id: anaId },
  } = await face.service.access.users.create(ROOT, { name: 'ana', path: '/', tags: [] });
  await face.call('CreateSecret', { Name: 'a', ClientRequestToken: token('t'), SecretString: 'x' });
  return { ...face, anaId };
}

function policy(principal: unknown, more: object = {}): string {
  const statement = { Effect: 'Allow', Principal: principal, Action: 'secretsmanager:GetSecretValue', Resource: '*' };
  return JSON.stringify({ Version: '2012-10-17', Statement: [{ ...statement, ...more }] }, null, 2);
}

describe('the policy of a secret', () => {
  test('comes back to the letter, is replaced, and goes', async () => {
    const { call, anaId } = await open();
    const named = { ARN: (await call('DescribeSecret', { SecretId: 'a' })).ARN, Name: 'a' };
    for (const text of [policy({ AWS: ANA }), `  ${policy({ AWS: [anaId, ACCOUNT] })}`]) {
      assert.deepEqual(await call('PutResourcePolicy', { SecretId: 'a', ResourcePolicy: text }), named);
      assert.deepEqual(await call('GetResourcePolicy', { SecretId: 'a' }), { ...named, ResourcePolicy: text });
    }
    for (let time = 0; time < 2; time += 1) {
      assert.deepEqual(await call('DeleteResourcePolicy', { SecretId: 'a' }), named);
      assert.deepEqual(await call('GetResourcePolicy', { SecretId: 'a' }), named);
    }
  });

  const MALFORMED: readonly (readonly [string, string, RegExp])[] = [
    ['no JSON', 'policy', /^This policy has invalid syntax\. .*no JSON/],
    ['no policy', '{}', /^This policy has invalid syntax\. At Statement: /],
    ['an unknown version', '{"Version":"2019-10-19","Statement":[]}', /^This policy has invalid syntax\. At Version: /],
    ['nobody named', policy(undefined), /needs Principal or NotPrincipal/],
    [
      'a condition key we do not know',
      policy({ AWS: ANA }, { Condition: { Bool: { 'aws:NoSuch': 'true' } } }),
      /NoSuch/,
    ],
    ['a user that does not exist', policy({ AWS: `${ANA}-other` }), /unsupported principal.*user\/ana-other/],
    ['an id that nobody has', policy({ AWS: 'AIDANOBODY00000000000' }), /unsupported principal/],
    ['another account', policy({ AWS: '999999999999' }), /unsupported principal/],
  ];
  for (const [what, text, expected] of MALFORMED)
    test(`with ${what} is refused, and the one before stays`, async () => {
      const { call, refusal } = await open();
      const before = policy({ AWS: ANA });
      await call('PutResourcePolicy', { SecretId: 'a', ResourcePolicy: before });
      const refused = await refusal('PutResourcePolicy', { SecretId: 'a', ResourcePolicy: text });
      assert.deepEqual([refused.status, refused.type], [400, 'MalformedPolicyDocumentException']);
      assert.match(refused.text, expected);
      assert.equal((await call('GetResourcePolicy', { SecretId: 'a' })).ResourcePolicy, before);
    });

  test('that lets in everybody is refused with BlockPublicPolicy only', async () => {
    const { call, refusal } = await open();
    const put = { SecretId: 'a', ResourcePolicy: policy('*') };
    const refused = await refusal('PutResourcePolicy', { ...put, BlockPublicPolicy: true });
    assert.deepEqual([refused.status, refused.type], [400, 'PublicPolicyException']);
    await call('PutResourcePolicy', { ...put, BlockPublicPolicy: false });
    await call('PutResourcePolicy', put);
  });

  test('cannot be had, put or taken away while the secret is marked for deletion', async () => {
    const { call, refusal } = await open();
    await call('DeleteSecret', { SecretId: 'a' });
    for (const operation of ['GetResourcePolicy', 'PutResourcePolicy', 'DeleteResourcePolicy']) {
      const refused = await refusal(operation, { SecretId: 'a', ResourcePolicy: policy({ AWS: ANA }) });
      assert.equal(refused.type, 'InvalidRequestException');
      assert.match(refused.text, /marked for deletion/);
    }
  });
});

describe('ValidateResourcePolicy', () => {
  const ROWS: readonly (readonly [string, string, readonly string[]])[] = [
    ['a policy that names somebody', policy({ AWS: ANA }), []],
    ['everybody', policy('*'), ['BroadAccess']],
    ['everybody from one network', policy('*', { Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } } }), []],
    ['somebody who does not exist', policy({ AWS: `${ANA}-other` }), ['PolicySyntax']],
    ['what is no policy', '{}', ['PolicySyntax']],
  ];
  for (const [what, text, checks] of ROWS)
    test(`of ${what} finds ${checks.join() || 'nothing'}, with and without a secret, and puts nothing`, async () => {
      const { call } = await open();
      for (const secret of [{ SecretId: 'a' }, {}]) {
        const answer = await call('ValidateResourcePolicy', { ...secret, ResourcePolicy: text });
        assert.equal(answer.PolicyValidationPassed, checks.length === 0);
        assert.deepEqual(
          answer.ValidationErrors.map(({ CheckName }) => CheckName),
          checks,
        );
      }
      assert.ok(!('ResourcePolicy' in (await call('GetResourcePolicy', { SecretId: 'a' }))));
    });

  test('of what is no JSON, or for a secret that is not there, is refused', async () => {
    const { refusal } = await open();
    const types = await Promise.all(
      [{ ResourcePolicy: 'x' }, { SecretId: 'b', ResourcePolicy: policy({ AWS: ANA }) }].map(
        async (input) => (await refusal('ValidateResourcePolicy', input)).type,
      ),
    );
    assert.deepEqual(types, ['MalformedPolicyDocumentException', 'ResourceNotFoundException']);
  });
});
