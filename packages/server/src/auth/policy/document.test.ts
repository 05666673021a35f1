// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are the variables of policies
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runInNewContext } from 'node:vm';
import { RekeyError } from '@rekey/core';
import { supportedConditionKeys } from './condition-keys.ts';
import { type PolicyKind, parsePolicy, readPolicy } from './document.ts';
import { ACCOUNT, allow, deny, ROLE_ARN, ROOT_ARN, USER_ARN, type Written } from './evaluate.testing.ts';
import { countedSize, LARGEST_POLICY } from './limits.ts';
import { repeatedMembers } from './repeated-members.ts';
import { parseNumber } from './scalars.ts';

const policy = (...statements: readonly unknown[]) => ({ Version: '2012-10-17', Statement: statements });
const trust = (more: Written = {}) => ({
  Effect: 'Allow',
  Action: 'sts:AssumeRole',
  Principal: { AWS: ROOT_ARN },
  ...more,
});
const when = (Condition: unknown) => policy(allow({ Condition }));
const without = (statement: Written, name: string) =>
  Object.fromEntries(Object.entries(statement).filter(([key]) => key !== name));

type Refused = readonly [what: string, kind: PolicyKind, document: unknown, path: string, sentence: RegExp];

const REFUSED: readonly Refused[] = [
  ['text that ends too early', 'identity', '{"Version":', '', /no JSON: it ends too early/],
  ['empty text', 'identity', '', '', /no JSON: it ends too early or is empty/],
  ['text that is no JSON', 'identity', 'x', '', /no JSON: "x" stands where it cannot\.$/],
  ['a member without quotes', 'identity', '{Version:1}', '', /no JSON: at position 1\.$/],
  ['a word of JavaScript', 'identity', 'undefined', '', /no JSON: it has another form\.$/],
  ['a list', 'identity', '[]', '', /object with Version and Statement/],
  ['null', 'identity', 'null', '', /object with Version and Statement/],
  ['an unknown member', 'identity', { ...policy(allow()), Statements: [] }, '', /no member "Statements"/],
  ['another version', 'identity', { ...policy(allow()), Version: '2012-10-18' }, 'Version', /2012-10-17/],
  ['a version that is a number', 'identity', { ...policy(allow()), Version: 2012 }, 'Version', /2012-10-17/],
  ['an Id in an identity policy', 'identity', { ...policy(allow()), Id: 'x' }, 'Id', /leave it out/],
  ['an Id that is no string', 'resource', { ...policy(allow({ Principal: '*' })), Id: 7 }, 'Id', /a string/],
  ['no statement', 'identity', { Version: '2012-10-17' }, 'Statement', /at least one/],
  ['an empty list of statements', 'identity', policy(), 'Statement', /at least one/],
  ['a statement that is a string', 'identity', policy('Allow'), 'Statement[0]', /an object/],
  [
    'an unknown member of a statement',
    'identity',
    policy(allow({ Conditions: {} })),
    'Statement[0]',
    /no member "Conditions"/,
  ],
  [
    'a member in another case',
    'identity',
    policy({ ...allow(), effect: 'Allow' }),
    'Statement[0]',
    /no member "effect"/,
  ],
  ['no effect', 'identity', policy(without(allow(), 'Effect')), 'Statement[0].Effect', /"Allow" or "Deny"/],
  [
    'an effect in another case',
    'identity',
    policy(allow({ Effect: 'allow' })),
    'Statement[0].Effect',
    /"Allow" or "Deny"/,
  ],
  [
    'a Sid with spaces in an identity policy',
    'identity',
    policy(allow({ Sid: 'a b' })),
    'Statement[0].Sid',
    /letters and digits/,
  ],
  ['a Sid twice', 'identity', policy(allow({ Sid: 'a' }), deny({ Sid: 'a' })), 'Statement[1].Sid', /Another statement/],
  ['a Sid that is a number', 'identity', policy(allow({ Sid: 1 })), 'Statement[0].Sid', /a string/],
  [
    'neither Action nor NotAction',
    'identity',
    policy(without(allow(), 'Action')),
    'Statement[0]',
    /needs Action or NotAction/,
  ],
  ['both Action and NotAction', 'identity', policy(allow({ NotAction: '*' })), 'Statement[0]', /not both/],
  ['an empty list of actions', 'identity', policy(allow({ Action: [] })), 'Statement[0].Action', /empty/],
  ['an action that is a number', 'identity', policy(allow({ Action: [1] })), 'Statement[0].Action', /list of strings/],
  [
    'an action without service',
    'identity',
    policy(allow({ Action: 'GetSecretValue' })),
    'Statement[0].Action',
    /no action/,
  ],
  ['a wildcard as service', 'identity', policy(allow({ Action: '*:Get' })), 'Statement[0].Action', /no action/],
  [
    'neither Resource nor NotResource',
    'identity',
    policy(without(allow(), 'Resource')),
    'Statement[0]',
    /needs Resource or NotResource/,
  ],
  ['both Resource and NotResource', 'identity', policy(allow({ NotResource: '*' })), 'Statement[0]', /not both/],
  [
    'a resource that is a name',
    'identity',
    policy(allow({ Resource: 'app/db' })),
    'Statement[0].Resource',
    /ARN or "\*"/,
  ],
  [
    'a resource with too few parts',
    'identity',
    policy(allow({ Resource: 'arn:aws:iam::x' })),
    'Statement[0].Resource',
    /six parts/,
  ],
  [
    'a variable in the account of a resource',
    'identity',
    policy(allow({ Resource: 'arn:aws:secretsmanager:*:${aws:PrincipalAccount}:secret:x' })),
    'Statement[0].Resource',
    /fifth colon/,
  ],
  [
    'a variable that is no key',
    'identity',
    policy(allow({ Resource: 'arn:aws:iam::1:user/${user}' })),
    'Statement[0].Resource',
    /"user" is not supported/,
  ],
  [
    'a variable without end',
    'identity',
    policy(allow({ Resource: 'arn:aws:iam::1:user/${aws:username' })),
    'Statement[0].Resource',
    /closing brace/,
  ],
  [
    'an empty variable',
    'identity',
    policy(allow({ Resource: 'arn:aws:iam::1:user/${}' })),
    'Statement[0].Resource',
    /no variable/,
  ],
  [
    'a default without quotes',
    'identity',
    policy(allow({ Resource: 'arn:aws:iam::1:user/${aws:username, x}' })),
    'Statement[0].Resource',
    /no variable/,
  ],
  [
    'a multivalued key as variable',
    'identity',
    policy(allow({ Resource: 'arn:aws:iam::1:user/${aws:TagKeys}' })),
    'Statement[0].Resource',
    /several values/,
  ],
  [
    'a Principal in an identity policy',
    'identity',
    policy(allow({ Principal: '*' })),
    'Statement[0]',
    /names no principals/,
  ],
  ['a Principal in a boundary', 'boundary', policy(allow({ Principal: '*' })), 'Statement[0]', /names no principals/],
  [
    'a NotPrincipal in a session policy',
    'session',
    policy(deny({ NotPrincipal: '*' })),
    'Statement[0]',
    /names no principals/,
  ],
  ['no Principal in a resource policy', 'resource', policy(allow()), 'Statement[0]', /needs Principal or NotPrincipal/],
  [
    'both Principal and NotPrincipal',
    'resource',
    policy(deny({ Principal: '*', NotPrincipal: '*' })),
    'Statement[0]',
    /not both/,
  ],
  [
    'NotPrincipal with Allow',
    'resource',
    policy(allow({ NotPrincipal: { AWS: USER_ARN } })),
    'Statement[0]',
    /Deny only/,
  ],
  [
    'a Principal that is a name',
    'resource',
    policy(allow({ Principal: 'ana' })),
    'Statement[0].Principal',
    /object with AWS/,
  ],
  [
    'a Principal without anybody',
    'resource',
    policy(allow({ Principal: {} })),
    'Statement[0].Principal',
    /names nobody/,
  ],
  [
    'an unknown type of principal',
    'resource',
    policy(allow({ Principal: { CanonicalUser: 'x' } })),
    'Statement[0].Principal.CanonicalUser',
    /AWS, Federated or Service/,
  ],
  [
    'a principal named as a built-in member',
    'resource',
    policy(allow({ Principal: { constructor: 'x' } })),
    'Statement[0].Principal.constructor',
    /AWS, Federated or Service/,
  ],
  [
    'a wildcard in a principal',
    'resource',
    policy(allow({ Principal: { AWS: `arn:aws:iam::${ACCOUNT}:role/*` } })),
    'Statement[0].Principal.AWS',
    /whole ARN/,
  ],
  [
    'a group as principal',
    'resource',
    policy(allow({ Principal: { AWS: `arn:aws:iam::${ACCOUNT}:group/x` } })),
    'Statement[0].Principal.AWS',
    /whole ARN/,
  ],
  [
    'an account of eleven digits',
    'resource',
    policy(allow({ Principal: { AWS: '11112222333' } })),
    'Statement[0].Principal.AWS',
    /whole ARN/,
  ],
  [
    'every provider',
    'trust',
    policy(trust({ Principal: { Federated: '*' } })),
    'Statement[0].Principal.Federated',
    /OIDC provider/,
  ],
  [
    'every service',
    'trust',
    policy(trust({ Principal: { Service: '*' } })),
    'Statement[0].Principal.Service',
    /a service/,
  ],
  ['a Resource in a trust policy', 'trust', policy(trust({ Resource: '*' })), 'Statement[0]', /names no resources/],
  ['no Principal in a trust policy', 'trust', policy(without(trust(), 'Principal')), 'Statement[0]', /needs Principal/],
  [
    'NotPrincipal in a trust policy',
    'trust',
    policy({ ...without(trust(), 'Principal'), Effect: 'Deny', NotPrincipal: '*' }),
    'Statement[0]',
    /not NotPrincipal/,
  ],
  [
    'another action in a trust policy',
    'trust',
    policy(trust({ Action: 'secretsmanager:GetSecretValue' })),
    'Statement[0].Action',
    /begin with sts:/,
  ],
  ['every action in a trust policy', 'trust', policy(trust({ Action: '*' })), 'Statement[0].Action', /begin with sts:/],
  ['a Condition that is a list', 'identity', when([]), 'Statement[0].Condition', /an object/],
  [
    'an unknown operator',
    'identity',
    when({ StringMatches: {} }),
    'Statement[0].Condition.StringMatches',
    /supported are StringEquals/,
  ],
  [
    'an operator in another case',
    'identity',
    when({ stringequals: {} }),
    'Statement[0].Condition.stringequals',
    /not supported/,
  ],
  [
    'an unknown set operator',
    'identity',
    when({ 'ForEachValue:StringEquals': {} }),
    'Statement[0].Condition.ForEachValue:StringEquals',
    /not supported/,
  ],
  ['Null with IfExists', 'identity', when({ NullIfExists: {} }), 'Statement[0].Condition.NullIfExists', /neither/],
  [
    'Null with a set operator',
    'identity',
    when({ 'ForAllValues:Null': {} }),
    'Statement[0].Condition.ForAllValues:Null',
    /neither/,
  ],
  [
    'an unknown key',
    'identity',
    when({ StringEquals: { 'aws:Nothing': 'x' } }),
    'Statement[0].Condition.StringEquals.aws:Nothing',
    /supported are aws:/,
  ],
  [
    "another service's key",
    'identity',
    when({ StringEquals: { 's3:prefix': 'x' } }),
    'Statement[0].Condition.StringEquals.s3:prefix',
    /supported are/,
  ],
  [
    'a tag key without name',
    'identity',
    when({ StringEquals: { 'aws:PrincipalTag/': 'x' } }),
    'Statement[0].Condition.StringEquals.aws:PrincipalTag/',
    /not supported/,
  ],
  [
    "a provider's claim outside trust policies",
    'identity',
    when({ StringEquals: { 'issuer.example:sub': 'x' } }),
    'Statement[0].Condition.StringEquals.issuer.example:sub',
    /not supported/,
  ],
  ...['aws', 'saml', 'sts'].map(
    (word): Refused => [
      `a claim of ${word}, which is no provider`,
      'trust',
      policy(trust({ Condition: { StringEquals: { [`${word}:sub`]: 'x' } } })),
      `Statement[0].Condition.StringEquals.${word}:sub`,
      /not supported/,
    ],
  ),
  [
    'an unknown claim',
    'trust',
    policy(trust({ Condition: { StringEquals: { 'issuer.example:groups': 'x' } } })),
    'Statement[0].Condition.StringEquals.issuer.example:groups',
    /not supported/,
  ],
  [
    'an empty list of values',
    'identity',
    when({ StringEquals: { 'aws:username': [] } }),
    'Statement[0].Condition.StringEquals.aws:username',
    /1 to 1000/,
  ],
  [
    'a value that is an object',
    'identity',
    when({ StringEquals: { 'aws:username': {} } }),
    'Statement[0].Condition.StringEquals.aws:username',
    /strings, numbers or booleans/,
  ],
  [
    'a value that is null',
    'identity',
    when({ StringEquals: { 'aws:username': null } }),
    'Statement[0].Condition.StringEquals.aws:username',
    /strings, numbers or booleans/,
  ],
  [
    'a number that is none',
    'identity',
    when({ NumericEquals: { 'secretsmanager:RecoveryWindowInDays': 'seven' } }),
    'Statement[0].Condition.NumericEquals.secretsmanager:RecoveryWindowInDays',
    /not a number/,
  ],
  [
    'a date that is none',
    'identity',
    when({ DateLessThan: { 'aws:CurrentTime': '31.1.2026' } }),
    'Statement[0].Condition.DateLessThan.aws:CurrentTime',
    /not a date/,
  ],
  [
    'a day that the month lacks',
    'identity',
    when({ DateLessThan: { 'aws:CurrentTime': '2026-02-30' } }),
    'Statement[0].Condition.DateLessThan.aws:CurrentTime',
    /not a date/,
  ],
  [
    'a flag that is none',
    'identity',
    when({ Bool: { 'aws:SecureTransport': 'yes' } }),
    'Statement[0].Condition.Bool.aws:SecureTransport',
    /neither true nor false/,
  ],
  [
    'bytes that are no base64',
    'identity',
    when({ BinaryEquals: { 'sts:ExternalId': 'ä' } }),
    'Statement[0].Condition.BinaryEquals.sts:ExternalId',
    /not base64/,
  ],
  [
    'an address that is none',
    'identity',
    when({ IpAddress: { 'aws:SourceIp': '300.1.1.1' } }),
    'Statement[0].Condition.IpAddress.aws:SourceIp',
    /no address/,
  ],
  [
    'a prefix beyond the address',
    'identity',
    when({ IpAddress: { 'aws:SourceIp': '10.0.0.0/33' } }),
    'Statement[0].Condition.IpAddress.aws:SourceIp',
    /no address/,
  ],
  [
    'an ARN pattern of five parts',
    'identity',
    when({ ArnLike: { 'aws:PrincipalArn': 'arn:aws:iam::x' } }),
    'Statement[0].Condition.ArnLike.aws:PrincipalArn',
    /six parts/,
  ],
  [
    'a Null that is neither',
    'identity',
    when({ Null: { 'aws:username': 'maybe' } }),
    'Statement[0].Condition.Null.aws:username',
    /missing/,
  ],
];

