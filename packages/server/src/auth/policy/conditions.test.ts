import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ContextValue } from './context.ts';
import { holds, type Values } from './evaluate.testing.ts';
import { OPERATORS } from './operators.ts';

// Rows: operator, what the policy says, what the request has, whether the condition holds. Every row is also decided
// with IfExists (the same, the key being there) and, where it is a positive or a single-valued row, with both set
// operators (the same, there being one value). Source: IAM User Guide, "Condition operators".
type Row = readonly [operator: string, policy: unknown, request: string, expected: boolean];

const TEXT = 'sts:ExternalId';
const DATE = 'aws:CurrentTime';

const ROWS: readonly Row[] = [
  ['StringEquals', 'blue', 'blue', true],
  ['StringEquals', 'blue', 'Blue', false],
  ['StringEquals', 'bl*', 'blue', false],
  ['StringEquals', 'bl*', 'bl*', true],
  ['StringEquals', ['red', 'blue'], 'blue', true],
  ['StringEquals', ['red', 'green'], 'blue', false],
  ['StringNotEquals', 'blue', 'blue', false],
  ['StringNotEquals', 'blue', 'Blue', true],
  ['StringNotEquals', ['red', 'blue'], 'blue', false],
  ['StringNotEquals', ['red', 'green'], 'blue', true],
  ['StringEqualsIgnoreCase', 'BLUE', 'blue', true],
  ['StringEqualsIgnoreCase', 'BLUE', 'blues', false],
  ['StringNotEqualsIgnoreCase', 'BLUE', 'blue', false],
  ['StringNotEqualsIgnoreCase', 'BLUE', 'green', true],
  ['StringLike', 'bl*', 'blue', true],
  ['StringLike', 'bl*', 'Blue', false],
  ['StringLike', 'b?ue', 'blue', true],
  ['StringLike', 'b?ue', 'bue', false],
  ['StringLike', '*', 'anything', true],
  ['StringLike', 'a*c*e', 'abcde', true],
  ['StringLike', 'a*c*e', 'abcd', false],
  ['StringNotLike', 'bl*', 'blue', false],
  ['StringNotLike', ['r*', 'g*'], 'blue', true],
  ['StringNotLike', ['r*', 'b*'], 'blue', false],
  ['NumericEquals', '7', '7', true],
  ['NumericEquals', 7, '7.0', true],
  ['NumericEquals', '7', '8', false],
  ['NumericEquals', '7', 'seven', false],
  ['NumericNotEquals', '7', '8', true],
  ['NumericNotEquals', '7', '7', false],
  ['NumericLessThan', '7', '6', true],
  ['NumericLessThan', '7', '7', false],
  ['NumericLessThan', '7', '-8', true],
  ['NumericLessThanEquals', '7', '7', true],
  ['NumericLessThanEquals', '7', '8', false],
  ['NumericGreaterThan', '7', '30', true],
  ['NumericGreaterThan', '7', '7', false],
  ['NumericGreaterThanEquals', '7', '7', true],
  ['NumericGreaterThanEquals', '7', '6.9', false],
  ['DateEquals', '2026-01-31', '2026-01-31T00:00:00Z', true],
  ['DateEquals', '2026-01-31T01:00:00+01:00', '2026-01-31T00:00:00Z', true],
  ['DateEquals', '1769817600', '2026-01-31T00:00:00Z', true],
  ['DateEquals', '2026-01-31', '2026-01-31T00:00:01Z', false],
  ['DateNotEquals', '2026-01-31', '2026-01-31T00:00:00Z', false],
  ['DateNotEquals', '2026-01-31', '2026-02-01T00:00:00Z', true],
  ['DateLessThan', '2026-01-31', '2026-01-30T23:59:59Z', true],
  ['DateLessThan', '2026-01-31', '2026-01-31T00:00:00Z', false],
  ['DateLessThanEquals', '2026-01-31', '2026-01-31T00:00:00Z', true],
  ['DateLessThanEquals', '2026-01-31', '2026-01-31T00:00:01Z', false],
  ['DateGreaterThan', '2026', '2026-01-01T00:00:01Z', true],
  ['DateGreaterThan', '2026', '2026-01-01T00:00:00Z', false],
  ['DateGreaterThanEquals', '2026-01', '2026-01-01T00:00:00Z', true],
  ['DateGreaterThanEquals', '2026-01', '2025-12-31T23:59:59Z', false],
  ['DateGreaterThan', '2026-01-01T00:00:00Z', '1769817600', true],
  ['Bool', 'true', 'true', true],
  ['Bool', true, 'true', true],
  ['Bool', 'True', 'true', true],
  ['Bool', 'true', 'false', false],
  ['Bool', 'false', 'false', true],
  ['Bool', 'false', 'no', false],
  ['BinaryEquals', 'QmluYXJ5', 'QmluYXJ5', true],
  ['BinaryEquals', 'QmluYXJ5', 'qmluYXJ5', false],
  ['BinaryEquals', 'QmluYXJ5', 'not base64', false],
  ['IpAddress', '203.0.113.0/24', '203.0.113.7', true],
  ['IpAddress', '203.0.113.0/24', '203.0.114.7', false],
  ['IpAddress', '203.0.113.0/25', '203.0.113.127', true],
  ['IpAddress', '203.0.113.0/25', '203.0.113.128', false],
  ['IpAddress', '203.0.113.77/24', '203.0.113.7', true],
  ['IpAddress', '203.0.113.7', '203.0.113.7', true],
  ['IpAddress', '203.0.113.7', '203.0.113.8', false],
  ['IpAddress', '0.0.0.0/0', '203.0.113.7', true],
  ['IpAddress', '0.0.0.0/0', '2001:db8::1', false],
  ['IpAddress', '2001:DB8:1234:5678::/64', '2001:db8:1234:5678::9', true],
  ['IpAddress', '2001:DB8:1234:5678::/64', '2001:db8:1234:5679::9', false],
  ['IpAddress', '2001:db8::/33', '2001:db8:8000::1', false],
  ['IpAddress', ['10.0.0.0/8', '2001:db8::/32'], '2001:db8::1', true],
  ['IpAddress', '::/0', '2001:db8::1', true],
  ['IpAddress', '203.0.113.0/24', '::ffff:203.0.113.7', true],
  ['IpAddress', '::ffff:203.0.113.0/120', '203.0.113.7', true],
  ['IpAddress', '203.0.113.0/24', 'somewhere', false],
  ['NotIpAddress', '203.0.113.0/24', '203.0.113.7', false],
  ['NotIpAddress', '203.0.113.0/24', '203.0.114.7', true],
  ['NotIpAddress', ['10.0.0.0/8', '203.0.113.0/24'], '203.0.113.7', false],
  ['ArnEquals', 'arn:aws:iam::111122223333:role/x', 'arn:aws:iam::111122223333:role/x', true],
  ['ArnEquals', 'arn:aws:iam::*:role/*', 'arn:aws:iam::111122223333:role/x', true],
  ['ArnEquals', 'arn:aws:iam::111122223333:role/x', 'arn:aws:iam::111122223333:role/X', false],
  ['ArnLike', 'arn:aws:iam::111122223333:role/?', 'arn:aws:iam::111122223333:role/x', true],
  ['ArnLike', 'arn:aws:iam::111122223333:role/a/*', 'arn:aws:iam::111122223333:role/a/b/c', true],
  // The example of the IAM User Guide: a star does not reach over a colon.
  [
    'ArnLike',
    'arn:aws:s:*:111122223333:finance/*',
    'arn:aws:s:us-east-2:999999999999:store/abc:111122223333:finance/d',
    false,
  ],
  [
    'StringLike',
    'arn:aws:s:*:111122223333:finance/*',
    'arn:aws:s:us-east-2:999999999999:store/abc:111122223333:finance/d',
    true,
  ],
  [
    'ArnLike',
    'arn:aws:lambda:*:*:function:rekey-*',
    'arn:aws:lambda:us-east-1:111122223333:function:rekey-postgres',
    true,
  ],
  ['ArnLike', '*', 'arn:aws:iam::111122223333:role/x', true],
  ['ArnLike', '*', 'no arn', false],
  ['ArnLike', 'arn:aws:iam::111122223333:role/*', 'arn:aws:iam', false],
  ['ArnNotEquals', 'arn:aws:iam::111122223333:role/x', 'arn:aws:iam::111122223333:role/x', false],
  ['ArnNotEquals', 'arn:aws:iam::111122223333:role/x', 'arn:aws:iam::111122223333:role/y', true],
  ['ArnNotLike', 'arn:aws:iam::111122223333:role/*', 'arn:aws:iam::111122223333:role/y', false],
  ['ArnNotLike', 'arn:aws:iam::111122223333:role/*', 'arn:aws:iam::111122223333:user/y', true],
];

