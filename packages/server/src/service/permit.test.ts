import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Caller, type InlinePolicy, RekeyError } from '@rekey/core';
import fc from 'fast-check';
import { NotPermitted } from './permit.ts';
import type { Service } from './service.ts';
import { openService, ROOT, type TestService } from './testing.ts';

const ACCOUNT = '000000000000';
const ARNS = `arn:aws:secretsmanager:us-east-1:${ACCOUNT}:secret:`;
const READ = 'secretsmanager:GetSecretValue';
const ANA = `arn:aws:iam::${ACCOUNT}:user/ana`;

type Written = Readonly<Record<string, unknown>>;

const statement = (Effect: string, more: Written = {}): Written => ({ Effect, Action: READ, Resource: '*', ...more });
const allow = (more: Written = {}) => statement('Allow', more);
const deny = (more: Written = {}) => statement('Deny', more);
const policy = (...statements: readonly Written[]) => JSON.stringify({ Version: '2012-10-17', Statement: statements });
const version = (text: string) => text.padEnd(32, '-');
const text = (content: string) => ({ kind: 'text', text: content }) as const;

/** What is in play besides the user's own policy. */
interface Setting {
  readonly own?: readonly Written[];
  readonly group?: readonly Written[];
  readonly boundary?: readonly Written[];
  readonly session?: readonly Written[];
  readonly secret?: readonly Written[];
}

interface House extends TestService {
  readonly ana: Caller;
}

/** A server with the secrets `app/db` (tagged team=blue) and `other`, and the user ana (tagged team=blue). */
async function open(setting: Setting = {}): Promise<House> {
  const opened = await openService();
  const { secrets, access, policies } = opened.service;
  const value = { versionId: version('first'), value: text('one') };
  await secrets.create(ROOT, { name: 'app/db', tags: [{ key: 'team', value: 'blue' }], value });
  await secrets.create(ROOT, { name: 'other', value });
  const boundary =
    setting.boundary && (await access.policies.create(ROOT, managed('Bound', policy(...setting.boundary))));
  const tags = [{ key: 'team', value: 'blue' }];
  const { record } = await access.users.create(ROOT, { name: 'ana', path: '/', tags, boundary: boundary?.arn });
  if (setting.own) await access.inline.put(ROOT, 'user', 'ana', { name: 'Own', document: policy(...setting.own) });
  if (setting.group) {
    await access.groups.create(ROOT, { name: 'crew', path: '/' });
    await access.inline.put(ROOT, 'group', 'crew', { name: 'Crew', document: policy(...setting.group) });
    await access.groups.addUser(ROOT, 'crew', 'ana');
  }
  if (setting.secret)
    await policies.put(ROOT, { secretId: 'app/db', text: policy(...setting.secret), blockPublic: false });
  opened.audited.length = 0;
  return { ...opened, ana: callerOf(record.id, setting.session) };
}

const managed = (name: string, document: string) => ({ name, path: '/', document, tags: [] });

function callerOf(id: string, session: readonly Written[] | undefined): Caller {
  const policies: readonly InlinePolicy[] =
    session === undefined ? [] : [{ name: 'Narrow', document: policy(...session) }];
  const opened = { issuedAt: 0, sourceIdentity: null, federatedProvider: null, policies, transitiveTagKeys: [] };
  return {
    ...ROOT,
    principal: {
      kind: 'user',
      arn: ANA,
      accountId: ACCOUNT,
      id,
      name: 'ana',
      role: null,
      tags: [{ key: 'team', value: 'blue' }],
      session: session === undefined ? null : opened,
    },
    accessKeyId: 'AKIAANA2222222222222',
    address: '10.1.2.3',
    secure: true,
  };
}

const read = (house: House, secretId = 'app/db', more = {}) =>
  house.service.values.get(house.ana, { secretId, ...more });

async function refusalOf(asked: Promise<unknown>): Promise<NotPermitted> {
  try {
    await asked;
  } catch (error) {
    assert.ok(error instanceof NotPermitted, String(error));
    return error;
  }
  return assert.fail('it was permitted');
}

const principal = { Principal: { AWS: ANA } };
const onApp = { Resource: `${ARNS}app/*` };
const when = (Condition: Written, more: Written = {}) => ({ Condition, ...more });

