import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ContextValue } from './context.ts';
import { ACCOUNT, PRINCIPALS, PROVIDER_ARN, ROLE_ARN, ROOT_ARN, SECRET, USER_ARN } from './evaluate.testing.ts';
import { FactContext, type RequestFacts } from './request-facts.ts';

const FACTS: RequestFacts = {
  principal: { ...PRINCIPALS.user, tags: [{ key: 'Team', value: 'blue' }] },
  now: Date.UTC(2026, 0, 31, 10, 0, 0, 999),
  address: '203.0.113.7',
  secure: true,
  userAgent: 'aws-cli/2.9',
  region: 'us-east-1',
  resource: { accountId: ACCOUNT, tags: [{ key: 'a/b', value: 'c' }] },
  requestTags: [{ key: 'cost', value: '7' }],
  tagKeys: ['cost', 'old'],
  keys: {
    'secretsmanager:SecretId': SECRET,
    'secretsmanager:AddReplicaRegions': ['eu-west-1'],
    'issuer.example:8443/x:sub': 'ci',
  },
};

const ask = (key: string, more: Partial<RequestFacts> = {}) =>
  new FactContext({ ...FACTS, ...more }).get(key.toLowerCase());

const session = {
  ...PRINCIPALS.session,
  session: { issuedAt: Date.UTC(2026, 0, 1), sourceIdentity: 'ana', federatedProvider: PROVIDER_ARN },
};

const ROWS: readonly (readonly [key: string, more: Partial<RequestFacts>, expected: ContextValue | undefined])[] = [
  ['aws:CurrentTime', {}, '2026-01-31T10:00:00Z'],
  ['aws:EpochTime', {}, '1769853600'],
  ['aws:SourceIp', {}, '203.0.113.7'],
  ['aws:SourceIp', { address: null }, undefined],
  ['aws:SecureTransport', {}, 'true'],
  ['aws:SecureTransport', { secure: false }, 'false'],
  ['aws:UserAgent', {}, 'aws-cli/2.9'],
  ['aws:UserAgent', { userAgent: null }, undefined],
  ['aws:RequestedRegion', {}, 'us-east-1'],
  ['aws:ViaAWSService', {}, 'false'],
  ['aws:PrincipalIsAWSService', {}, 'false'],
  ['aws:PrincipalIsAWSService', { principal: PRINCIPALS.service }, 'true'],
  // The table "Principal key values" of the IAM User Guide.
  ['aws:PrincipalType', {}, 'User'],
  ['aws:PrincipalType', { principal: session }, 'AssumedRole'],
  ['aws:PrincipalType', { principal: PRINCIPALS.root }, 'Account'],
  ['aws:PrincipalType', { principal: PRINCIPALS.bearer }, undefined],
  ['aws:PrincipalArn', {}, USER_ARN],
  ['aws:PrincipalArn', { principal: session }, ROLE_ARN],
  ['aws:PrincipalArn', { principal: PRINCIPALS.root }, ROOT_ARN],
  ['aws:PrincipalArn', { principal: PRINCIPALS.bearer }, undefined],
  ['aws:PrincipalAccount', {}, ACCOUNT],
  ['aws:PrincipalAccount', { principal: PRINCIPALS.bearer }, undefined],
  ['aws:username', {}, 'ana'],
  ['aws:username', { principal: session }, undefined],
  ['aws:username', { principal: PRINCIPALS.root }, undefined],
  ['aws:userid', {}, 'AIDAANA00000000000000'],
  ['aws:userid', { principal: session }, 'AROADEPLOYER000000000:build-7'],
  ['aws:userid', { principal: PRINCIPALS.root }, ACCOUNT],
  // Long-term keys have none of these.
  ['aws:MultiFactorAuthPresent', {}, undefined],
  ['aws:MultiFactorAuthPresent', { principal: session }, 'false'],
  ['aws:TokenIssueTime', {}, undefined],
  ['aws:TokenIssueTime', { principal: session }, '2026-01-01T00:00:00Z'],
  ['aws:SourceIdentity', {}, undefined],
  ['aws:SourceIdentity', { principal: session }, 'ana'],
  ['aws:FederatedProvider', { principal: session }, PROVIDER_ARN],
  ['aws:PrincipalTag/team', {}, 'blue'],
  ['aws:PrincipalTag/cost', {}, undefined],
  ['aws:RequestTag/cost', {}, '7'],
  ['aws:RequestTag/cost', { requestTags: null }, undefined],
  ['aws:ResourceTag/a/b', {}, 'c'],
  ['secretsmanager:ResourceTag/a/b', {}, 'c'],
  ['aws:ResourceTag/a/b', { resource: null }, undefined],
  ['aws:ResourceAccount', {}, ACCOUNT],
  ['aws:TagKeys', {}, ['cost', 'old']],
  ['aws:TagKeys', { tagKeys: null }, undefined],
  ['secretsmanager:SecretId', {}, SECRET],
  ['secretsmanager:AddReplicaRegions', {}, ['eu-west-1']],
  ['secretsmanager:VersionStage', {}, undefined],
  ['issuer.example:8443/x:sub', {}, 'ci'],
];

describe('The context of a request', () => {
  for (const [key, more, expected] of ROWS) {
    const about = 'principal' in more ? ` of the ${more.principal?.kind}` : '';
    test(`${key}${about} is ${JSON.stringify(expected)}`, () => assert.deepEqual(ask(key, more), expected));
  }
});

test('A key is worked out once, and only when asked for', () => {
  let reads = 0;
  const facts = {
    ...FACTS,
    get address() {
      reads++;
      return '203.0.113.7';
    },
  };
  const context = new FactContext(facts);
  assert.equal(reads, 0);
  context.get('aws:sourceip');
  context.get('aws:sourceip');
  assert.equal(reads, 1);
});
