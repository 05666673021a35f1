import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { describeDecision, describeDenial } from './decision.ts';
import {
  ACCOUNT,
  allow,
  attached,
  decide,
  deny,
  PRINCIPALS,
  PROVIDER_ARN,
  READ,
  ROLE_ARN,
  ROOT_ARN,
  SECRET,
  SESSION_ARN,
  USER_ARN,
  type Written,
} from './evaluate.testing.ts';
import { type AttachedPolicy, evaluate, type PoliciesInPlay } from './evaluate.ts';

const ASSUME = 'sts:AssumeRole';
const trusting = (more: Written): Written => ({ Effect: 'Allow', Action: ASSUME, ...more });

// What a policy says of the request: it allows it, says nothing of it, denies it, or is not there at all.
type Says = 'allows' | 'silent' | 'denies' | 'absent';
type Naming = 'absent' | 'directly' | 'everybody' | 'the role' | 'the account' | 'denies';

const SILENT = { Effect: 'Allow', Action: 'secretsmanager:ListSecrets', Resource: '*' };

function policySaying(kind: 'identity' | 'boundary' | 'session', says: Says): AttachedPolicy | null {
  if (says === 'absent') return null;
  return attached(kind, says === 'allows' ? allow() : says === 'denies' ? deny() : SILENT);
}

function resourcePolicy(who: keyof typeof PRINCIPALS, naming: Naming): AttachedPolicy | null {
  if (naming === 'absent') return null;
  const names = {
    directly: PRINCIPALS[who].arn,
    everybody: '*',
    'the role': ROLE_ARN,
    'the account': ROOT_ARN,
    denies: ROOT_ARN,
  };
  return attached('resource', (naming === 'denies' ? deny : allow)({ Principal: { AWS: names[naming] } }));
}

// The AWS table "Resource-based policies and implicit denies in other policy types (same account)" and the flow chart of
// "Determining whether a request is allowed or denied within an account", row by row.
// who, identity policy, boundary, session policy, resource policy names → may it?
type Row = readonly [
  who: 'user' | 'session',
  identity: Says,
  boundary: Says,
  session: Says,
  resource: Naming,
  expected: boolean,
];

const ROWS: readonly Row[] = [
  // identity policies alone
  ['user', 'allows', 'absent', 'absent', 'absent', true],
  ['user', 'silent', 'absent', 'absent', 'absent', false],
  ['user', 'absent', 'absent', 'absent', 'absent', false],
  ['user', 'denies', 'absent', 'absent', 'absent', false],
  ['session', 'allows', 'absent', 'absent', 'absent', true],
  ['session', 'silent', 'absent', 'absent', 'absent', false],
  // a boundary takes away, and gives nothing
  ['user', 'allows', 'allows', 'absent', 'absent', true],
  ['user', 'allows', 'silent', 'absent', 'absent', false],
  ['user', 'allows', 'denies', 'absent', 'absent', false],
  ['user', 'silent', 'allows', 'absent', 'absent', false],
  ['user', 'absent', 'allows', 'absent', 'absent', false],
  ['session', 'allows', 'allows', 'absent', 'absent', true],
  ['session', 'allows', 'silent', 'absent', 'absent', false],
  // so does a session policy
  ['session', 'allows', 'absent', 'allows', 'absent', true],
  ['session', 'allows', 'absent', 'silent', 'absent', false],
  ['session', 'allows', 'absent', 'denies', 'absent', false],
  ['session', 'silent', 'absent', 'allows', 'absent', false],
  ['session', 'allows', 'allows', 'allows', 'absent', true],
  ['session', 'allows', 'silent', 'allows', 'absent', false],
  ['session', 'allows', 'allows', 'silent', 'absent', false],
  // a resource policy that names the user: no implicit deny elsewhere limits it
  ['user', 'absent', 'absent', 'absent', 'directly', true],
  ['user', 'silent', 'absent', 'absent', 'directly', true],
  ['user', 'silent', 'silent', 'absent', 'directly', true],
  ['user', 'absent', 'silent', 'absent', 'directly', true],
  ['user', 'denies', 'absent', 'absent', 'directly', false],
  ['user', 'allows', 'denies', 'absent', 'directly', false],
  // that names the very session: the same
  ['session', 'absent', 'absent', 'absent', 'directly', true],
  ['session', 'silent', 'silent', 'silent', 'directly', true],
  ['session', 'silent', 'absent', 'silent', 'directly', true],
  ['session', 'silent', 'silent', 'absent', 'directly', true],
  ['session', 'silent', 'absent', 'denies', 'directly', false],
  ['session', 'denies', 'absent', 'absent', 'directly', false],
  // that names the role: no identity policy is needed, but boundary and session policy limit it
  ['session', 'absent', 'absent', 'absent', 'the role', true],
  ['session', 'silent', 'absent', 'absent', 'the role', true],
  ['session', 'silent', 'allows', 'absent', 'the role', true],
  ['session', 'silent', 'silent', 'absent', 'the role', false],
  ['session', 'silent', 'absent', 'allows', 'the role', true],
  ['session', 'silent', 'absent', 'silent', 'the role', false],
  ['session', 'silent', 'allows', 'silent', 'the role', false],
  ['session', 'allows', 'silent', 'absent', 'the role', false],
  ['session', 'denies', 'absent', 'absent', 'the role', false],
  // a user is not the role
  ['user', 'silent', 'absent', 'absent', 'the role', false],
  // that names the account: it delegates to identity policies and gives nothing itself
  ['user', 'absent', 'absent', 'absent', 'the account', false],
  ['user', 'silent', 'absent', 'absent', 'the account', false],
  ['user', 'allows', 'absent', 'absent', 'the account', true],
  ['user', 'allows', 'silent', 'absent', 'the account', false],
  ['session', 'absent', 'absent', 'absent', 'the account', false],
  ['session', 'allows', 'absent', 'absent', 'the account', true],
  ['session', 'allows', 'absent', 'silent', 'the account', false],
  // that names everybody: users and sessions of the account need nothing else
  ['user', 'absent', 'absent', 'absent', 'everybody', true],
  ['user', 'silent', 'silent', 'absent', 'everybody', true],
  ['session', 'silent', 'silent', 'silent', 'everybody', true],
  ['session', 'denies', 'absent', 'absent', 'everybody', false],
  // that denies
  ['user', 'allows', 'absent', 'absent', 'denies', false],
  ['user', 'allows', 'allows', 'absent', 'denies', false],
  ['session', 'allows', 'allows', 'allows', 'denies', false],
];

