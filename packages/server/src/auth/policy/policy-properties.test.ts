// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are the variables of policies
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type PolicyKind, parsePolicy } from './document.ts';
import {
  type Asked,
  attached,
  decide,
  PRINCIPALS,
  READ,
  ROLE_ARN,
  ROOT_ARN,
  SECRET,
  USER_ARN,
  type Written,
} from './evaluate.testing.ts';
import type { AttachedPolicy, PoliciesInPlay } from './evaluate.ts';
import { compileGlob, globParts } from './glob.ts';
import { inRange, parseAddress, parseIpRange } from './ip-range.ts';
import { broadStatements } from './public-access.ts';

const RUNS = { numRuns: 300 };

const actions = fc.constantFrom('*', READ, 'secretsmanager:Get*', 'secretsmanager:Put*', 'sts:*');
const resources = fc.constantFrom(
  '*',
  SECRET,
  `${SECRET}x`,
  'arn:aws:secretsmanager:*:*:secret:app/*',
  'arn:aws:iam::*:*',
);
const conditions = fc.constantFrom(
  {},
  { Bool: { 'aws:SecureTransport': 'true' } },
  { StringNotEquals: { 'aws:username': 'ana' } },
  { IpAddress: { 'aws:SourceIp': '203.0.113.0/24' } },
  { Null: { 'aws:TokenIssueTime': 'true' } },
  { 'ForAllValues:StringLike': { 'aws:TagKeys': 't*' } },
);
const principals = fc.constantFrom<unknown>(
  '*',
  { AWS: USER_ARN },
  { AWS: ROLE_ARN },
  { AWS: ROOT_ARN },
  { AWS: '444455556666' },
);

function statements(
  kind: PolicyKind,
  effects: fc.Arbitrary<string> = fc.constantFrom('Allow', 'Deny'),
): fc.Arbitrary<Written> {
  const named = kind === 'resource' ? { Principal: principals } : {};
  return fc
    .record({
      Effect: effects,
      negatedAction: fc.boolean(),
      action: actions,
      negatedResource: fc.boolean(),
      resource: resources,
      Condition: conditions,
      ...named,
    })
    .map(({ negatedAction, action, negatedResource, resource, ...rest }) => ({
      ...rest,
      [negatedAction ? 'NotAction' : 'Action']: action,
      [negatedResource ? 'NotResource' : 'Resource']: resource,
    }));
}

interface Drawn {
  readonly identity: readonly Written[][];
  readonly boundary: readonly Written[];
  readonly session: readonly Written[][];
  readonly resource: readonly Written[];
}

const policies = (kind: PolicyKind) => fc.array(statements(kind), { minLength: 1, maxLength: 4 });

const drawn: fc.Arbitrary<Drawn> = fc.record({
  identity: fc.array(policies('identity'), { maxLength: 3 }),
  boundary: fc.oneof(fc.constant([]), policies('boundary')),
  session: fc.array(policies('session'), { maxLength: 2 }),
  resource: fc.oneof(fc.constant([]), policies('resource')),
});

const asked: fc.Arbitrary<Asked> = fc.record({
  principal: fc.constantFrom(PRINCIPALS.user, PRINCIPALS.session, PRINCIPALS.root),
  action: fc.constantFrom(READ, 'secretsmanager:PutSecretValue', 'sts:AssumeRole'),
  resource: fc.constantFrom(SECRET, `${SECRET}x`, '*'),
  values: fc.constantFrom(
    {},
    { 'aws:SecureTransport': 'true', 'aws:SourceIp': '203.0.113.7' },
    { 'aws:username': 'ana', 'aws:TagKeys': ['team', 'x'] },
  ),
});

function inPlay({ identity, boundary, session, resource }: Drawn): PoliciesInPlay {
  const all = (kind: PolicyKind, lists: readonly Written[][]): AttachedPolicy[] =>
    lists.map((list) => attached(kind, ...list));
  return {
    identity: all('identity', identity),
    ...(boundary.length === 0 ? {} : { boundary: attached('boundary', ...boundary) }),
    ...(session.length === 0 ? {} : { session: all('session', session) }),
    ...(resource.length === 0 ? {} : { resource: attached('resource', ...resource) }),
  };
}