describe('A policy document is refused for', () => {
  for (const [what, kind, document, path, sentence] of REFUSED) {
    test(what, () => {
      const { problems } = parsePolicy(document, { kind });
      assert.ok(problems !== null, 'was taken');
      const [problem] = problems;
      assert.equal(problem?.path, path);
      assert.match(problem?.sentence ?? '', sentence);
      assert.match(problem?.sentence ?? '', /[.]$/);
    });
  }
});

const ACCEPTED: readonly (readonly [what: string, kind: PolicyKind, document: unknown])[] = [
  ['a single statement without a list', 'identity', { Version: '2012-10-17', Statement: allow() }],
  ['no version', 'identity', { Statement: allow() }],
  ['empty Sids, as old Terraform writes them', 'identity', policy(allow({ Sid: '' }), allow({ Sid: '' }))],
  ['actions of services that are not here', 'identity', policy(allow({ Action: ['s3:GetObject', 'ec2:*'] }))],
  [
    'an Id and Sids with spaces in a resource policy',
    'resource',
    { ...policy(allow({ Sid: 'let Ana in', Principal: { AWS: [USER_ARN, ROLE_ARN] } })), Id: 'mine' },
  ],
  ['an empty Condition', 'identity', when({})],
  [
    'a variable in version 2008-10-17, where it is plain text',
    'identity',
    { Version: '2008-10-17', Statement: allow({ Resource: 'arn:aws:iam::1:user/${anything}' }) },
  ],
  [
    'web identity with a provider that carries port and path',
    'trust',
    policy(
      trust({
        Action: 'sts:AssumeRoleWithWebIdentity',
        Principal: { Federated: `arn:aws:iam::${ACCOUNT}:oidc-provider/issuer.example:8443/realm/x` },
        Condition: {
          StringEquals: { 'issuer.example:8443/realm/x:sub': 'ci', 'issuer.example:8443/realm/x:aud': 'rekey' },
        },
      }),
    ),
  ],
  ...['keycloak', 'keycloak:8443', 'keycloak/realms/a:b', 'localhost', '[fd00::1]:8443/x'].map(
    (provider): readonly [string, PolicyKind, unknown] => [
      `web identity with the provider ${provider}`,
      'trust',
      policy(
        trust({
          Action: 'sts:AssumeRoleWithWebIdentity',
          Principal: { Federated: `arn:aws:iam::${ACCOUNT}:oidc-provider/${provider}` },
          Condition: { StringEquals: { [`${provider}:sub`]: 'ci' } },
        }),
      ),
    ],
  ),
  [
    'session tags and source identity in a trust policy',
    'trust',
    policy(
      trust({
        Action: ['sts:AssumeRole', 'sts:TagSession', 'sts:SetSourceIdentity'],
        Condition: {
          StringLike: { 'aws:RequestTag/team': '*' },
          'ForAllValues:StringEquals': { 'sts:TransitiveTagKeys': ['team'] },
        },
      }),
    ),
  ],
  [
    'a session policy',
    'session',
    policy(allow(), deny({ Condition: { DateLessThan: { 'aws:TokenIssueTime': '2026-01-01T00:00:00Z' } } })),
  ],
];