describe('Within one account', () => {
  for (const [who, identity, boundary, session, resource, expected] of ROWS) {
    const name = `${who}: identity ${identity}, boundary ${boundary}, session policy ${session}, resource policy ${resource}`;
    test(`${name}: ${expected ? 'allowed' : 'denied'}`, () => {
      const policies = inPlay(who, identity, boundary, session, resource);
      assert.equal(decide(policies, { principal: PRINCIPALS[who] }).allowed, expected);
    });
    test(`${name}; the same through a group`, () => {
      const { identity: own, ...others } = inPlay(who, identity, boundary, session, resource);
      assert.equal(decide({ ...others, identity: [], groups: own }, { principal: PRINCIPALS[who] }).allowed, expected);
    });
  }
});

function inPlay(
  who: 'user' | 'session',
  identity: Says,
  boundary: Says,
  session: Says,
  resource: Naming,
): PoliciesInPlay {
  const found = {
    identity: policySaying('identity', identity),
    boundary: policySaying('boundary', boundary),
    session: policySaying('session', session),
    resource: resourcePolicy(who, resource),
  };
  return {
    identity: found.identity === null ? [] : [found.identity],
    ...(found.boundary === null ? {} : { boundary: found.boundary }),
    ...(found.session === null ? {} : { session: [found.session] }),
    ...(found.resource === null ? {} : { resource: found.resource }),
  };
}

// who, whom the trust policy names, identity policy → may they assume the role?
type TrustRow = readonly [who: keyof typeof PRINCIPALS, names: unknown, identity: Says, expected: boolean];

const TRUST_ROWS: readonly TrustRow[] = [
  ['user', { AWS: USER_ARN }, 'absent', true],
  ['user', { AWS: 'AIDAANA00000000000000' }, 'absent', true],
  ['user', { AWS: USER_ARN }, 'denies', false],
  ['user', { AWS: ROOT_ARN }, 'absent', false],
  ['user', { AWS: ROOT_ARN }, 'allows', true],
  ['user', { AWS: ACCOUNT }, 'allows', true],
  ['user', { AWS: ROLE_ARN }, 'allows', false],
  ['user', { AWS: '444455556666' }, 'allows', false],
  ['user', { AWS: `${USER_ARN}a` }, 'allows', false],
  ['user', { Federated: PROVIDER_ARN }, 'allows', false],
  ['user', { Service: 'secretsmanager.amazonaws.com' }, 'allows', false],
  ['user', '*', 'absent', true],
  ['session', { AWS: ROLE_ARN }, 'absent', true],
  ['session', { AWS: 'AROADEPLOYER000000000' }, 'absent', true],
  ['session', { AWS: SESSION_ARN }, 'absent', true],
  ['session', { AWS: `arn:aws:sts::${ACCOUNT}:assumed-role/Deployer/other` }, 'allows', false],
  ['session', { AWS: ROOT_ARN }, 'absent', false],
  ['session', { AWS: ROOT_ARN }, 'allows', true],
  ['session', { AWS: ROLE_ARN }, 'denies', false],
  ['bearer', { Federated: PROVIDER_ARN }, 'absent', true],
  ['bearer', { Federated: `${PROVIDER_ARN}:8443` }, 'absent', false],
  ['bearer', { Federated: 'issuer.example' }, 'absent', true],
  ['bearer', { Federated: 'other.issuer.example' }, 'absent', false],
  ['bearer', { Service: 'issuer.example' }, 'absent', false],
  ['bearer', { AWS: ROOT_ARN }, 'absent', false],
  ['service', { Service: 'secretsmanager.amazonaws.com' }, 'absent', true],
  ['service', { Service: 'lambda.amazonaws.com' }, 'absent', false],
  ['root', { AWS: ROOT_ARN }, 'absent', false],
  ['root', '*', 'absent', false],
];

