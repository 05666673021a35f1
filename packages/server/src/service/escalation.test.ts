import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import type { Caller } from '@rekey/core';
import { ACCOUNT, openSts, refusal, type TestSts, trusting } from './sts/sts.testing.ts';
import { ROOT } from './testing.ts';

/** Ways to come by more than one was given. None may lead anywhere. */
let sts: TestSts;
let mallory: Caller;

beforeEach(async () => {
  sts = await openSts();
  mallory = await sts.user('mallory');
});

type Written = Readonly<Record<string, unknown>>;

const documentOf = (...statements: readonly Written[]) =>
  JSON.stringify({ Version: '2012-10-17', Statement: statements });
const allow = (Action: string | readonly string[], more: Written = {}): Written => ({
  Effect: 'Allow',
  Action,
  Resource: '*',
  ...more,
});
const deny = (Action: string | readonly string[], more: Written = {}): Written => ({
  ...allow(Action, more),
  Effect: 'Deny',
});

/** What mallory may, and nothing else. */
const grant = (...statements: readonly Written[]) =>
  sts.service.access.inline.put(ROOT, 'user', 'mallory', { name: 'own', document: documentOf(...statements) });
const policy = async (name: string, ...statements: readonly Written[]) =>
  (await sts.service.access.policies.create(ROOT, { name, path: '/', document: documentOf(...statements), tags: [] }))
    .arn;
const secret = (name: string, tags: readonly { key: string; value: string }[] = []) =>
  sts.service.secrets.create(ROOT, {
    name,
    tags,
    value: { versionId: 'first'.padEnd(32, '-'), value: { kind: 'text', text: 'the value' } },
  });
const read = (caller: Caller, secretId: string) => sts.service.values.get(caller, { secretId });
const denied = async (asked: Promise<unknown>) => assert.match(await refusal(asked), /^not-permitted/);

describe('tags whose keys differ in case only', () => {
  const pair = [
    { key: 'Team', value: 'red' },
    { key: 'team', value: 'blue' },
  ];

  test('hide nothing from a Deny on what a request tags, in whatever order', async () => {
    await secret('app');
    const Condition = { StringEquals: { 'aws:RequestTag/team': 'blue' } };
    await grant(allow('secretsmanager:TagResource'), deny('secretsmanager:TagResource', { Condition }));
    for (const tags of [pair, pair.toReversed()]) await denied(sts.service.secrets.tag(mallory, 'app', tags));
    await sts.service.secrets.tag(mallory, 'app', [{ key: 'Team', value: 'red' }]);
  });

  test('are one key also where a small letter is longer than its capital', async () => {
    await secret('app');
    for (const written of ['\u0130d', 'i\u0307D']) {
      const Condition = { Null: { [`aws:RequestTag/${written}`]: 'false' } };
      await grant(allow('secretsmanager:TagResource'), deny('secretsmanager:TagResource', { Condition }));
      await denied(sts.service.secrets.tag(mallory, 'app', [{ key: '\u0130d', value: 'red' }]));
    }
  });

  test('let nothing ride along with what an Allow lets be tagged', async () => {
    await secret('app');
    await grant(allow('secretsmanager:TagResource', { Condition: { StringEquals: { 'aws:RequestTag/team': 'red' } } }));
    for (const tags of [pair, pair.toReversed()]) await denied(sts.service.secrets.tag(mallory, 'app', tags));
  });

  test('open no secret that only one of them would open', async () => {
    await secret('both', pair);
    await secret('one', [{ key: 'TEAM', value: 'red' }]);
    for (const key of ['aws:ResourceTag/team', 'secretsmanager:ResourceTag/Team'])
      for (const team of ['red', 'blue']) {
        await grant(allow('secretsmanager:GetSecretValue', { Condition: { StringEquals: { [key]: team } } }));
        await denied(read(mallory, 'both'));
      }
    await grant(
      allow('secretsmanager:GetSecretValue', {
        Condition: { StringEquals: { 'aws:ResourceTag/team': ['red', 'blue'] } },
      }),
    );
    await read(mallory, 'both');
    await read(mallory, 'one');
  });

  test('are read every way together, and beyond sixty-four ways nothing is allowed', async () => {
    const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    const tagsOf = (count: number) =>
      keys.slice(0, count).flatMap((key) => [
        { key, value: '1' },
        { key: key.toUpperCase(), value: '2' },
      ]);
    await secret('six', tagsOf(6));
    await secret('seven', tagsOf(7));
    const each = Object.fromEntries(keys.map((key) => [`aws:ResourceTag/${key}`, ['1', '2']]));
    await grant(allow('secretsmanager:GetSecretValue', { Condition: { StringEqualsIfExists: each } }));
    await read(mallory, 'six');
    await denied(read(mallory, 'seven'));
    // Only one combination of many is denied: it is found.
    const one = { StringEquals: { 'aws:ResourceTag/a': '2', 'aws:ResourceTag/f': '1' } };
    await grant(allow('secretsmanager:GetSecretValue'), deny('secretsmanager:GetSecretValue', { Condition: one }));
    await denied(read(mallory, 'six'));
  });
});

