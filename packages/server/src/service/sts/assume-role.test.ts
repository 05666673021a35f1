import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import type { Caller, RoleRecord } from '@rekey/core';
import { ROOT } from '../testing.ts';
import { ACCOUNT, identityOf, openSts, PROVIDER, refusal, type TestSts, trusting } from './sts.testing.ts';

const ACCOUNT_ROOT = { AWS: `arn:aws:iam::${ACCOUNT}:root` };
const TAGGING = ['sts:AssumeRole', 'sts:TagSession', 'sts:SetSourceIdentity'];

describe('assuming a role', () => {
  let sts: TestSts;
  let ada: Caller;
  let open: RoleRecord;
  before(async () => {
    sts = await openSts();
    ada = await sts.user('ada');
    open = await sts.role('open', trusting({ AWS: ada.principal.arn }, { Action: TAGGING }), 7200);
  });

  test('gives credentials of that role for as long as was asked, named as AWS names them', async () => {
    const { arn, id, credentials, packedSize } = await sts.assume(ada, open, { seconds: 900 });
    assert.equal(arn, `arn:aws:sts::${ACCOUNT}:assumed-role/open/session`);
    assert.equal(id, `${open.id}:session`);
    assert.equal(credentials.expiresAt, sts.clock.now() + 900_000);
    assert.match(credentials.accessKeyId, /^ASIA[A-Z2-7]{16}$/);
    assert.match(credentials.secretAccessKey, /^[A-Za-z0-9+/]{40}$/);
    assert.equal(packedSize, null);
    const holder = await sts.holder(credentials);
    assert.deepEqual(
      [holder?.principal.kind, holder?.principal.arn, holder?.principal.id, holder?.principal.role],
      ['role-session', arn, id, { arn: open.arn, id: open.id }],
    );
    assert.deepEqual(await sts.service.sts.callerIdentity(holder!), { account: ACCOUNT, arn, userId: id });
  });

  test('lasts an hour where nothing is asked', async () => {
    const { credentials } = await sts.assume(ada, open);
    assert.equal(credentials.expiresAt, sts.clock.now() + 3_600_000);
  });

  test('is audited with what decided and the key it gave, never with a secret', async () => {
    const { credentials } = await sts.assume(ada, open);
    const entry = sts.audited.at(-1)!;
    assert.equal(entry.action, 'sts:AssumeRole');
    assert.equal(entry.resource, open.arn);
    assert.match(entry.detail ?? '', /role trust policy/);
    assert.ok(entry.detail?.includes(credentials.accessKeyId));
    assert.ok(!JSON.stringify(entry).includes(credentials.secretAccessKey));
  });

  test('is not for root', async () => {
    assert.equal(await refusal(sts.assume(ROOT, open)), 'not-permitted: Roles may not be assumed by root accounts.');
    const everybody = await sts.role('everybody', trusting('*'));
    assert.match(await refusal(sts.assume(ROOT, everybody)), /Roles may not be assumed by root accounts/);
    assert.equal(sts.audited.at(-1)?.outcome, 'denied');
  });

  test('is refused in the same words for a role that is not there and for one that does not trust', async () => {
    const closed = await sts.role('closed', trusting({ AWS: ada.principal.arn }));
    const bob = await sts.user('bob');
    const absent = `arn:aws:iam::${ACCOUNT}:role/absent`;
    const sentence = (role: string) =>
      `not-permitted: User: ${bob.principal.arn} is not authorized to perform: sts:AssumeRole on resource: ${role}`;
    assert.equal(await refusal(sts.assume(bob, closed)), sentence(closed.arn));
    assert.equal(await refusal(sts.assume(bob, absent)), sentence(absent));
  });

  for (const arn of [
    'nonsense-role-arn-nonsense',
    'arn:aws:iam::123456789012',
    'arn::iam::123456789012:role/x',
    'arn:aws::1:2:role/x',
  ])
    test(`names ${arn} as invalid`, async () => {
      assert.equal(await refusal(sts.assume(ada, arn)), `role-arn-invalid: ${arn} is invalid`);
    });

  test('passes to nobody who is made later under a trusted name', async () => {
    await sts.user('eve');
    const trusted = await sts.role('trusts-eve', trusting({ AWS: `arn:aws:iam::${ACCOUNT}:user/eve` }));
    const { access } = sts.service;
    const [key] = (await access.keys.list(ROOT, 'eve', { limit: 10, marker: undefined })).items;
    await access.keys.delete(ROOT, 'eve', key!.id);
    await access.users.delete(ROOT, 'eve');
    const other = await sts.user('eve');
    assert.match(await refusal(sts.assume(other, trusted)), /not authorized/);
  });

  test('through trust in the account needs a policy of the caller’s own', async () => {
    const role = await sts.role('account', trusting(ACCOUNT_ROOT));
    const carl = await sts.user('carl');
    assert.match(await refusal(sts.assume(carl, role)), /not authorized/);
    const document = policy('Allow', 'sts:AssumeRole', role.arn);
    await sts.service.access.inline.put(ROOT, 'user', 'carl', { name: 'assume', document });
    assert.equal((await sts.assume(carl, role)).id, `${role.id}:session`);
    await sts.service.access.inline.put(ROOT, 'user', 'carl', { name: 'deny', document: policy('Deny', '*', '*') });
    assert.match(await refusal(sts.assume(carl, role)), /not authorized/);
  });

  test('asks for the external id that the role wants', async () => {
    const condition = { StringEquals: { 'sts:ExternalId': 'shop-7' } };
    const role = await sts.role('external', trusting({ AWS: ada.principal.arn }, { Condition: condition }));
    assert.match(await refusal(sts.assume(ada, role)), /not authorized/);
    assert.match(await refusal(sts.assume(ada, role, { externalId: 'shop-8' })), /not authorized/);
    await sts.assume(ada, role, { externalId: 'shop-7' });
  });

  test('takes the session’s name into account', async () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of the policy
    const condition = { StringLike: { 'sts:RoleSessionName': '${aws:username}' } };
    const role = await sts.role('named', trusting({ AWS: ada.principal.arn }, { Condition: condition }));
    await sts.assume(ada, role, { sessionName: 'ada' });
    assert.match(await refusal(sts.assume(ada, role, { sessionName: 'bob' })), /not authorized/);
  });

  test('is refused for longer than the role allows, but only to who is trusted', async () => {
    assert.equal(
      await refusal(sts.assume(ada, open, { seconds: 7201 })),
      'duration-exceeded: The requested DurationSeconds exceeds the MaxSessionDuration set for this role.',
    );
    await sts.assume(ada, open, { seconds: 7200 });
    const dan = await sts.user('dan');
    assert.match(await refusal(sts.assume(dan, open, { seconds: 7201 })), /not authorized/);
  });

  test('from a session lasts an hour at most', async () => {
    const first = await sts.session(ada, open);
    const role = await sts.role('second', trusting({ AWS: open.arn }), 43_200);
    assert.equal(
      await refusal(sts.assume(first, role, { seconds: 3601 })),
      'duration-exceeded: The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.',
    );
    await sts.assume(first, role, { seconds: 3600 });
  });

  test('with a second factor is refused, since there is none', async () => {
    assert.match(await refusal(sts.assume(ada, open, { secondFactor: true })), /MultiFactorAuthentication failed/);
  });

  test('with contexts of other providers is refused', async () => {
    assert.match(await refusal(sts.assume(ada, open, { contexts: true })), /ProvidedContexts/);
  });
});