describe('A role', () => {
  for (const [who, names, identity, expected] of TRUST_ROWS) {
    test(`that trusts ${JSON.stringify(names)}: ${who} whose identity policy ${identity} may ${expected ? '' : 'not '}assume it`, () => {
      const own = {
        allows: allow({ Action: ASSUME }),
        denies: deny({ Action: ASSUME }),
        silent: SILENT,
        absent: SILENT,
      }[identity];
      const trust = attached('trust', trusting({ Principal: names }));
      const asked = { principal: PRINCIPALS[who], action: ASSUME, resource: ROLE_ARN };
      assert.equal(decide({ identity: [attached('identity', own)], trust }, asked).allowed, expected);
    });
  }
});

describe('Root', () => {
  const asked = { principal: PRINCIPALS.root };
  const lockout = attached('resource', deny({ Principal: '*', Action: 'secretsmanager:*' }));
  test('needs no statement', () => assert.equal(decide({ identity: [] }, asked).allowed, true));
  test("is bound by an explicit deny of the secret's own policy", () => {
    assert.equal(decide({ identity: [], resource: lockout }, asked).allowed, false);
  });
  for (const action of ['GetResourcePolicy', 'PutResourcePolicy', 'DeleteResourcePolicy']) {
    test(`may still ${action} under a policy that locks everybody out`, () => {
      assert.equal(
        decide({ identity: [], resource: lockout }, { ...asked, action: `secretsmanager:${action}` }).allowed,
        true,
      );
    });
  }
});

describe('A Deny with NotPrincipal', () => {
  const chain = [ROOT_ARN, ROLE_ARN, SESSION_ARN];
  const rows: readonly (readonly [
    who: keyof typeof PRINCIPALS,
    names: readonly string[],
    bounded: boolean,
    allowed: boolean,
  ])[] = [
    ['user', [ROOT_ARN, USER_ARN], false, true],
    ['user', [USER_ARN], false, false],
    ['user', [ROOT_ARN], false, false],
    ['user', [ROOT_ARN, USER_ARN], true, false],
    ['session', chain, false, true],
    ['session', [ROOT_ARN, ROLE_ARN], false, false],
    ['session', [ROLE_ARN, SESSION_ARN], false, false],
    ['root', [ROOT_ARN], false, true],
    ['root', [USER_ARN], false, false],
  ];
  for (const [who, names, bounded, allowed] of rows) {
    test(`naming ${names.join(' and ')} ${allowed ? 'spares' : 'hits'} the ${who}${bounded ? ' with a boundary' : ''}`, () => {
      const resource = attached('resource', deny({ NotPrincipal: { AWS: names } }));
      const boundary = bounded ? { boundary: attached('boundary', allow()) } : {};
      const policies = { identity: [attached('identity', allow())], resource, ...boundary };
      assert.equal(decide(policies, { principal: PRINCIPALS[who] }).allowed, allowed);
    });
  }
});

describe('A decision', () => {
  test('names the policy and the statement that allowed', () => {
    const policy = { name: 'ReadApp', document: attached('identity', SILENT, allow({ Sid: 'ReadOne' })).document };
    const decision = decide({ identity: [policy] });
    assert.deepEqual(decision.decidedBy, { source: 'identity', policy: 'ReadApp', sid: 'ReadOne', index: 1 });
    assert.equal(describeDecision(decision), 'allowed by the identity-based policy "ReadApp", statement ReadOne');
    assert.equal(describeDenial(decision, READ), '');
  });
  test('counts statements without a Sid from one', () => {
    assert.match(describeDecision(decide({ identity: [attached('identity', SILENT, deny())] })), /statement 2$/);
  });
  test('tells an explicit deny as AWS does', () => {
    const decision = decide({ identity: [attached('identity', allow(), deny())] });
    assert.equal(decision.outcome, 'explicit-deny');
    assert.equal(describeDenial(decision, READ), 'with an explicit deny in an identity-based policy');
  });
  test('tells which policies would have had to allow', () => {
    const lacking = decide({ identity: [attached('identity', allow())], boundary: attached('boundary', SILENT) });
    assert.equal(describeDecision(lacking), 'no permissions boundary allows it');
    assert.equal(describeDenial(lacking, READ), `because no permissions boundary allows the ${READ} action`);
    assert.equal(decide({ identity: [] }).missing, 'identity');
  });
  test('asks the context nothing where no condition is in play', () => {
    const condition = { Bool: { 'aws:SecureTransport': 'false' } };
    const identity = [attached('identity', allow(), deny({ Resource: `${SECRET}x`, Condition: condition }))];
    const context = { get: () => assert.fail('the context was asked') };
    const request = { principal: PRINCIPALS.user, action: READ, resource: SECRET, context, policies: { identity } };
    assert.equal(evaluate(request).allowed, true);
  });
});