describe('A condition on a key that the request has', () => {
  for (const [operator, policy, request, expected] of ROWS) {
    const key = operator.startsWith('Date') ? DATE : TEXT;
    for (const form of [operator, `${operator}IfExists`, `ForAllValues:${operator}`, `ForAnyValue:${operator}`]) {
      test(`${form} ${JSON.stringify(policy)} ${expected ? 'holds' : 'does not hold'} of ${request}`, () => {
        assert.equal(holds({ [form]: { [key]: policy } }, { [key]: request }), expected);
      });
    }
  }
});

/** A value each operator accepts in a policy. */
function somePolicyValue(operator: string): string {
  if (operator.startsWith('Numeric')) return '7';
  if (operator.startsWith('Date')) return '2026-01-31';
  if (operator.startsWith('Arn')) return 'arn:aws:iam::111122223333:role/x';
  if (operator.endsWith('IpAddress')) return '203.0.113.0/24';
  return operator === 'Bool' ? 'true' : 'QmluYXJ5';
}

// Stated by hand, not read from the implementation: AWS's sentence "If the policy condition requires that the key is
// not matched … and the right key is not present, the condition is true".
const NEGATED = new Set(
  'StringNotEquals StringNotEqualsIgnoreCase StringNotLike NumericNotEquals DateNotEquals NotIpAddress ArnNotEquals ArnNotLike'.split(
    ' ',
  ),
);

