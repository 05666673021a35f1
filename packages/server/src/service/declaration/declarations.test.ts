import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Caller, RekeyError } from '@rekey/core';
import { rotationFunctionFrom, rotators } from '@rekey/rotators';
import fc from 'fast-check';
import { openService, ROOT, type TestService } from '../testing.ts';
import type { Declaration, DeclaredUser, Json } from './declaration.ts';

const ACCOUNT = '000000000000';
const DAY = 86_400_000;

function allowing(...actions: readonly string[]): Json {
  return { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: actions, Resource: '*' }] };
}

function trusting(arn: string): Json {
  return { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { AWS: arn }, Action: 'sts:AssumeRole' }] };
}

/** One of everything, each referring to others. */
const EVERYTHING: Declaration = {
  policies: new Map([
    ['read', { path: '/shop/', document: allowing('secretsmanager:GetSecretValue'), tags: { a: 'b' } }],
  ]),
  providers: new Map([['https://issuer.example.com', { clientIds: ['rekey'], tags: {} }]]),
  groups: new Map([['shop', { policies: { list: allowing('secretsmanager:ListSecrets') }, attached: ['read'] }]]),
  users: new Map([
    ['app', { path: '/x/', groups: ['shop'], boundary: 'read', attached: ['read'], tags: { team: 'shop' } }],
  ]),
  roles: new Map([
    ['job', { trust: trusting(`arn:aws:iam::${ACCOUNT}:user/x/app`), maxSession: 7200, boundary: 'read' }],
  ]),
  secrets: new Map([
    [
      'db',
      { functionArn: 'rekey-random-value', rule: { kind: 'every', every: DAY / 2 }, explicit: { overlap: 600_000 } },
    ],
  ]),
};

async function open(): Promise<TestService> {
  const opened = await openService({
    functions: (access, random) => {
      const made = rotationFunctionFrom(rotators['random-value']!(), access, { random });
      return (name) => (name === 'rekey-random-value' ? made : null);
    },
  });
  const value = { versionId: 'v'.repeat(32), value: { kind: 'text', text: 'the value' } } as const;
  await opened.service.secrets.create(ROOT, { name: 'db', value });
  return opened;
}

function apply({ service }: TestService, declaration: Declaration, more: { prune?: boolean; caller?: Caller } = {}) {
  const { prune = false, caller = ROOT } = more;
  return service.declarations.apply(caller, { declaration, prune, shown: null });
}

async function planned({ service }: TestService, declaration: Declaration, prune = false): Promise<readonly string[]> {
  const { changes } = await service.declarations.plan(ROOT, { declaration, prune });
  return changes.map(({ action, kind, name }) => `${action} ${kind} ${name}`);
}

/** Everything a declaration could have written. */
async function records({ engine }: TestService) {
  const names = ['user', 'group', 'role', 'policy', 'oidc-provider', 'access-name', 'access-link', 'secret'] as const;
  return Promise.all(names.map((name) => engine.store.list(name, { index: null, limit: 1000 })));
}

/** A user who may do these things, and is whoever asks. */
async function userWith(opened: TestService, ...actions: readonly string[]): Promise<Caller> {
  const { record } = await opened.service.access.users.create(ROOT, { name: 'operator', path: '/', tags: [] });
  const policy = { name: 'own', document: JSON.stringify(allowing(...actions)) };
  await opened.service.access.inline.put(ROOT, 'user', 'operator', policy);
  return { ...ROOT, principal: opened.directory.principalOf(record) };
}