test('A Deny added anywhere never allows what was not allowed', () => {
  const places = fc.constantFrom('identity', 'boundary', 'session', 'resource');
  fc.assert(
    fc.property(drawn, asked, places, statements('resource', fc.constant('Deny')), (before, question, place, added) => {
      const { Principal, ...unnamed } = added;
      const after = {
        ...before,
        ...(place === 'identity' ? { identity: [...before.identity, [unnamed]] } : {}),
        ...(place === 'boundary' && before.boundary.length > 0 ? { boundary: [...before.boundary, unnamed] } : {}),
        ...(place === 'session' && before.session.length > 0 ? { session: [...before.session, [unnamed]] } : {}),
        ...(place === 'resource' ? { resource: [...before.resource, added] } : {}),
      };
      assert.ok(decide(inPlay(before), question).allowed || !decide(inPlay(after), question).allowed);
    }),
    RUNS,
  );
});

test('A Deny that applies always denies, whatever else is there', () => {
  fc.assert(
    fc.property(drawn, asked, (others, question) => {
      const all = {
        ...others,
        resource: [...others.resource, { Effect: 'Deny', Action: '*', Resource: '*', Principal: '*' }],
      };
      assert.equal(decide(inPlay(all), question).outcome, 'explicit-deny');
    }),
    RUNS,
  );
});

test('An Allow added to identity or resource policies never denies what was allowed', () => {
  fc.assert(
    fc.property(
      drawn,
      asked,
      statements('resource', fc.constant('Allow')),
      fc.boolean(),
      (before, question, added, toResource) => {
        const { Principal, ...unnamed } = added;
        const after = toResource
          ? { ...before, resource: [...before.resource, added] }
          : { ...before, identity: [...before.identity, [unnamed]] };
        assert.ok(!decide(inPlay(before), question).allowed || decide(inPlay(after), question).allowed);
      },
    ),
    RUNS,
  );
});

test('A boundary or session policy added never allows what was not allowed', () => {
  fc.assert(
    fc.property(drawn, asked, policies('session'), (before, question, added) => {
      const bounded = { ...before, boundary: [], session: [] };
      const decision = decide(inPlay(bounded), question);
      assert.ok(decision.allowed || !decide(inPlay({ ...bounded, boundary: added }), question).allowed);
      assert.ok(decision.allowed || !decide(inPlay({ ...bounded, session: [added] }), question).allowed);
    }),
    RUNS,
  );
});

test('The order of statements and of policies never matters', () => {
  fc.assert(
    fc.property(drawn, asked, (all, question) => {
      const turned = {
        identity: all.identity.map((list) => list.toReversed()).toReversed(),
        boundary: all.boundary.toReversed(),
        session: all.session.map((list) => list.toReversed()).toReversed(),
        resource: all.resource.toReversed(),
      };
      const { allowed, outcome, missing } = decide(inPlay(all), question);
      const other = decide(inPlay(turned), question);
      assert.deepEqual([other.allowed, other.outcome, other.missing], [allowed, outcome, missing]);
    }),
    RUNS,
  );
});

test('It does not matter how statements are spread over policies', () => {
  fc.assert(
    fc.property(drawn, asked, (all, question) => {
      const single = { ...all, identity: all.identity.flat().map((statement) => [statement]) };
      assert.equal(decide(inPlay(single), question).allowed, decide(inPlay(all), question).allowed);
    }),
    RUNS,
  );
});

test('The statement that decided is there, has the effect, and names its policy', () => {
  fc.assert(
    fc.property(drawn, asked, (all, question) => {
      const { allowed, decidedBy } = decide(inPlay(all), question);
      if (decidedBy === null) return;
      const lists =
        decidedBy.source === 'identity'
          ? all.identity
          : decidedBy.source === 'session'
            ? all.session
            : [all[decidedBy.source as 'boundary' | 'resource']];
      assert.ok(lists.some((list) => list[decidedBy.index]?.Effect === (allowed ? 'Allow' : 'Deny')));
      assert.equal(decidedBy.policy, decidedBy.source);
    }),
    RUNS,
  );
});

test('A resource policy that is not broad lets in no stranger', () => {
  const stranger = {
    ...PRINCIPALS.user,
    arn: 'arn:aws:iam::999999999999:user/eve',
    accountId: '999999999999',
    id: 'AIDAEVE',
  };
  const lists = fc.array(fc.tuple(principals, conditions), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(lists, (list) => {
      const resource = attached(
        'resource',
        ...list.map(([Principal, Condition]) => ({
          Effect: 'Allow',
          Action: '*',
          Resource: '*',
          Principal,
          Condition,
        })),
      );
      const values = { 'aws:SecureTransport': 'true', 'aws:SourceIp': '198.51.100.1', 'aws:username': 'eve' };
      const isOpen = decide({ identity: [], resource }, { principal: stranger, values }).allowed;
      assert.ok(!isOpen || broadStatements(resource.document).length > 0);
    }),
    RUNS,
  );
});

