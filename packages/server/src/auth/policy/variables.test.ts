// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are the variables of policies
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ACCOUNT, type Asked, allow, allowsAlone, attached, decide } from './evaluate.testing.ts';

const BASE = `arn:aws:secretsmanager:us-east-1:${ACCOUNT}:secret:`;

describe('Policy variables', () => {
  const own = (pattern: string) => allow({ Resource: `${BASE}${pattern}` });
  const secret = (name: string): Asked => ({ resource: `${BASE}${name}` });
  const rows: readonly (readonly [pattern: string, name: string, values: Record<string, string>, expected: boolean])[] =
    [
      ['${aws:username}/*', 'ana/db', { 'aws:username': 'ana' }, true],
      ['${aws:username}/*', 'bob/db', { 'aws:username': 'ana' }, false],
      ['${AWS:UserName}/*', 'ana/db', { 'aws:username': 'ana' }, true],
      ['${aws:username}/*', 'ana/db', {}, false],
      ["${aws:username, 'guest'}/*", 'guest/db', {}, true],
      ["${aws:username, 'guest'}/*", 'guest/db', { 'aws:username': 'ana' }, false],
      [
        '${aws:PrincipalTag/team}/${aws:username}',
        'blue/ana',
        { 'aws:PrincipalTag/team': 'blue', 'aws:username': 'ana' },
        true,
      ],
      ['${aws:PrincipalTag/team}/*', 'anything/db', { 'aws:PrincipalTag/team': '*' }, false],
      ['${aws:PrincipalTag/team}/*', '*/db', { 'aws:PrincipalTag/team': '*' }, true],
      ['${*}', '*', {}, true],
      ['${*}', 'x', {}, false],
      ['${?}', 'x', {}, false],
      ['${$}x', '$x', {}, true],
    ];
  for (const [pattern, name, values, expected] of rows) {
    test(`${pattern} with ${JSON.stringify(values)} covers ${expected ? '' : 'not '}${name}`, () => {
      assert.equal(allowsAlone(own(pattern), { ...secret(name), values }), expected);
    });
  }

  const team = { 'aws:ResourceTag/team': 'blue' };
  const conditions: readonly (readonly [operator: string, values: Record<string, string>, expected: boolean])[] = [
    ['StringEquals', { ...team, 'aws:PrincipalTag/team': 'blue' }, true],
    ['StringEquals', { ...team, 'aws:PrincipalTag/team': 'red' }, false],
    ['StringEquals', team, false],
    ['StringLike', team, false],
    ['StringNotEquals', team, true],
    ['StringNotEquals', { ...team, 'aws:PrincipalTag/team': 'blue' }, false],
    ['StringEqualsIgnoreCase', { ...team, 'aws:PrincipalTag/team': 'BLUE' }, true],
  ];
  for (const [operator, values, expected] of conditions) {
    test(`${operator} with a variable ${expected ? 'holds' : 'does not hold'} of ${JSON.stringify(values)}`, () => {
      const Condition = { [operator]: { 'aws:ResourceTag/team': '${aws:PrincipalTag/team}' } };
      assert.equal(allowsAlone(allow({ Condition }), { values }), expected);
    });
  }

  test('without a value make an Allow on NotResource fall away and leave a Deny standing', () => {
    const { Resource: _, ...rest } = allow();
    const statement = { ...rest, NotResource: `${BASE}\${aws:username}` };
    assert.equal(allowsAlone(statement), false);
    const policies = { identity: [attached('identity', allow(), { ...statement, Effect: 'Deny' })] };
    assert.equal(decide(policies).allowed, false);
  });
});