describe('A policy document may have', () => {
  for (const [what, kind, document] of ACCEPTED) {
    test(what, () => assert.deepEqual(parsePolicy(JSON.stringify(document), { kind }).problems, null));
  }
  for (const key of supportedConditionKeys.filter((key) => !key.startsWith('<'))) {
    const name = key.replace('*', 'team');
    test(`a condition on ${name}`, () =>
      assert.equal(parsePolicy(when({ StringEquals: { [name]: 'x' } }), { kind: 'identity' }).problems, null));
  }
});

describe('A member that occurs twice is refused', () => {
  const rows: readonly (readonly [text: string, path: RegExp])[] = [
    ['{"Version":"2012-10-17","Version":"2008-10-17","Statement":[]}', /"Version" occurs twice/],
    ['{"Statement":[{"Effect":"Allow","Effect":"Deny"}]}', /"Statement\[0\]\.Effect" occurs twice/],
    ['{"Statement":[{},{"Condition":{"Bool":{},"Bo\\u006fl":{}}}]}', /"Statement\[1\]\.Condition\.Bool" occurs twice/],
  ];
  for (const [text, path] of rows) {
    test(text, () => assert.match(parsePolicy(text, { kind: 'identity' }).problems?.[0]?.sentence ?? '', path));
  }
  test('and told so often at most that no document keeps everybody waiting', () => {
    const deep = 1_000;
    const text = `${'{"a":'.repeat(deep)}{${Array(1_000).fill('"b":1').join(',')}}${'}'.repeat(deep)}`;
    assert.equal(repeatedMembers(text).length, 20);
  });
  test('but not where two objects have a member of the same name, or a text looks like one', () => {
    const text = JSON.stringify(
      policy(
        allow({ Sid: 'a' }),
        deny({ Sid: 'b', Condition: { StringEquals: { 'sts:ExternalId': '{"a":1,"a":2}' } } }),
      ),
    );
    assert.equal(parsePolicy(text, { kind: 'identity' }).problems, null);
  });
});