describe('names and paths', () => {
  test('cannot be taken by renaming, where their own policies do not let one', async () => {
    const { users, groups } = sts.service.access;
    await users.create(ROOT, { name: 'dev', path: '/dev/', tags: [] });
    await groups.create(ROOT, { name: 'devs', path: '/dev/' });
    const within = [`arn:aws:iam::${ACCOUNT}:user/dev/*`, `arn:aws:iam::${ACCOUNT}:group/dev/*`];
    await grant(allow(['iam:UpdateUser', 'iam:UpdateGroup'], { Resource: within }));
    await denied(users.move(mallory, 'dev', { path: '/admin/' }));
    await denied(users.move(mallory, 'dev', { name: 'admin', path: '/' }));
    await denied(groups.move(mallory, 'devs', { path: '/admin/' }));
    await users.move(mallory, 'dev', { name: 'dev2', path: '/dev/more/' });
    await groups.move(mallory, 'devs', { name: 'devs2' });
  });

  test('are the same in any case, so that a Deny on one holds for all of its spellings', async () => {
    await sts.service.access.users.create(ROOT, { name: 'Admin', path: '/', tags: [] });
    await grant(allow('iam:*'), deny('iam:CreateAccessKey', { Resource: `arn:aws:iam::${ACCOUNT}:user/Admin` }));
    for (const name of ['Admin', 'admin', 'ADMIN']) await denied(sts.service.access.keys.create(mallory, name));
  });
});

