import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { testFace } from '../conformance.ts';
import { OPERATIONS } from './operations/index.ts';
import { openFace, type Parameters, readPolicyOf, requestOf, TRUST } from './testing.ts';

const POLICY = 'arn:aws:iam::000000000000:policy/p';
const PROVIDER = 'arn:aws:iam::000000000000:oidc-provider/o.example';

/** A value for every member that operations take. */
const MEMBERS: Parameters = {
  UserName: 'u',
  GroupName: 'g',
  RoleName: 'r',
  PolicyName: 'i',
  PolicyArn: POLICY,
  OpenIDConnectProviderArn: PROVIDER,
  PolicyDocument: readPolicyOf('a'),
  AssumeRolePolicyDocument: TRUST,
  PermissionsBoundary: POLICY,
  AccessKeyId: 'AKIAAAAAAAAAAAAAAAAA',
  Status: 'Inactive',
  VersionId: 'v1',
  Tags: [{ Key: 'k', Value: 'v' }],
  TagKeys: ['k'],
  Description: 'd',
  Url: 'https://n.example',
  ClientID: 'c',
  ThumbprintList: ['a'.repeat(40)],
  ActionNames: ['secretsmanager:GetSecretValue'],
  PolicySourceArn: 'arn:aws:iam::000000000000:user/u',
  PolicyInputList: [readPolicyOf('a')],
  MaxItems: 5,
};

const REQUESTS = OPERATIONS.map(({ name, input }) => {
  const members = Object.keys(input.members).filter((member) => member in MEMBERS);
  return requestOf(name, Object.fromEntries(members.map((member) => [member, MEMBERS[member]!])));
});

async function openFilled() {
  const opened = await openFace();
  await opened.call('CreateUser', { UserName: 'u' });
  await opened.call('CreateGroup', { GroupName: 'g' });
  await opened.call('CreateRole', { RoleName: 'r', AssumeRolePolicyDocument: TRUST });
  await opened.call('CreatePolicy', { PolicyName: 'p', PolicyDocument: readPolicyOf('a') });
  await opened.call('CreateOpenIDConnectProvider', { Url: 'https://o.example' });
  return opened;
}

testFace({
  name: 'aws-iam',
  open: async () => ({ face: (await openFilled()).face, close: async () => {} }),
  requests: REQUESTS,
  value: 'there is no such value',
  requestIdHeader: 'x-amzn-requestid',
  runs: 500,
});

test('forms of any kind are answered, with XML and without a 5xx', async () => {
  const { face } = await openFilled();
  const names = [...new Set(OPERATIONS.flatMap(({ input }) => Object.keys(input.members)))];
  const name = fc.oneof(
    fc.constantFrom(...names),
    fc.constantFrom(...names).map((member) => `${member}.member.1`),
    fc.tuple(fc.constantFrom(...names), fc.string()).map(([member, rest]) => `${member}.${rest}`),
    fc.string({ unit: 'binary' }),
  );
  const value = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.constantFrom(
      '',
      '*',
      '__proto__',
      '%',
      '%ff',
      '\0',
      '1e9',
      '-1',
      'true',
      '{',
      'arn:aws:iam::1:user/x',
      readPolicyOf('b'),
    ),
  );
  const parameters = fc.array(fc.tuple(name, value), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...OPERATIONS), parameters, fc.boolean(), async (operation, sent, encoded) => {
      const encode = encoded ? (text: string) => encodeURIComponent(text.toWellFormed()) : (text: string) => text;
      const body = [`Action=${operation.name}`, ...sent.map(([key, text]) => `${encode(key)}=${encode(text)}`)].join(
        '&',
      );
      const answer = await face.handle({ ...requestOf('X', {}), body: Buffer.from(body) });
      assert.ok(answer.status < 500, `${answer.status}: ${body}`);
      assert.match(String(answer.body), /^<\w+ xmlns="https:\/\/iam\.amazonaws\.com\/doc\/2010-05-08\/">.*<\/\w+>$/s);
    }),
    { numRuns: 2_000 },
  );
});