/** The plainest matcher there is: tries everything. */
function naiveMatch(pattern: string, text: string): boolean {
  if (pattern === '') return text === '';
  const [first, rest] = [pattern[0], pattern.slice(1)];
  if (first === '*') return naiveMatch(rest, text) || (text !== '' && naiveMatch(pattern, text.slice(1)));
  return text !== '' && (first === '?' || first === text[0]) && naiveMatch(rest, text.slice(1));
}

test('Wildcards match what the plainest matcher matches', () => {
  const letters = (alphabet: string[], most: number) =>
    fc.string({ unit: fc.constantFrom(...alphabet), maxLength: most });
  fc.assert(
    fc.property(letters(['a', 'b', ':', '*', '?'], 9), letters(['a', 'b', ':', '*'], 11), (pattern, text) => {
      assert.equal(compileGlob(globParts(pattern))(text), naiveMatch(pattern, text), `${pattern} on ${text}`);
    }),
    { numRuns: 5000 },
  );
});

test('A pattern made to be slow comes to an end: one that went back over every star never would', () => {
  const test = compileGlob(globParts('*a'.repeat(2000)));
  assert.equal(test(`${'a'.repeat(1999)}b`.repeat(1)), false);
});

test('Every address is in the range of each of its own prefixes, and not when a bit within it differs', () => {
  const bits = (address: string) =>
    parseAddress(address)!
      .flatMap((group) => [...group.toString(2).padStart(16, '0')])
      .join('');
  const [four, six] = [fc.ipV4(), fc.ipV6()];
  fc.assert(
    fc.property(fc.oneof(fc.tuple(four, four), fc.tuple(six, six)), fc.nat(128), ([one, other], wish) => {
      const prefix = Math.min(wish, bits(one).length);
      const range = parseIpRange(`${one}/${prefix}`);
      if (range === null || range.prefix !== prefix) return;
      assert.ok(inRange(parseAddress(one)!, range));
      const same =
        bits(one).length === bits(other).length && bits(one).slice(0, prefix) === bits(other).slice(0, prefix);
      assert.equal(inRange(parseAddress(other)!, range), same);
    }),
    { numRuns: 1000 },
  );
});

const kinds = fc.constantFrom<PolicyKind>('identity', 'boundary', 'session', 'resource', 'trust');

test('Reading never throws, whatever JSON or text it is given', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.json(), fc.string(), fc.anything()),
      kinds,
      (input, kind) => void parsePolicy(input, { kind }),
    ),
    { numRuns: 1000 },
  );
});

test('Reading never throws on documents that are nearly right', () => {
  const member = fc.constantFrom(
    'Sid',
    'Effect',
    'Principal',
    'NotPrincipal',
    'Action',
    'NotAction',
    'Resource',
    'NotResource',
    'Condition',
    '__proto__',
  );
  const value = fc.oneof(
    fc.constantFrom<unknown>(
      '*',
      'Allow',
      'Deny',
      READ,
      SECRET,
      '${',
      '${aws:username}',
      { AWS: '*' },
      { StringLike: { 'aws:username': ['${*}'] } },
    ),
    fc.jsonValue(),
  );
  const statement = fc.dictionary(member, value);
  const document = fc.record({
    Version: fc.constantFrom('2012-10-17', '2008-10-17'),
    Statement: fc.array(statement, { maxLength: 3 }),
  });
  fc.assert(
    fc.property(document, kinds, asked, (input, kind, question) => {
      const { policy, problems } = parsePolicy(input, { kind });
      if (policy === null) return assert.ok(problems.length > 0);
      const own = { name: 'own', document: policy };
      const source =
        kind === 'resource' || kind === 'trust' ? { [kind]: own } : kind === 'boundary' ? { boundary: own } : {};
      const policies = {
        identity: kind === 'identity' ? [own] : [],
        ...source,
        ...(kind === 'session' ? { session: [own] } : {}),
      };
      assert.equal(typeof decide(policies, question).allowed, 'boolean');
    }),
    { numRuns: 2000 },
  );
});