describe('A condition on a key that the request lacks', () => {
  for (const operator of OPERATORS.keys()) {
    const value = somePolicyValue(operator);
    const expectations: readonly [form: string, expected: boolean][] = [
      [operator, NEGATED.has(operator)],
      [`${operator}IfExists`, true],
      [`ForAllValues:${operator}`, true],
      [`ForAnyValue:${operator}`, false],
    ];
    for (const [form, expected] of expectations) {
      for (const values of [{}, { [TEXT]: [] }] as Values[]) {
        const how = TEXT in values ? 'an empty list' : 'a missing key';
        test(`${form} ${expected ? 'holds' : 'does not hold'} of ${how}`, () => {
          assert.equal(holds({ [form]: { [TEXT]: value } }, values), expected);
        });
      }
    }
  }
  test('Null true holds of a missing key', () => assert.equal(holds({ Null: { [TEXT]: 'true' } }, {}), true));
  test('Null false does not hold of a missing key', () =>
    assert.equal(holds({ Null: { [TEXT]: 'false' } }, {}), false));
  test('Null true does not hold of a key that is there', () =>
    assert.equal(holds({ Null: { [TEXT]: true } }, { [TEXT]: 'x' }), false));
  test('Null false holds of a key that is there', () =>
    assert.equal(holds({ Null: { [TEXT]: false } }, { [TEXT]: 'x' }), true));
  test('Null false holds of a key that is there with empty text', () =>
    assert.equal(holds({ Null: { [TEXT]: 'false' } }, { [TEXT]: '' }), true));
  test('Null true holds of an empty list', () =>
    assert.equal(holds({ Null: { 'aws:TagKeys': 'true' } }, { 'aws:TagKeys': [] }), true));
});