describe('reading a secret', () => {
  /** What is in play, and the sentence about what decided; refusals begin with a minus. */
  const ROWS: readonly (readonly [string, Setting, string])[] = [
    ['no policy at all', {}, '-no identity-based policy allows it'],
    [
      'a policy of the user',
      { own: [allow({ Sid: 'Read' })] },
      'allowed by the identity-based policy "Own", statement Read',
    ],
    [
      'a policy of a group',
      { group: [allow()] },
      'allowed by the identity-based policy "group crew: Crew", statement 1',
    ],
    ['a policy on its name', { own: [allow(onApp)] }, 'allowed by the identity-based policy "Own", statement 1'],
    [
      'a policy on another name',
      { own: [allow({ Resource: `${ARNS}other*` })] },
      '-no identity-based policy allows it',
    ],
    [
      'a policy about another action',
      { own: [allow({ Action: 'secretsmanager:Describe*' })] },
      '-no identity-based policy allows it',
    ],
    [
      'everything allowed, and this denied',
      { own: [allow({ Action: '*' }), deny({ Sid: 'No' })] },
      '-denied by the identity-based policy "Own", statement No',
    ],
    [
      'a deny of the group',
      { own: [allow()], group: [deny()] },
      '-denied by the identity-based policy "group crew: Crew", statement 1',
    ],
    [
      'a boundary that allows it',
      { own: [allow()], boundary: [allow()] },
      'allowed by the identity-based policy "Own", statement 1',
    ],
    [
      'a boundary that does not',
      { own: [allow()], boundary: [allow({ Action: 'sts:*' })] },
      '-no permissions boundary allows it',
    ],
    ['a boundary alone', { boundary: [allow()] }, '-no identity-based policy allows it'],
    [
      'a session policy that allows it',
      { own: [allow()], session: [allow()] },
      'allowed by the identity-based policy "Own", statement 1',
    ],
    [
      'a session policy that does not',
      { own: [allow()], session: [allow({ Action: 'sts:*' })] },
      '-no session policy allows it',
    ],
    [
      "the secret's own policy that names the user",
      { secret: [allow(principal)] },
      'allowed by the resource-based policy "policy of app/db", statement 1',
    ],
    [
      "the secret's own policy that names the account",
      { secret: [allow({ Principal: { AWS: ACCOUNT } })] },
      '-no identity-based policy allows it',
    ],
    [
      "a deny of the secret's own policy",
      { own: [allow()], secret: [deny({ ...principal, Sid: 'Not ana' })] },
      '-denied by the resource-based policy "policy of app/db", statement Not ana',
    ],
    [
      'a deny to everybody but another',
      { own: [allow()], secret: [deny({ NotPrincipal: { AWS: ACCOUNT } })] },
      '-denied by the resource-based policy "policy of app/db", statement 1',
    ],
    [
      'the tag of the secret',
      { own: [allow(when({ StringEquals: { 'aws:ResourceTag/team': 'blue' } }))] },
      'allowed by the identity-based policy "Own", statement 1',
    ],
    [
      'the tag of the secret, as secretsmanager: has it',
      { own: [allow(when({ StringEquals: { 'secretsmanager:ResourceTag/team': 'blue' } }))] },
      'allowed by the identity-based policy "Own", statement 1',
    ],
    [
      'another tag of the secret',
      { own: [allow(when({ StringEquals: { 'aws:ResourceTag/team': 'red' } }))] },
      '-no identity-based policy allows it',
    ],
    [
      'a tag that user and secret share',
      { own: [allow(when({ StringEquals: { 'aws:ResourceTag/team': `\${aws:PrincipalTag/team}` } }))] },
      'allowed by the identity-based policy "Own", statement 1',
    ],
    [
      "the user's name in the ARN",
      { own: [allow({ Resource: `${ARNS}\${aws:username}/*` })] },
      '-no identity-based policy allows it',
    ],
    [
      'the name of the user',
      { own: [allow(when({ StringEquals: { 'aws:username': 'ana' } }))] },
      'allowed by the identity-based policy "Own", statement 1',
    ],
    [
      'the network',
      { own: [allow(when({ IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } }))] },
      'allowed by the identity-based policy "Own", statement 1',
    ],
    [
      'another network',
      { own: [allow(when({ IpAddress: { 'aws:SourceIp': '192.0.2.0/24' } }))] },
      '-no identity-based policy allows it',
    ],
    [
      'only over TLS',
      { own: [allow()], secret: [deny({ Principal: '*', Condition: { Bool: { 'aws:SecureTransport': 'false' } } })] },
      'allowed by the identity-based policy "Own", statement 1',
    ],
    [
      'a time that is past',
      { own: [allow(when({ DateLessThan: { 'aws:CurrentTime': '2001-01-01T00:00:00Z' } }))] },
      '-no identity-based policy allows it',
    ],
    [
      'no second factor for long-term keys',
      { own: [allow(when({ Null: { 'aws:MultiFactorAuthPresent': 'true' } }))] },
      'allowed by the identity-based policy "Own", statement 1',
    ],
    [
      'the time a session was opened',
      { own: [allow()], session: [allow(when({ DateLessThan: { 'aws:TokenIssueTime': '1971-01-01' } }))] },
      'allowed by the identity-based policy "Own", statement 1',
    ],
    [
      'the current version, which is what is asked for',
      { own: [allow(when({ 'ForAnyValue:StringEquals': { 'secretsmanager:VersionStage': 'AWSCURRENT' } }))] },
      'allowed by the identity-based policy "Own", statement 1',
    ],
    [
      'the id by which it is asked for',
      { own: [allow(when({ StringEquals: { 'secretsmanager:SecretId': 'app/db' } }))] },
      'allowed by the identity-based policy "Own", statement 1',
    ],
    [
      'the region it is at home in',
      { own: [allow(when({ StringEquals: { 'secretsmanager:SecretPrimaryRegion': 'us-east-1' } }))] },
      'allowed by the identity-based policy "Own", statement 1',
    ],
    [
      'the account of user and secret',
      { own: [allow(when({ StringEquals: { 'aws:ResourceAccount': `\${aws:PrincipalAccount}` } }))] },
      'allowed by the identity-based policy "Own", statement 1',
    ],
  ];
  for (const [what, setting, expected] of ROWS)
    test(`${what}: ${expected}`, async () => {
      const house = await open(setting);
      if (expected.startsWith('-')) assert.equal((await refusalOf(read(house))).statement, expected.slice(1));
      else assert.equal((await read(house)).value.kind, 'text');
      const { outcome, detail, resource } = house.audited.at(-1)!;
      assert.equal(outcome, expected.startsWith('-') ? 'denied' : 'allowed');
      assert.ok(detail?.endsWith(expected.startsWith('-') ? `(${expected.slice(1)})` : expected), detail ?? '');
      assert.match(resource ?? '', /secret:app\/db-[A-Za-z0-9]{6}$/);
    });

  test('by another label or an old version follows the words that policies have for it', async () => {
    const current = { 'ForAnyValue:StringEquals': { 'secretsmanager:VersionStage': 'AWSCURRENT' } };
    const house = await open({ own: [allow(when(current))] });
    await read(house, 'app/db', { label: 'current' });
    await refusalOf(read(house, 'app/db', { label: 'previous' }));
    await refusalOf(read(house, 'app/db', { versionId: version('first') }));
    await read(house, 'app/db', { versionId: version('first'), label: 'current' });
  });

  test('root is bound by the policy of a secret too, but can always mend it', async () => {
    const { service } = await open({ secret: [{ ...deny({ Principal: '*' }), Action: '*' }] });
    await refusalOf(service.values.get(ROOT, { secretId: 'app/db' }));
    await refusalOf(service.secrets.delete(ROOT, 'app/db', { force: true }));
    assert.ok((await service.policies.get(ROOT, 'app/db')).policy);
    await service.policies.delete(ROOT, 'app/db');
    await service.values.get(ROOT, { secretId: 'app/db' });
  });

  test('what was granted to a user does not pass to the next one of that name', async () => {
    const house = await open({ secret: [allow(principal)] });
    await read(house);
    const { users } = house.service.access;
    await users.delete(ROOT, 'ana');
    const { record } = await users.create(ROOT, { name: 'ana', path: '/', tags: [] });
    const next = { ...house, ana: callerOf(record.id, undefined) };
    await refusalOf(read(next));
  });

  test('a policy that is changed counts from the next request on', async () => {
    const house = await open({ own: [allow()] });
    await read(house);
    const { inline } = house.service.access;
    await inline.put(ROOT, 'user', 'ana', { name: 'Own', document: policy(deny()) });
    await refusalOf(read(house));
    await inline.delete(ROOT, 'user', 'ana', 'Own');
    await refusalOf(read(house));
  });
});