describe('the tags and source identity of a session', () => {
  let sts: TestSts;
  let ada: Caller;
  let first: RoleRecord;
  let second: RoleRecord;
  before(async () => {
    sts = await openSts();
    ada = await sts.user('ada');
    first = await sts.role('first', trusting({ AWS: ada.principal.arn }, { Action: TAGGING }));
    second = await sts.role('second', trusting({ AWS: first.arn }, { Action: TAGGING }));
    await sts.service.access.tags.tag(ROOT, 'role', 'first', [
      { key: 'Team', value: 'of the role' },
      { key: 'stage', value: 'test' },
    ]);
  });
  const team = { key: 'team', value: 'shop' };

  test('take the place of the role’s, whatever the case of the key', async () => {
    const session = await sts.session(ada, first, { tags: [team] });
    assert.deepEqual(session.principal.tags, [{ key: 'stage', value: 'test' }, team]);
  });

  test('go on to the next role where they are transitive, and cannot be changed there', async () => {
    const tags = [team, { key: 'mine', value: 'only' }];
    const session = await sts.session(ada, first, { tags, transitiveTagKeys: ['TEAM'] });
    const next = await sts.session(session, second);
    assert.deepEqual(next.principal.tags, [team]);
    const third = await sts.role('third', trusting({ AWS: second.arn }, { Action: TAGGING }));
    assert.deepEqual((await sts.session(next, third)).principal.tags, [team], 'they go on and on');
    assert.match(
      await refusal(sts.assume(session, second, { tags: [{ key: 'Team', value: 'other' }] })),
      /^session-tags-invalid: One of the specified transitive tag keys can't be set/,
    );
  });

  test('must be allowed by the role', async () => {
    const plain = await sts.role('plain', trusting({ AWS: ada.principal.arn }));
    assert.match(await refusal(sts.assume(ada, plain, { tags: [team] })), /perform: sts:TagSession/);
    assert.match(await refusal(sts.assume(ada, plain, { sourceIdentity: 'ada' })), /perform: sts:SetSourceIdentity/);
    const only = await sts.role('only-shop', [
      trusting({ AWS: ada.principal.arn }),
      trusting(
        { AWS: ada.principal.arn },
        { Action: 'sts:TagSession', Condition: { StringEquals: { 'aws:RequestTag/team': 'shop' } } },
      ),
    ]);
    await sts.assume(ada, only, { tags: [team] });
    assert.match(await refusal(sts.assume(ada, only, { tags: [{ key: 'team', value: 'x' }] })), /sts:TagSession/);
  });

  test('are refused twice of one key, and where what shall go on is not there', async () => {
    const twice = [team, { key: 'TEAM', value: 'x' }];
    assert.match(await refusal(sts.assume(ada, first, { tags: twice })), /Duplicate tag keys found/);
    assert.match(await refusal(sts.assume(ada, first, { transitiveTagKeys: ['absent'] })), /must be included/);
  });

  test('are refused where their keys are AWS’s own, from a token too', async () => {
    for (const key of ['aws:team', 'AWS:team'])
      assert.match(await refusal(sts.assume(ada, first, { tags: [{ key, value: 'red' }] })), /^session-tags-invalid/);
    const claims = { 'https://aws.amazon.com/tags': { principal_tags: { 'aws:team': ['red'] } } };
    sts.identity = identityOf('repo:shop/api', claims);
    const open = { Federated: PROVIDER };
    const Condition = { StringEquals: { 'issuer.example:sub': 'repo:shop/api' } };
    const actions = ['sts:AssumeRoleWithWebIdentity', 'sts:TagSession'];
    const deploy = await sts.role('deploy', { ...trusting(open), Action: actions, Condition });
    assert.match(await refusal(sts.bear(deploy)), /^session-tags-invalid/);
  });

  test('are refused where they need more room than there is', async () => {
    const tags = Array.from({ length: 50 }, (_, at) => ({ key: `k${at}`, value: noise(at, 250) }));
    assert.match(await refusal(sts.assume(ada, first, { tags })), /^packed-policy-too-large: Packed size .* \d+%/);
    const { packedSize } = await sts.assume(ada, first, { tags: tags.slice(0, 5) });
    assert.ok(packedSize !== null && packedSize > 10 && packedSize <= 100);
  });

  test('once set, a source identity stays through every role', async () => {
    const session = await sts.session(ada, first, { sourceIdentity: 'ada@shop' });
    assert.equal(session.principal.session?.sourceIdentity, 'ada@shop');
    assert.equal((await sts.session(session, second)).principal.session?.sourceIdentity, 'ada@shop');
    assert.match(await refusal(sts.assume(session, second, { sourceIdentity: 'bob' })), /^source-identity-fixed/);
    const plain = await sts.role('plain-second', trusting({ AWS: first.arn }));
    assert.match(await refusal(sts.assume(session, plain)), /perform: sts:SetSourceIdentity/);
  });
});

