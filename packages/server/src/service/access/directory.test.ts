import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Principal, UserRecord } from '@rekey/core';
import { secretAccessKeyObject } from '../../auth/sigv4.ts';
import { MemoryDriver } from '../../store/memory.ts';
import { Store } from '../../store/store.ts';
import { openMemoryStore } from '../../store/testing.ts';
import { openService, ROOT } from '../testing.ts';
import { AccessDirectory, type PrincipalPolicies } from './directory.ts';
import { AccessRecords, write } from './records.ts';

const page = { limit: 100, marker: undefined };

function documentOf(secret: string): string {
  const statement = {
    Effect: 'Allow',
    Action: 'secretsmanager:GetSecretValue',
    Resource: `arn:aws:secretsmanager:*:*:secret:${secret}`,
  };
  return JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
}

function namesOf({ identity, groups, boundary }: PrincipalPolicies): readonly string[] {
  return [...identity, ...groups, ...(boundary === undefined ? [] : [boundary])].map(({ name }) => name);
}

async function openWithAlice() {
  const opened = await openService();
  const { access } = opened.service;
  const { record } = await access.users.create(ROOT, { name: 'alice', path: '/', tags: [{ key: 'team', value: 'x' }] });
  const { key } = await access.keys.create(ROOT, 'alice');
  const principal: Principal = opened.directory.principalOf(record);
  return { ...opened, access, user: record, key, principal };
}