describe('a refusal', () => {
  const TEXTS: readonly (readonly [Setting, string])[] = [
    [{}, `because no identity-based policy allows the ${READ} action`],
    [
      { own: [allow()], boundary: [allow({ Action: 'sts:*' })] },
      `because no permissions boundary allows the ${READ} action`,
    ],
    [{ own: [allow()], session: [allow({ Action: 'sts:*' })] }, `because no session policy allows the ${READ} action`],
    [{ own: [deny()] }, 'with an explicit deny in an identity-based policy'],
    [{ own: [allow()], boundary: [deny()] }, 'with an explicit deny in a permissions boundary'],
    [{ own: [allow()], session: [deny()] }, 'with an explicit deny in a session policy'],
    [{ own: [allow()], secret: [deny(principal)] }, 'with an explicit deny in a resource-based policy'],
  ];
  for (const [setting, ending] of TEXTS)
    test(`ends ${ending}`, async () => {
      const { message } = await refusalOf(read(await open(setting)));
      assert.equal(message, `User: ${ANA} is not authorized to perform: ${READ} on resource: app/db ${ending}`);
    });

  test('says the same of a secret that is there and of one that is not', async () => {
    const house = await open();
    for (const name of ['app/db', 'never']) {
      const { service, ana } = house;
      const asked = [
        service.values.get(ana, { secretId: name }),
        service.secrets.describe(ana, name),
        service.secrets.create(ana, { name }),
        service.secrets.delete(ana, name, { force: true }),
        service.policies.get(ana, name),
      ];
      for (const one of asked) {
        const { message, facts } = await refusalOf(one);
        assert.match(message, new RegExp(`on resource: ${name} because no identity-based policy`));
        assert.equal(facts.resource, name);
      }
    }
  });

  test('of a secret nobody may see comes before what is wrong with it', async () => {
    const house = await open();
    await house.service.secrets.delete(ROOT, 'app/db', { force: false });
    await refusalOf(read(house));
    assert.equal(
      (await refusalOf(house.service.secrets.create(house.ana, { name: 'app/db' }))).reason,
      'not-permitted',
    );
  });

  test('who may read finds out that there is no such secret', async () => {
    const house = await open({ own: [allow()] });
    await assert.rejects(read(house, 'never'), (error) => error instanceof RekeyError && error.code === 'not-found');
  });
});