describe('the policies of a session', () => {
  let sts: TestSts;
  let ada: Caller;
  let role: RoleRecord;
  before(async () => {
    sts = await openSts();
    ada = await sts.user('ada');
    role = await sts.role('role', trusting({ AWS: ada.principal.arn }));
  });

  test('narrow what its holder may assume', async () => {
    const next = await sts.role('next', trusting(ACCOUNT_ROOT));
    const document = policy('Allow', 'sts:AssumeRole', '*');
    await sts.service.access.inline.put(ROOT, 'role', 'role', { name: 'assume', document });
    const wide = await sts.session(ada, role);
    await sts.assume(wide, next);
    const narrow = await sts.session(ada, role, { policy: policy('Allow', 'secretsmanager:*', '*') });
    assert.match(await refusal(sts.assume(narrow, next)), /not authorized/);
  });

  test('by ARN count as they now stand, and allow nothing once they are gone', async () => {
    const { policies } = sts.service.access;
    const managed = await policies.create(ROOT, {
      name: 'narrow',
      path: '/',
      document: policy('Allow', 'secretsmanager:*', '*'),
      description: undefined,
      tags: [],
    });
    const { credentials } = await sts.assume(ada, role, { policyArns: [managed.arn] });
    const told = async () =>
      (await sts.holder(credentials))?.principal.session?.policies.map(({ document }) => document);
    assert.match(String(await told()), /secretsmanager/);
    await policies.delete(ROOT, managed.arn);
    assert.match(String(await told()), /Deny/);
  });

  test('by ARN are told to be there or not only to who may open the session', async () => {
    const managed = { name: 'hidden', path: '/', document: policy('Allow', '*', '*'), tags: [] };
    const { arn } = await sts.service.access.policies.create(ROOT, managed);
    const closed = await sts.role('closed', trusting({ AWS: role.arn }));
    const refusals = [arn, `${arn}x`].map((each) => refusal(sts.assume(ada, closed, { policyArns: [each] })));
    const [there, absent] = await Promise.all(refusals);
    assert.match(there!, /^not-permitted/);
    assert.equal(absent, there);
  });

  test('have no more than 2,048 characters, however well they pack', async () => {
    const long = (length: number) => policy('Allow', 'secretsmanager:GetSecretValue', `arn:${'*a'.repeat(length)}*`);
    await sts.assume(ada, role, { policy: long(900) });
    assert.match(await refusal(sts.assume(ada, role, { policy: long(1_000) })), /^packed-policy-too-large: .* 10\d%/);
  });

  test('must be policies, and exist', async () => {
    assert.match(await refusal(sts.assume(ada, role, { policy: '{' })), /^malformed-policy-document/);
    assert.match(await refusal(sts.assume(ada, role, { policy: JSON.stringify({}) })), /^malformed-policy-document/);
    const absent = `arn:aws:iam::${ACCOUNT}:policy/absent`;
    assert.match(await refusal(sts.assume(ada, role, { policyArns: [absent] })), /^no-such-session-policy/);
    const many = Array.from({ length: 11 }, () => absent);
    assert.match(await refusal(sts.assume(ada, role, { policyArns: many })), /^too-many-session-policies/);
  });
});

