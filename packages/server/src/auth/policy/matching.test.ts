import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ACCOUNT, allow, allowsAlone, READ, SECRET } from './evaluate.testing.ts';

// pattern, action asked, whether Action covers it; NotAction must say the opposite.
const ACTION_ROWS: readonly (readonly [patterns: string | readonly string[], action: string, expected: boolean])[] = [
  ['*', READ, true],
  [READ, READ, true],
  ['secretsmanager:getsecretvalue', READ, true],
  ['SecretsManager:GETSECRETVALUE', READ, true],
  [READ, 'SECRETSMANAGER:GetSecretValue', true],
  ['secretsmanager:*', READ, true],
  ['secretsmanager:Get*', READ, true],
  ['secretsmanager:get*', READ, true],
  ['secretsmanager:*Value', READ, true],
  ['secretsmanager:*Secret*', READ, true],
  ['secretsmanager:GetSecret?alue', READ, true],
  ['secretsmanager:GetSecret', READ, false],
  ['secretsmanager:GetSecretValues', READ, false],
  ['secretsmanager:Put*', READ, false],
  ['secretsmanager:?', READ, false],
  ['sts:*', READ, false],
  ['s3:GetSecretValue', READ, false],
  [['s3:*', 'secretsmanager:Put*'], READ, false],
  [['s3:*', 'secretsmanager:Get*'], READ, true],
  [['secretsmanager:PutSecretValue', READ], READ, true],
];

describe('An action', () => {
  for (const [patterns, action, expected] of ACTION_ROWS) {
    test(`${action} is ${expected ? '' : 'not '}covered by ${patterns}`, () => {
      assert.equal(allowsAlone(allow({ Action: patterns }), { action }), expected);
    });
    test(`${action} is ${expected ? 'not ' : ''}covered by everything but ${patterns}`, () => {
      const { Action: _, ...rest } = allow();
      assert.equal(allowsAlone({ ...rest, NotAction: patterns }, { action }), !expected);
    });
  }
});

const BASE = `arn:aws:secretsmanager:us-east-1:${ACCOUNT}:secret:`;
const RESOURCE_ROWS: readonly (readonly [patterns: string | readonly string[], resource: string, expected: boolean])[] =
  [
    ['*', SECRET, true],
    [SECRET, SECRET, true],
    [`${BASE}app/*`, SECRET, true],
    [`${BASE}app/db-??????`, SECRET, true],
    [`${BASE}app/db-?????`, SECRET, false],
    [`${BASE}APP/*`, SECRET, false],
    [`${BASE}app`, SECRET, false],
    [`${BASE}*db*`, SECRET, true],
    [`${BASE}*/db-*`, SECRET, true],
    [`arn:aws:secretsmanager:*:*:secret:app/*`, SECRET, true],
    [`arn:aws:secretsmanager:*:${ACCOUNT}:secret:*`, SECRET, true],
    [`arn:*:secretsmanager:us-*-1:${ACCOUNT}:secret:app/db*`, SECRET, true],
    [`arn:aws:secretsmanager:eu-*:${ACCOUNT}:secret:*`, SECRET, false],
    ['arn:aws:secretsmanager:*:444455556666:secret:*', SECRET, false],
    ['arn:aws:secretsmanager:*', SECRET, true],
    ['arn:aws:iam::*:*', SECRET, false],
    [['arn:aws:iam::*:*', `${BASE}app/*`], SECRET, true],
    [`${BASE}other/*`, SECRET, false],
    ['*', '*', true],
    [`${BASE}app/*`, '*', false],
  ];

describe('A resource', () => {
  for (const [patterns, resource, expected] of RESOURCE_ROWS) {
    test(`${resource} is ${expected ? '' : 'not '}covered by ${patterns}`, () => {
      assert.equal(allowsAlone(allow({ Resource: patterns }), { resource }), expected);
    });
    test(`${resource} is ${expected ? 'not ' : ''}covered by everything but ${patterns}`, () => {
      const { Resource: _, ...rest } = allow();
      assert.equal(allowsAlone({ ...rest, NotResource: patterns }, { resource }), !expected);
    });
  }
});