describe('some requests need more than their own action', () => {
  const CREATE = 'secretsmanager:CreateSecret';
  const TAG = 'secretsmanager:TagResource';
  const CONFIGURE = 'rekey:ConfigureRotation';
  const tags = [{ key: 'team', value: 'blue' }];
  const settings = [{ key: 'rekey:overlap', value: '1h' }];
  type Asked = (service: Service, caller: Caller) => Promise<unknown>;
  const ROWS: readonly (readonly [string, Asked, readonly string[]])[] = [
    ['creating', ({ secrets }, caller) => secrets.create(caller, { name: 'new' }), [CREATE]],
    ['creating with tags', ({ secrets }, caller) => secrets.create(caller, { name: 'new', tags }), [CREATE, TAG]],
    [
      'creating with settings',
      ({ secrets }, caller) => secrets.create(caller, { name: 'new', tags: settings }),
      [CREATE, TAG, CONFIGURE],
    ],
    [
      'creating with replicas',
      ({ secrets }, caller) =>
        secrets.create(caller, {
          name: 'new',
          replicas: { regions: [{ region: 'eu-west-1', kmsKeyId: null }], overwrite: false },
        }),
      [CREATE, 'secretsmanager:ReplicateSecretToRegions'],
    ],
    ['tagging', ({ secrets }, caller) => secrets.tag(caller, 'other', tags), [TAG]],
    ['tagging with settings', ({ secrets }, caller) => secrets.tag(caller, 'other', settings), [TAG, CONFIGURE]],
    [
      'removing a setting',
      ({ secrets }, caller) => secrets.untag(caller, 'other', ['rekey:overlap']),
      ['secretsmanager:UntagResource', CONFIGURE],
    ],
    [
      'a batch by filters',
      ({ values }, caller) => values.getListed(caller, { filters: [], limit: 5 }),
      ['secretsmanager:BatchGetSecretValue', 'secretsmanager:ListSecrets'],
    ],
  ];
  for (const [what, ask, actions] of ROWS)
    test(`${what} needs ${actions.join(' and ')}`, async () => {
      const house = await open({ own: [allow({ Action: actions })] });
      await ask(house.service, house.ana);
      for (const missing of actions) {
        const rest = actions.filter((action) => action !== missing);
        const without = await open({ own: [allow({ Action: ['sts:GetCallerIdentity', ...rest] })] });
        assert.equal((await refusalOf(ask(without.service, without.ana))).facts.action, missing);
        assert.equal(await without.engine.store.findSecret('new'), null);
      }
    });

  test('tags asked for are what policies may look at', async () => {
    const onlyTeam = {
      'ForAllValues:StringEquals': { 'aws:TagKeys': ['team'] },
      StringEquals: { 'aws:RequestTag/team': 'blue' },
    };
    const house = await open({ own: [allow({ Action: [CREATE, TAG], Condition: onlyTeam })] });
    await house.service.secrets.create(house.ana, { name: 'new', tags });
    for (const other of [[{ key: 'team', value: 'red' }], [...tags, { key: 'more', value: '' }]])
      await refusalOf(house.service.secrets.create(house.ana, { name: 'newer', tags: other }));
  });

  test('a batch names what may not be read beside what may', async () => {
    const house = await open({ own: [allow(onApp), allow({ Action: 'secretsmanager:BatchGetSecretValue' })] });
    const items = await house.service.values.getEach(house.ana, ['app/db', 'other']);
    assert.deepEqual(
      items.map((item) => ('read' in item ? 'read' : item.error.reason)),
      ['read', 'not-permitted'],
    );
  });
});