// Rows: operator, policy's values, request's values, expected. The first group is the worked example of the IAM User
// Guide, "Creating a condition that tests multiple key values".
type SetRow = readonly [operator: string, policy: readonly string[], request: ContextValue, expected: boolean];

const SET_ROWS: readonly SetRow[] = [
  ['ForAllValues:StringLike', ['PostDateTime', 'Message', 'Tags'], ['PostDateTime', 'Message'], true],
  ['ForAllValues:StringLike', ['PostDateTime', 'Message', 'Tags'], ['PostDateTime', 'UserName'], false],
  ['ForAnyValue:StringLike', ['ID', 'PostDateTime'], ['UserName', 'Message', 'PostDateTime'], true],
  ['ForAnyValue:StringLike', ['ID', 'PostDateTime'], ['UserName'], false],
  ['ForAllValues:StringEquals', ['team', 'cost'], ['team', 'cost'], true],
  ['ForAllValues:StringEquals', ['team'], ['team', 'cost'], false],
  ['ForAllValues:StringEquals', ['team'], '', true],
  ['ForAnyValue:StringEquals', ['team'], '', false],
  ['ForAllValues:StringEquals', ['team'], [''], true],
  ['ForAnyValue:StringEquals', ['team'], ['cost', 'team'], true],
  ['ForAnyValue:StringEquals', ['team'], ['cost'], false],
  ['ForAllValues:StringNotEquals', ['team'], ['cost', 'env'], true],
  ['ForAllValues:StringNotEquals', ['team'], ['cost', 'team'], false],
  ['ForAnyValue:StringNotEquals', ['team'], ['cost', 'team'], true],
  ['ForAnyValue:StringNotEquals', ['team', 'cost'], ['cost', 'team'], false],
  ['ForAnyValue:StringNotEqualsIfExists', ['team'], ['team', 'env'], true],
  ['ForAllValues:StringNotLike', ['t*'], ['cost', 'env'], true],
  ['ForAllValues:StringNotLike', ['t*'], ['cost', 'team'], false],
  ['ForAllValues:StringEqualsIgnoreCase', ['TEAM'], ['team', 'Team'], true],
  ['StringEquals', ['team'], ['cost', 'team'], true],
  ['StringEquals', ['team'], ['cost', 'env'], false],
  ['StringNotEquals', ['team'], ['cost', 'team'], false],
  ['StringNotEquals', ['team'], ['cost', 'env'], true],
];

describe('A condition on a key with several values', () => {
  for (const [operator, policy, request, expected] of SET_ROWS) {
    test(`${operator} ${policy} ${expected ? 'holds' : 'does not hold'} of ${JSON.stringify(request)}`, () => {
      assert.equal(holds({ [operator]: { 'aws:TagKeys': policy } }, { 'aws:TagKeys': request }), expected);
    });
  }
});

test('All operators and all keys of a Condition must hold together', () => {
  const both = {
    StringEquals: { 'sts:ExternalId': 'a', 'aws:username': 'ana' },
    Bool: { 'aws:SecureTransport': 'true' },
  };
  const values = { 'sts:ExternalId': 'a', 'aws:username': 'ana', 'aws:SecureTransport': 'true' };
  assert.equal(holds(both, values), true);
  for (const key of Object.keys(values)) assert.equal(holds(both, { ...values, [key]: 'false' }), false, key);
});

test('Condition keys are the same in any case', () => {
  assert.equal(holds({ IpAddress: { 'AWS:SOURCEIP': '203.0.113.7' } }, { 'aws:SourceIp': '203.0.113.7' }), true);
  assert.equal(holds({ StringEquals: { 'aws:principaltag/TEAM': 'x' } }, { 'aws:PrincipalTag/team': 'x' }), true);
});