describe('who may make users, but only bounded ones', () => {
  let bound: string;
  let other: string;
  beforeEach(async () => {
    bound = await policy('bound', allow('secretsmanager:GetSecretValue'));
    other = await policy('other', allow('*'));
    const Condition = { StringEquals: { 'iam:PermissionsBoundary': bound } };
    await grant(
      allow(['iam:CreateUser', 'iam:PutUserPolicy', 'iam:AttachUserPolicy', 'iam:DeleteUserPolicy'], { Condition }),
      allow(['iam:PutUserPermissionsBoundary', 'iam:CreateRole', 'iam:PutRolePolicy'], { Condition }),
      allow(['iam:DetachUserPolicy'], { Condition: { ArnNotEquals: { 'iam:PolicyARN': bound } } }),
    );
  });

  test('can make no unbounded ones, nor bound them by something wider', async () => {
    const { users, roles, boundaries } = sts.service.access;
    await denied(users.create(mallory, { name: 'free', path: '/', tags: [] }));
    await denied(users.create(mallory, { name: 'free', path: '/', tags: [], boundary: other }));
    await users.create(mallory, { name: 'bounded', path: '/', tags: [], boundary: bound });
    await denied(boundaries.put(mallory, 'user', 'bounded', other));
    await denied(boundaries.remove(mallory, 'user', 'bounded'));
    const trust = documentOf(trusting({ AWS: ACCOUNT }) as Written);
    const role = { path: '/', trust, maxSessionDuration: 3600, tags: [] };
    await denied(roles.create(mallory, { ...role, name: 'free' }));
    await roles.create(mallory, { ...role, name: 'bounded', boundary: bound });
  });

  test('can give policies to bounded ones only, not to themselves', async () => {
    const { users, inline, attachments } = sts.service.access;
    const document = documentOf(allow('*'));
    await denied(inline.put(mallory, 'user', 'mallory', { name: 'all', document }));
    await denied(attachments.attach(mallory, 'user', 'mallory', other));
    await users.create(mallory, { name: 'bounded', path: '/', tags: [], boundary: bound });
    await inline.put(mallory, 'user', 'bounded', { name: 'all', document });
    await attachments.attach(mallory, 'user', 'bounded', other);
    await attachments.attach(mallory, 'user', 'bounded', bound);
    await denied(attachments.detach(mallory, 'user', 'bounded', bound));
    await attachments.detach(mallory, 'user', 'bounded', other);
    await inline.delete(mallory, 'user', 'bounded', 'all');
  });

  test('can tag what they make only where they could tag it later', async () => {
    const { users, roles, policies, providers } = sts.service.access;
    const tags = [{ key: 'team', value: 'admins' }];
    const trust = documentOf(trusting({ AWS: ACCOUNT }) as Written);
    const attempts = {
      User: (name: string) => users.create(mallory, { name, path: '/', tags }),
      Role: (name: string) => roles.create(mallory, { name, path: '/', trust, maxSessionDuration: 3600, tags }),
      Policy: (name: string) => policies.create(mallory, { name, path: '/', document: documentOf(allow('*')), tags }),
      OpenIDConnectProvider: (name: string) =>
        providers.create(mallory, { url: `https://${name}.example.com`, clientIds: [], thumbprints: [], tags }),
    };
    for (const [kind, make] of Object.entries(attempts)) {
      await grant(allow([`iam:Create${kind}`]));
      await denied(make('tagged'));
      await grant(allow([`iam:Create${kind}`, `iam:Tag${kind}`]));
      await make('tagged');
    }
  });

  test('are bounded themselves, whatever they put on themselves', async () => {
    await secret('app');
    await sts.service.access.boundaries.put(ROOT, 'user', 'mallory', await policy('iam-only', allow('iam:*')));
    await grant(allow('iam:PutUserPolicy'));
    const document = documentOf(allow('*'));
    await sts.service.access.inline.put(mallory, 'user', 'mallory', { name: 'all', document });
    await denied(read(mallory, 'app'));
    await denied(sts.service.policies.put(mallory, { secretId: 'app', text: document, blockPublic: false }));
  });
});