// Where a pattern can share out a text between its parts in many ways, this takes minutes, and is cut off.
test('A number of very many digits is read like any other', () => {
  const work = () => parseNumber(`${'1'.repeat(200_000)}x`);
  assert.ok(Number.isNaN(runInNewContext('work()', { work }, { timeout: 10_000 })));
  for (const [text, number] of [
    ['1', 1],
    ['-1.', -1],
    ['.5', 0.5],
    ['1.25e2', 125],
  ] as const)
    assert.equal(parseNumber(text), number);
});

describe('The size of a document', () => {
  const text = JSON.stringify(policy(allow()), null, 8);
  const size = countedSize(text);
  test('is counted without white space for IAM', () => {
    assert.equal(parsePolicy(text, { kind: 'identity', largest: size }).problems, null);
    assert.match(
      parsePolicy(text, { kind: 'identity', largest: size - 1 }).problems?.[0]?.sentence ?? '',
      /longer than/,
    );
  });
  test('is counted as it is for a secret', () => {
    const written = JSON.stringify(policy(allow({ Principal: '*' })), null, 8);
    assert.equal(parsePolicy(written, { kind: 'resource', largest: written.length }).problems, null);
    assert.notEqual(parsePolicy(written, { kind: 'resource', largest: written.length - 1 }).problems, null);
  });
  test("has AWS's limits", () => {
    assert.equal(LARGEST_POLICY.resource, 20_480);
    assert.equal(LARGEST_POLICY.managed, 6144);
  });
  test('never goes beyond what is read at all', () => {
    assert.notEqual(parsePolicy(' '.repeat(200_000), { kind: 'identity' }).problems, null);
    assert.notEqual(parsePolicy('['.repeat(100_000), { kind: 'identity' }).problems, null);
  });
});

test('A document that must be right throws where it is not, naming the first problem and how many there are', () => {
  const wrong = policy(allow({ Effect: 'allow' }), allow({ Action: 'x' }));
  assert.throws(
    () => readPolicy(wrong, { kind: 'identity' }),
    (error) => {
      assert.ok(error instanceof RekeyError);
      assert.deepEqual(
        [error.code, error.reason, error.facts.path],
        ['invalid-input', 'malformed-policy-document', 'Statement[0].Effect'],
      );
      assert.match(error.message, /at Statement\[0\]\.Effect: .* \(and 1 more\)$/);
      return true;
    },
  );
});

test('A document that is wrong everywhere gets a bounded answer', () => {
  const { problems } = parsePolicy(policy(...Array<object>(500).fill({ ['x'.repeat(5000)]: 1 })), { kind: 'identity' });
  assert.ok(problems !== null && problems.length <= 20);
  assert.ok(JSON.stringify(problems).length < 10_000);
});