describe('assuming a role by web identity', () => {
  let sts: TestSts;
  let role: RoleRecord;
  const byToken = (more: object = {}) => ({
    Effect: 'Allow',
    Principal: { Federated: PROVIDER },
    Action: 'sts:AssumeRoleWithWebIdentity',
    Condition: {
      StringLike: { 'issuer.example:sub': 'repo:shop/*' },
      StringEquals: { 'issuer.example:aud': 'sts.amazonaws.com' },
    },
    ...more,
  });
  before(async () => {
    sts = await openSts();
    role = await sts.role('deploy', byToken());
  });

  test('gives a session of the role, and tells audit whose token it was', async () => {
    const { arn, credentials, identity } = await sts.bear(role);
    assert.equal(arn, `arn:aws:sts::${ACCOUNT}:assumed-role/deploy/session`);
    assert.equal(identity.subject, 'repo:shop/api');
    const entry = sts.audited.at(-1)!;
    assert.equal(entry.principal, PROVIDER);
    assert.match(entry.detail ?? '', /^subject repo:shop\/api; allowed by the role trust policy/);
    const holder = await sts.holder(credentials);
    assert.equal(holder?.principal.session?.federatedProvider, PROVIDER);
  });

  test('is refused for another subject, and for a role that is not there, in the same words', async () => {
    const sentence = 'not-permitted: Not authorized to perform sts:AssumeRoleWithWebIdentity';
    sts.identity = identityOf('repo:evil/api');
    assert.equal(await refusal(sts.bear(role)), sentence);
    assert.equal(sts.audited.at(-1)?.outcome, 'denied');
    sts.identity = identityOf('repo:shop/api');
    assert.equal(await refusal(sts.bear(`arn:aws:iam::${ACCOUNT}:role/absent`)), sentence);
    const signed = await sts.role('signed', trusting(ACCOUNT_ROOT));
    assert.equal(await refusal(sts.bear(signed)), sentence);
  });

  test('lasts as long as the role allows, an hour by default', async () => {
    assert.equal((await sts.bear(role)).credentials.expiresAt, sts.clock.now() + 3_600_000);
    assert.match(await refusal(sts.bear(role, { seconds: 3601 })), /^duration-exceeded/);
  });

  test('takes tags and source identity from the token, where the role allows them', async () => {
    const claims = {
      'https://aws.amazon.com/tags': {
        principal_tags: { team: ['shop'], stage: ['live'] },
        transitive_tag_keys: ['team'],
      },
      'https://aws.amazon.com/source_identity': 'ada@shop',
    };
    sts.identity = identityOf('repo:shop/api', claims);
    assert.match(await refusal(sts.bear(role)), /sts:TagSession/);
    const tagged = await sts.role(
      'tagged',
      byToken({ Action: ['sts:AssumeRoleWithWebIdentity', 'sts:TagSession', 'sts:SetSourceIdentity'] }),
    );
    const { credentials, sourceIdentity } = await sts.bear(tagged);
    assert.equal(sourceIdentity, 'ada@shop');
    const principal = (await sts.holder(credentials))?.principal;
    assert.deepEqual(principal?.tags, [
      { key: 'team', value: 'shop' },
      { key: 'stage', value: 'live' },
    ]);
    assert.deepEqual(principal?.session?.transitiveTagKeys, ['team']);
    for (const wrong of [
      { 'https://aws.amazon.com/tags': [] },
      { 'https://aws.amazon.com/tags': { principal_tags: { a: [1] } } },
      { 'https://aws.amazon.com/source_identity': 'no spaces' },
    ]) {
      sts.identity = identityOf('repo:shop/api', wrong);
      assert.match(await refusal(sts.bear(tagged)), /^session-tags-invalid/);
    }
    sts.identity = identityOf('repo:shop/api');
  });

  test('takes tokens of OpenID providers only', async () => {
    assert.match(await refusal(sts.bear(role, { providerId: 'www.amazon.com' })), /^only-openid/);
    assert.equal(sts.audited.at(-1)?.principal, 'anonymous');
  });

  test('cannot be opened to every subject by accident', async () => {
    const wide = byToken({ Condition: { StringEquals: { 'issuer.example:aud': 'sts.amazonaws.com' } } });
    assert.match(await refusal(sts.role('wide', wide)), /^malformed-policy-document: .*allowAnySubject/);
    await sts.role('meant', { ...wide, Sid: 'allowAnySubject' });
  });
});

function policy(effect: string, action: string, resource: string): string {
  const statement = { Effect: effect, Action: action, Resource: resource };
  return JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
}

/** Text that cannot be packed well, the same each time. */
function noise(seed: number, length: number): string {
  let text = '';
  for (let at = seed + 1; text.length < length; at = (at * 48_271) % 2_147_483_647) text += at.toString(36);
  return text.slice(0, length);
}