describe('sessions', () => {
  test('that a user opened with his own key make nothing that outlives them', async () => {
    await secret('app');
    await grant(allow('*'));
    const credentials = await sts.service.sts.sessionToken(mallory, { seconds: 900, secondFactor: false });
    const session = await sts.holder(credentials);
    const { keys, inline, users } = sts.service.access;
    for (const asked of [
      () => keys.create(session!, 'mallory'),
      () => inline.put(session!, 'user', 'mallory', { name: 'more', document: documentOf(allow('*')) }),
      () => users.create(session!, { name: 'second', path: '/', tags: [] }),
      () => users.list(session!, { pathPrefix: '/', marker: undefined, limit: 10 }),
    ])
      assert.match(await refusal(asked()), /^unknown-access-key/);
    assert.equal(sts.audited.at(-1)?.outcome, 'denied');
    await read(session!, 'app');
    const role = await sts.role('role', trusting({ AWS: mallory.principal.arn }));
    await sts.service.access.inline.put(ROOT, 'role', 'role', { name: 'iam', document: documentOf(allow('iam:*')) });
    await users.get(await sts.session(session!, role), 'mallory');
  });

  test('narrowed to one secret cannot widen themselves through the policy of another', async () => {
    await secret('mine');
    await secret('other');
    const role = await sts.role('role', trusting({ AWS: mallory.principal.arn }));
    await sts.service.access.inline.put(ROOT, 'role', 'role', { name: 'all', document: documentOf(allow('*')) });
    const Resource = `arn:aws:secretsmanager:us-east-1:${ACCOUNT}:secret:mine-*`;
    const narrow = await sts.session(mallory, role, {
      policy: documentOf(allow('secretsmanager:*', { Resource })),
    });
    await read(narrow, 'mine');
    await denied(read(narrow, 'other'));
    const text = documentOf({ ...allow('secretsmanager:*'), Principal: { AWS: role.arn } });
    await denied(sts.service.policies.put(narrow, { secretId: 'other', text, blockPublic: false }));
    await denied(sts.service.sts.revokeSessions(narrow, 'role'));
    // Not even where somebody else has given it to the role as a whole.
    await sts.service.policies.put(ROOT, { secretId: 'other', text, blockPublic: false });
    await denied(read(narrow, 'other'));
  });

  test('tags of a session come from who may set them, not from who asks for it', async () => {
    const role = await sts.role('role', trusting({ AWS: mallory.principal.arn }));
    await denied(sts.session(mallory, role, { tags: [{ key: 'team', value: 'admins' }] }));
  });
});

describe('regions', () => {
  test('are those that secrets are in, not those that requests are signed for', async () => {
    const { arn } = (await secret('app')).secret;
    const abroad = { ...mallory, region: 'eu-west-1' };
    await grant(
      allow('secretsmanager:GetSecretValue'),
      deny('secretsmanager:*', { Condition: { StringNotEquals: { 'aws:RequestedRegion': 'eu-west-1' } } }),
    );
    await denied(read(mallory, 'app'));
    await denied(read(mallory, arn));
    await denied(read(abroad, arn));
    await denied(read(abroad, arn.slice(0, -7)));
    assert.match(await refusal(read(abroad, 'app')), /^secret-not-found/);
  });
});

describe('replicas', () => {
  const inEurope = { region: 'eu-west-1' };

  test('are not opened by what opens the primary only, and are closed by what closes the secret', async () => {
    await secret('app');
    const regions = [{ region: 'eu-west-1', kmsKeyId: null }];
    await sts.service.replicas.add(ROOT, 'app', { regions, overwrite: false });
    const home = `arn:aws:secretsmanager:us-east-1:${ACCOUNT}:secret:app-*`;
    await grant(allow('secretsmanager:GetSecretValue', { Resource: home }));
    await read(mallory, 'app');
    await denied(read({ ...mallory, ...inEurope }, 'app'));
    await grant(allow('secretsmanager:GetSecretValue'));
    await read({ ...mallory, ...inEurope }, 'app');
    const text = documentOf({ ...deny('secretsmanager:GetSecretValue'), Principal: '*' });
    await sts.service.policies.put(ROOT, { secretId: 'app', text, blockPublic: false });
    await denied(read({ ...mallory, ...inEurope }, 'app'));
    await sts.service.replicas.promote({ ...ROOT, ...inEurope }, 'app');
    await denied(read({ ...mallory, ...inEurope }, 'app'));
  });
});

describe('access keys', () => {
  test('tell whose they are and when they were used to who may ask about that user', async () => {
    const { keys, users } = sts.service.access;
    await users.create(ROOT, { name: 'other', path: '/', tags: [] });
    const other = (await keys.create(ROOT, 'other')).key.id;
    await grant(allow('iam:GetAccessKeyLastUsed', { Resource: `arn:aws:iam::${ACCOUNT}:user/\${aws:username}` }));
    assert.equal((await keys.lastUsed(mallory, mallory.accessKeyId!)).user, 'mallory');
    await denied(keys.lastUsed(mallory, other));
    await denied(keys.lastUsed(mallory, 'AKIAAAAAAAAAAAAAAAAA'));
  });
});