describe('the directory', () => {
  test('knows whose key it is, and answers at once from then on', async () => {
    const { directory, user, key } = await openWithAlice();
    const first = directory.findKey(key.id);
    assert.ok(first instanceof Promise);
    const found = await first;
    assert.deepEqual(found?.principal, {
      kind: 'user',
      arn: user.arn,
      accountId: '000000000000',
      id: user.id,
      name: 'alice',
      role: null,
      tags: [{ key: 'team', value: 'x' }],
      session: null,
    });
    assert.ok(found.secretAccessKey.equals(secretAccessKeyObject(key.secretAccessKey)));
    assert.equal(directory.findKey(key.id), found);
  });

  test('does not look for what cannot be a key of a user', async () => {
    const { directory } = await openWithAlice();
    for (const id of ['', 'AKIA', 'ASIAAAAAAAAAAAAAAAAA', `AKIA${'a'.repeat(16)}`])
      assert.equal(directory.findKey(id), null);
    assert.equal(await directory.findKey('AKIAAAAAAAAAAAAAAAAA'), null);
  });

  test('learns of every change before the change is answered', async () => {
    const { directory, access, key, principal } = await openWithAlice();
    assert.deepEqual(namesOf(await directory.policiesOf(principal)), []);
    const policy = await access.policies.create(ROOT, {
      name: 'managed',
      path: '/',
      document: documentOf('a'),
      tags: [],
    });
    const steps: (readonly [() => Promise<unknown>, readonly string[]])[] = [
      [() => access.inline.put(ROOT, 'user', 'alice', { name: 'inline', document: documentOf('b') }), ['inline']],
      [() => access.attachments.attach(ROOT, 'user', 'alice', policy.arn), ['inline', 'managed']],
      [() => access.groups.create(ROOT, { name: 'g', path: '/' }), ['inline', 'managed']],
      [() => access.groups.addUser(ROOT, 'g', 'alice'), ['inline', 'managed']],
      [
        () => access.inline.put(ROOT, 'group', 'g', { name: 'shared', document: documentOf('c') }),
        ['inline', 'managed', 'group g: shared'],
      ],
      [
        () => access.boundaries.put(ROOT, 'user', 'alice', policy.arn),
        ['inline', 'managed', 'group g: shared', 'managed'],
      ],
      [() => access.groups.removeUser(ROOT, 'g', 'alice'), ['inline', 'managed', 'managed']],
      [() => access.attachments.detach(ROOT, 'user', 'alice', policy.arn), ['inline', 'managed']],
      [() => access.boundaries.remove(ROOT, 'user', 'alice'), ['inline']],
    ];
    for (const [change, names] of steps) {
      await change();
      assert.deepEqual(namesOf(await directory.policiesOf(principal)), names);
      assert.ok(!(directory.policiesOf(principal) instanceof Promise));
    }
    await access.keys.setActive(ROOT, 'alice', key.id, false);
    assert.equal((await directory.findKey(key.id))?.active, false);
    await access.users.move(ROOT, 'alice', { name: 'bob' });
    assert.equal((await directory.findKey(key.id))?.principal.name, 'bob');
  });

  test('follows the version of a policy that counts', async () => {
    const { directory, access, principal } = await openWithAlice();
    const { arn } = await access.policies.create(ROOT, { name: 'p', path: '/', document: documentOf('a'), tags: [] });
    await access.attachments.attach(ROOT, 'user', 'alice', arn);
    const [before] = (await directory.policiesOf(principal)).identity;
    await access.policies.createVersion(ROOT, arn, { document: documentOf('b'), isDefault: false });
    const [same] = (await directory.policiesOf(principal)).identity;
    await access.policies.setDefault(ROOT, arn, 'v2');
    const [after] = (await directory.policiesOf(principal)).identity;
    assert.deepEqual(same!.document.statements.length, before!.document.statements.length);
    assert.notEqual(after!.document, same!.document);
  });

  test('learns of changes that another server makes', async () => {
    const driver = new MemoryDriver();
    const here = await openMemoryStore({ driver });
    const there = new Store({ driver, keyring: here.keyring });
    const directory = new AccessDirectory(here, '000000000000');
    const records = new AccessRecords(there);
    const user = someUser(1);
    await there.commit(records.introduce('user', user));
    assert.equal(namesOf(await directory.policiesOfOwner('user', user.id)).length, 1);
    await there.commit([write('user', user.id, { ...user, inlinePolicies: [] })]);
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(namesOf(await directory.policiesOfOwner('user', user.id)), []);
    await Promise.all([here.close(), there.close()]);
  });

  test('gives nothing to who is gone, and bounds by nothing who lost his boundary', async () => {
    const { directory, access, principal, engine, user } = await openWithAlice();
    const entry = await engine.store.get('user', user.id);
    await engine.store.commit([write('user', user.id, { ...entry!.record, boundary: 'ANPAGONE' })]);
    assert.deepEqual((await directory.policiesOf(principal)).boundary?.document.statements, []);
    await engine.store.commit([write('user', user.id, { ...entry!.record, accessKeys: [] })]);
    await access.users.delete(ROOT, 'alice');
    assert.deepEqual(namesOf(await directory.policiesOf(principal)), []);
    assert.deepEqual((await access.users.list(ROOT, { ...page, pathPrefix: '/' })).items, []);
  });

  test('lets nobody past a stored policy that is not understood', async () => {
    const { directory, engine, user, principal } = await openWithAlice();
    const broken = { ...user, inlinePolicies: [{ name: 'broken', document: '{' }] };
    await engine.store.commit([write('user', user.id, broken)]);
    await assert.rejects(async () => directory.policiesOf(principal), {
      code: 'integrity',
      reason: 'policy-not-understood',
    });
  });

  test('answers from memory with ten thousand users, each with policies of his own', async () => {
    const store = await openMemoryStore();
    const directory = new AccessDirectory(store, '000000000000');
    const users = Array.from({ length: 10_000 }, (_, index) => someUser(index));
    for (let from = 0; from < users.length; from += 500)
      await store.commit(users.slice(from, from + 500).map((user) => write('user', user.id, user)));
    for (const { id } of users) await directory.policiesOfOwner('user', id);
    const asked = users.filter((_, index) => index % 97 === 0);
    for (const { id, inlinePolicies } of asked) {
      const policies = directory.policiesOfOwner('user', id);
      assert.ok(!(policies instanceof Promise));
      assert.equal(policies.identity[0]!.name, inlinePolicies[0]!.name);
    }
    await store.close();
  });
});

function someUser(index: number): UserRecord {
  return {
    id: `AIDA${String(index).padStart(17, 'A')}`,
    name: `user${index}`,
    path: '/',
    arn: `arn:aws:iam::000000000000:user/user${index}`,
    createdAt: index,
    inlinePolicies: [{ name: `policy${index}`, document: documentOf(`secret${index}`) }],
    attachedPolicies: [],
    tags: [],
    boundary: null,
    groups: [],
    accessKeys: [],
  };
}
