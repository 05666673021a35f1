import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ACCOUNT, allow, deny, document, PROVIDER_ARN, ROLE_ARN, ROOT_ARN, type Written } from './evaluate.testing.ts';
import { statementsOpenToAnySubject } from './open-subject.ts';
import { broadStatements } from './public-access.ts';

// What a resource policy says, and whether it is broad. Source: Amazon S3 User Guide, "The meaning of public".
const ROWS: readonly (readonly [principal: unknown, condition: Written | null, broad: boolean])[] = [
  ['*', null, true],
  [{ AWS: '*' }, null, true],
  [{ AWS: [ROLE_ARN, '*'] }, null, true],
  [{ AWS: ROLE_ARN }, null, false],
  [{ AWS: ROOT_ARN }, null, false],
  [{ AWS: '444455556666' }, null, false],
  [{ Service: 'secretsmanager.amazonaws.com' }, null, false],
  ['*', { StringEquals: { 'aws:PrincipalAccount': ACCOUNT } }, false],
  ['*', { StringLike: { 'aws:PrincipalAccount': '1111*' } }, true],
  ['*', { StringEquals: { 'aws:PrincipalAccount': [ACCOUNT, '444455556666'] } }, false],
  ['*', { StringNotEquals: { 'aws:PrincipalAccount': ACCOUNT } }, true],
  ['*', { StringEqualsIfExists: { 'aws:PrincipalAccount': ACCOUNT } }, true],
  ['*', { 'ForAllValues:StringEquals': { 'aws:PrincipalAccount': ACCOUNT } }, true],
  ['*', { 'ForAnyValue:StringEquals': { 'aws:PrincipalAccount': ACCOUNT } }, false],
  ['*', { ArnEquals: { 'aws:PrincipalArn': ROLE_ARN } }, false],
  ['*', { ArnLike: { 'aws:PrincipalArn': 'arn:aws:iam::*:role/x' } }, true],
  ['*', { StringEquals: { 'aws:userid': 'AIDAANA00000000000000' } }, false],
  ['*', { StringLike: { 'aws:userid': 'AROADEPLOYER000000000:*' } }, true],
  ['*', { IpAddress: { 'aws:SourceIp': '203.0.113.0/24' } }, false],
  ['*', { IpAddress: { 'aws:SourceIp': ['203.0.113.0/24', '10.0.0.0/8'] } }, false],
  ['*', { IpAddress: { 'aws:SourceIp': ['203.0.113.0/24', '0.0.0.0/1'] } }, true],
  ['*', { IpAddress: { 'aws:SourceIp': '0.0.0.0/0' } }, true],
  ['*', { IpAddress: { 'aws:SourceIp': '2001:db8::/32' } }, false],
  ['*', { IpAddress: { 'aws:SourceIp': '2000::/3' } }, true],
  ['*', { NotIpAddress: { 'aws:SourceIp': '203.0.113.0/24' } }, true],
  ['*', { Bool: { 'aws:SecureTransport': 'true' } }, true],
  ['*', { StringEquals: { 'secretsmanager:VersionStage': 'AWSCURRENT' } }, true],
  ['*', { StringEquals: { 'aws:PrincipalAccount': `\${aws:ResourceAccount}` } }, true],
];

describe('A resource policy', () => {
  for (const [principal, condition, broad] of ROWS) {
    test(`for ${JSON.stringify(principal)} under ${JSON.stringify(condition)} is ${broad ? '' : 'not '}broad`, () => {
      const statement = allow({ Principal: principal, ...(condition === null ? {} : { Condition: condition }) });
      assert.equal(broadStatements(document('resource', statement)).length > 0, broad);
    });
  }
  test('that denies everybody is not broad', () => {
    assert.deepEqual(broadStatements(document('resource', deny({ Principal: '*' }))), []);
  });
  test('is broad through any of its statements, which is named', () => {
    const narrow = allow({ Principal: { AWS: ROLE_ARN } });
    const found = broadStatements(document('resource', narrow, allow({ Sid: 'Oops', Principal: '*' })));
    assert.deepEqual(found, [{ index: 1, sid: 'Oops' }]);
  });
});

const SUB = 'issuer.example:sub';
const TRUST_ROWS: readonly (readonly [principal: unknown, action: unknown, condition: Written, open: boolean])[] = [
  [{ Federated: PROVIDER_ARN }, 'sts:AssumeRoleWithWebIdentity', {}, true],
  [
    { Federated: PROVIDER_ARN },
    'sts:AssumeRoleWithWebIdentity',
    { StringEquals: { 'issuer.example:aud': 'rekey' } },
    true,
  ],
  [{ Federated: PROVIDER_ARN }, 'sts:AssumeRoleWithWebIdentity', { StringEquals: { [SUB]: 'repo:a/b' } }, false],
  [{ Federated: PROVIDER_ARN }, 'sts:AssumeRoleWithWebIdentity', { StringLike: { [SUB]: 'repo:a/*' } }, false],
  [{ Federated: PROVIDER_ARN }, 'sts:AssumeRoleWithWebIdentity', { StringLike: { [SUB]: '*' } }, true],
  [{ Federated: PROVIDER_ARN }, 'sts:AssumeRoleWithWebIdentity', { StringLike: { [SUB]: ['repo:a/*', '**'] } }, true],
  [{ Federated: PROVIDER_ARN }, 'sts:AssumeRoleWithWebIdentity', { StringEqualsIfExists: { [SUB]: 'x' } }, true],
  [{ Federated: PROVIDER_ARN }, 'sts:AssumeRoleWithWebIdentity', { 'ForAllValues:StringEquals': { [SUB]: 'x' } }, true],
  [{ Federated: PROVIDER_ARN }, 'sts:AssumeRoleWithWebIdentity', { StringNotEquals: { [SUB]: 'x' } }, true],
  [{ Federated: PROVIDER_ARN }, 'sts:AssumeRoleWithWebIdentity', { StringEquals: { [SUB]: `\${${SUB}}` } }, true],
  [{ Federated: PROVIDER_ARN }, 'sts:AssumeRoleWithWebIdentity', { StringLike: { [SUB]: `x\${${SUB}}` } }, true],
  [{ Federated: PROVIDER_ARN }, 'sts:AssumeRoleWithWebIdentity', { StringLike: { [SUB]: `a\${*}` } }, false],
  [{ Federated: PROVIDER_ARN }, ['sts:Assume*'], {}, true],
  ['*', 'sts:AssumeRoleWithWebIdentity', {}, true],
  [{ Federated: PROVIDER_ARN }, 'sts:TagSession', {}, false],
  [{ AWS: ROOT_ARN }, 'sts:*', {}, false],
  [{ AWS: ROLE_ARN }, 'sts:*', {}, false],
];

describe('A trust policy', () => {
  for (const [principal, action, condition, open] of TRUST_ROWS) {
    test(`for ${JSON.stringify(principal)} ${action} under ${JSON.stringify(condition)} ${open ? 'leaves the subject open' : 'does not leave the subject open'}`, () => {
      const statement = { Effect: 'Allow', Principal: principal, Action: action, Condition: condition };
      assert.equal(statementsOpenToAnySubject(document('trust', statement)).length > 0, open);
    });
  }
});