describe('a declaration', () => {
  test('is made so with everything in it, in one commit', async () => {
    const opened = await open();
    const before = await opened.engine.store.list('secret', { index: null, limit: 1 });
    await apply(opened, EVERYTHING);
    const lists = await records(opened);
    const revisions = new Set(lists.flat().map(({ revision }) => revision));
    assert.equal(revisions.size, 1);
    assert.ok([...revisions][0]! > before[0]!.revision);
    const { record, boundaryArn } = await opened.service.access.users.get(ROOT, 'app');
    assert.equal(record.arn, `arn:aws:iam::${ACCOUNT}:user/x/app`);
    assert.equal(boundaryArn, `arn:aws:iam::${ACCOUNT}:policy/shop/read`);
    const policy = await opened.service.access.policies.get(ROOT, boundaryArn!);
    assert.deepEqual([policy.attachments, policy.boundaries], [2, 2]);
    const { rotation } = (await opened.engine.store.findSecret('db'))!.record;
    assert.deepEqual(rotation?.rule, { kind: 'every', every: DAY / 2 });
    assert.deepEqual(rotation?.settings.overlap, 600_000);
  });

  test('that is applied twice changes nothing the second time', async () => {
    const opened = await open();
    await apply(opened, EVERYTHING);
    const before = await records(opened);
    assert.deepEqual(await planned(opened, EVERYTHING), []);
    assert.deepEqual((await apply(opened, EVERYTHING)).changes, []);
    assert.deepEqual(await records(opened), before);
  });

  test('of users, whatever came before it, changes nothing the second time and leaves nothing else behind', async () => {
    const some = <T extends string>(...items: T[]) => fc.option(fc.subarray(items), { nil: undefined });
    const path = fc.constantFrom('/', '/x/', undefined);
    const boundary = fc.constantFrom('read', null, undefined);
    const tags = fc.option(fc.dictionary(fc.constantFrom('a', 'b'), fc.constantFrom('1', '2')), { nil: undefined });
    const policies = fc.constantFrom(
      {},
      { p: allowing('sts:A') },
      { p: allowing('sts:B'), q: allowing('sts:C') },
      undefined,
    );
    const user: fc.Arbitrary<DeclaredUser> = fc.record({
      ...{ path, boundary, tags, policies },
      ...{ groups: some('shop', 'dev'), attached: some('read', 'write') },
    });
    const users = fc.dictionary(fc.constantFrom('one', 'two', 'three'), user);
    const basis: Declaration = {
      policies: new Map(['read', 'write'].map((name) => [name, { document: allowing(`sts:${name}`) }])),
      groups: new Map(['shop', 'dev'].map((name) => [name, {}])),
    };
    await fc.assert(
      fc.asyncProperty(fc.array(users, { minLength: 1, maxLength: 3 }), async (declared) => {
        const opened = await open();
        for (const entry of declared) {
          const declaration = { ...basis, users: new Map(Object.entries(entry)) };
          await apply(opened, declaration, { prune: true });
          assert.deepEqual(await planned(opened, declaration, true), []);
        }
        const none = { policies: new Map(), groups: new Map(), users: new Map() };
        await apply(opened, none, { prune: true });
        const [secrets, ...others] = (await records(opened)).reverse();
        assert.deepEqual([secrets?.length, others.flat()], [1, []]);
      }),
      { numRuns: 25 },
    );
  });

  test('deletes only when told to prune, and only in the sections it has', async () => {
    const opened = await open();
    await apply(opened, EVERYTHING);
    const declaration: Declaration = { users: new Map(), roles: new Map() };
    assert.deepEqual(await planned(opened, declaration), []);
    assert.deepEqual(await planned(opened, declaration, true), ['delete user app', 'delete role job']);
    await apply(opened, declaration, { prune: true });
    assert.deepEqual(await planned(opened, declaration, true), []);
    assert.equal((await opened.engine.store.list('group', { index: null, limit: 9 })).length, 1);
  });

  test('goes on changing a policy that has all the versions it can have', async () => {
    const opened = await open();
    for (const number of [1, 2, 3, 4, 5, 6, 7])
      await apply(opened, { policies: new Map([['p', { document: allowing(`sts:A${number}`) }]]) });
    const policy = await opened.service.access.policies.get(ROOT, `arn:aws:iam::${ACCOUNT}:policy/p`);
    assert.deepEqual([policy.defaultVersion, policy.versions.length], ['v7', 5]);
  });

  test('knows a policy by its name, in whatever case it is written', async () => {
    const opened = await open();
    const declaration: Declaration = {
      policies: new Map([['Read', { document: allowing('sts:A') }]]),
      groups: new Map([['Shop', { attached: ['READ'] }]]),
      users: new Map([['app', { boundary: 'read', groups: ['shop'] }]]),
    };
    await apply(opened, declaration);
    assert.deepEqual(await planned(opened, declaration), []);
  });

  test('switches a rotation on again that was switched off', async () => {
    const opened = await open();
    await apply(opened, EVERYTHING);
    await opened.service.rotation.cancel(ROOT, 'db');
    assert.deepEqual(await planned(opened, EVERYTHING), ['change secret db']);
    await apply(opened, EVERYTHING);
    assert.equal((await opened.engine.store.findSecret('db'))!.record.rotation?.enabled, true);
  });
});