test('the tags of a user are what policies about users may look at', async () => {
  const team = { StringEquals: { 'aws:ResourceTag/team': 'blue' } };
  const house = await open({ own: [allow({ Action: 'iam:GetUser', Condition: team })] });
  const { users } = house.service.access;
  await users.create(ROOT, { name: 'bob', path: '/', tags: [{ key: 'team', value: 'red' }] });
  await users.get(house.ana, 'ana');
  assert.equal((await refusalOf(users.get(house.ana, 'bob'))).facts.action, 'iam:GetUser');
});

describe('an admin credential', () => {
  const ADMIN = JSON.stringify({ engine: 'postgres', host: 'mine', masterarn: 'other' });
  const WRITE = ['secretsmanager:PutSecretValue', 'secretsmanager:UpdateSecret', 'secretsmanager:CreateSecret'];
  const naming: Readonly<Record<string, (house: House, content: string) => Promise<unknown>>> = {
    put: ({ service, ana }, content) =>
      service.values.put(ana, { secretId: 'app/db', versionId: version('n'), value: text(content) }),
    update: ({ service, ana }, content) =>
      service.secrets.update(ana, { secretId: 'app/db', value: { versionId: version('n'), value: text(content) } }),
    create: ({ service, ana }, content) =>
      service.secrets.create(ana, { name: 'new', value: { versionId: version('n'), value: text(content) } }),
  };
  for (const [how, write] of Object.entries(naming))
    test(`cannot be named by who may ${how} values but not read it`, async () => {
      const house = await open({ own: [allow({ Action: WRITE }), allow(onApp)] });
      const before = await house.engine.store.findSecret('app/db');
      const refused = await refusalOf(write(house, ADMIN));
      assert.deepEqual([refused.facts.action, refused.facts.resource], [READ, 'other']);
      assert.deepEqual(await house.engine.store.findSecret('app/db'), before);
      assert.equal(await house.engine.store.findSecret('new'), null);
      assert.equal(house.audited.at(-1)!.outcome, 'denied');
      await refusalOf(write(house, ADMIN.replace('"masterarn"', '"\\u006dasterarn"')));
      await write(house, '{"masterarn":7}');
      const both = await open({ own: [allow({ Action: [...WRITE, READ] })] });
      await write(both, ADMIN);
    });

  test('named in the current value must be readable by who configures rotation', async () => {
    const house = await open({ own: [allow({ Action: ['secretsmanager:RotateSecret', 'rekey:*'] })] });
    const { service, ana } = house;
    await service.values.put(ROOT, { secretId: 'app/db', versionId: version('n'), value: text(ADMIN) });
    const functionArn = 'rekey-fake';
    const asked = { secretId: 'app/db', versionId: version('r'), immediately: true, functionArn };
    await assert.rejects(service.rotation.rotate(ana, asked), { reason: 'function-not-invocable' });
    const able = await openWithFunction();
    await assert.rejects(able.service.rotation.rotate(able.ana, asked), NotPermitted);
    await assert.rejects(able.service.rotation.configure(able.ana, 'app/db', { functionArn }), NotPermitted);
    assert.equal((await able.engine.store.findSecret('app/db'))!.record.rotation, null);
  });

  async function openWithFunction(): Promise<House> {
    const house = await openService({ functions: () => () => ({ name: 'fake' }) as never });
    const { secrets, access } = house.service;
    await secrets.create(ROOT, { name: 'app/db', value: { versionId: version('n'), value: text(ADMIN) } });
    const { record } = await access.users.create(ROOT, { name: 'ana', path: '/', tags: [] });
    const document = policy(allow({ Action: ['secretsmanager:RotateSecret', 'rekey:*'] }));
    await access.inline.put(ROOT, 'user', 'ana', { name: 'Own', document });
    return { ...house, ana: callerOf(record.id, undefined) };
  }
});

test('a Deny that is added, anywhere, never lets anybody do more', async () => {
  const action = fc.constantFrom(READ, 'secretsmanager:*', 'secretsmanager:DescribeSecret', '*');
  const resource = fc.constantFrom('*', `${ARNS}app/*`, `${ARNS}other-*`);
  const condition = fc.constantFrom(
    {},
    { Condition: { StringEquals: { 'aws:ResourceTag/team': 'blue' } } },
    { Condition: { StringNotEquals: { 'aws:ResourceTag/team': 'blue' } } },
    { Condition: { Bool: { 'aws:SecureTransport': 'false' } } },
  );
  const written = fc.record({ effect: fc.constantFrom('Allow', 'Deny'), action, resource, condition });
  const make = ({ effect, action: Action, resource: Resource, condition: more }: Record<string, unknown>): Written => ({
    Effect: effect,
    Action,
    Resource,
    ...(more as object),
  });
  const place = fc.constantFrom('own', 'group', 'boundary', 'session', 'secret');
  const wants = async (setting: Setting) => {
    const house = await open(setting);
    const asked = [read(house), read(house, 'other'), house.service.secrets.describe(house.ana, 'app/db')];
    return (await Promise.allSettled(asked)).map(({ status }) => status === 'fulfilled');
  };
  const named = (statements: readonly Written[]) => statements.map((one) => ({ ...one, Principal: { AWS: ANA } }));
  await fc.assert(
    fc.asyncProperty(
      fc.array(written, { maxLength: 3 }),
      fc.array(written, { maxLength: 2 }),
      written,
      place,
      async (own, secret, extra, where) => {
        const base: Setting = {
          own: [...own.map(make), allow({ Action: 'sts:GetCallerIdentity' })],
          group: [allow()],
          boundary: [allow({ Action: '*' })],
          session: [allow({ Action: '*' })],
          secret: named([...secret.map(make), allow({ Action: 'secretsmanager:TagResource' })]),
        };
        const added = make({ ...extra, effect: 'Deny' });
        const more = {
          ...base,
          [where]: [...base[where as keyof Setting]!, ...(where === 'secret' ? named([added]) : [added])],
        };
        const [before, after] = [await wants(base), await wants(more)];
        for (const [index, may] of after.entries()) assert.ok(!may || before[index]);
      },
    ),
    { numRuns: 60 },
  );
});