describe('nothing of a declaration is applied', () => {
  const wrong: readonly (readonly [string, Declaration, string])[] = [
    ['whose secret is not there', { secrets: new Map([['none', {}]]) }, 'secret-not-found'],
    [
      'whose policy is none',
      { policies: new Map([['p', { document: { Statement: 1 } }]]) },
      'malformed-policy-document',
    ],
    [
      'whose role trusts nobody there',
      { roles: new Map([['r', { trust: trusting(`arn:aws:iam::${ACCOUNT}:user/no`) }]]) },
      'malformed-policy-document',
    ],
    ['whose user is in no group there', { users: new Map([['u', { groups: ['no'] }]]) }, 'no-such-entity'],
    ['whose issuer has no TLS', { providers: new Map([['http://issuer', {}]]) }, 'unacceptable-input'],
  ];
  for (const [what, part, reason] of wrong)
    test(`${what}: the rest of it neither`, async () => {
      const opened = await open();
      const before = await records(opened);
      const users = new Map([['fine', {}], ...(part.users ?? [])]);
      await assert.rejects(
        apply(opened, { ...part, users }),
        (error) => error instanceof RekeyError && error.reason === reason,
      );
      assert.deepEqual(await records(opened), before);
    });

  test('if one of its changes is not permitted; which one is on record, and what did not happen is not', async () => {
    const opened = await open();
    const caller = await userWith(opened, 'rekey:ApplyDeclaration', 'iam:CreateUser');
    const before = await records(opened);
    opened.audited.length = 0;
    const users = new Map([['new', { policies: { p: allowing('sts:A') } }]]);
    await assert.rejects(apply(opened, { users }, { caller }), { reason: 'not-permitted' });
    assert.deepEqual(await records(opened), before);
    const told = opened.audited.map(({ action, outcome }) => `${action} ${outcome}`);
    assert.deepEqual(told, ['iam:PutUserPolicy denied', 'rekey:ApplyDeclaration denied']);
  });

  test('if the permission of one change would only come with another', async () => {
    const opened = await open();
    const caller = await userWith(opened, 'rekey:ApplyDeclaration', 'iam:PutUserPolicy');
    const users = new Map([
      ['operator', { policies: { own: allowing('*') } }],
      ['new', {}],
    ]);
    await assert.rejects(apply(opened, { users }, { caller }), { reason: 'not-permitted' });
    await apply(opened, { users: new Map([['operator', { policies: { own: allowing('*') } }]]) }, { caller });
  });

  test('if it would delete a user who has access keys', async () => {
    const opened = await open();
    await apply(opened, EVERYTHING);
    await opened.service.access.keys.create(ROOT, 'app');
    const before = await records(opened);
    const declaration: Declaration = { users: new Map([['other', {}]]) };
    await assert.rejects(apply(opened, declaration, { prune: true }), {
      reason: 'delete-conflict',
      message: 'Nothing was applied: user app: Cannot delete entity, must delete access keys first.',
    });
    assert.deepEqual(await records(opened), before);
  });

  test('if somebody writes one of its records meanwhile', async () => {
    const opened = await open();
    const { store } = opened.engine;
    const stage = store.stage.bind(store);
    store.stage = () => {
      const staging = stage();
      const land = async () => {
        await opened.service.secrets.update(ROOT, { secretId: 'db', description: 'meanwhile' });
        return staging.land();
      };
      return { store: staging.store, land };
    };
    await assert.rejects(apply(opened, EVERYTHING), { code: 'conflict', reason: 'declaration-conflict' });
    const lists = await records(opened);
    assert.deepEqual(
      lists.map((list) => list.length),
      [0, 0, 0, 0, 0, 0, 0, 1],
    );
    assert.equal((await store.findSecret('db'))!.record.rotation, null);
  });

  test('if there is something else to change than was shown', async () => {
    const opened = await open();
    const wish = { declaration: EVERYTHING, prune: false };
    const { plan: shown } = await opened.service.declarations.plan(ROOT, wish);
    await opened.service.access.groups.create(ROOT, { name: 'shop', path: '/' });
    await assert.rejects(opened.service.declarations.apply(ROOT, { ...wish, shown }), { code: 'conflict' });
    assert.equal((await opened.engine.store.list('user', { index: null, limit: 1 })).length, 0);
  });
});

test('each change of a declaration is on record, and then the whole', async () => {
  const opened = await open();
  opened.audited.length = 0;
  await apply(opened, { groups: new Map([['g', { policies: { p: allowing('sts:A') } }]]) });
  const told = opened.audited.map(({ action, outcome, resource }) => `${action} ${outcome} ${resource}`);
  const arn = `arn:aws:iam::${ACCOUNT}:group/g`;
  assert.deepEqual(told, [
    ...[`iam:CreateGroup allowed ${arn}`, `iam:PutGroupPolicy allowed ${arn}`],
    'rekey:ApplyDeclaration allowed *',
  ]);
});
