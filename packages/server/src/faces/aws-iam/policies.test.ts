import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openFace, type Parameters, readPolicyOf, requestOf, TRUST } from './testing.ts';

/** A document of about so many characters that count. */
function longDocument(length: number): string {
  const Resource = `arn:aws:secretsmanager:us-east-1:000000000000:secret:${'x'.repeat(length)}`;
  return JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource }] });
}

const OWNERS = [
  ['User', { UserName: 'o' }, 2048],
  ['Group', { GroupName: 'o' }, 5120],
  ['Role', { RoleName: 'o' }, 10_240],
] as const satisfies readonly (readonly [string, Parameters, number])[];

async function openWithOwners() {
  const opened = await openFace();
  await opened.call('CreateUser', { UserName: 'o' });
  await opened.call('CreateGroup', { GroupName: 'o' });
  await opened.call('CreateRole', { RoleName: 'o', AssumeRolePolicyDocument: TRUST });
  return opened;
}

for (const [title, owner, largest] of OWNERS) {
  describe(`policies of a ${title.toLowerCase()}`, () => {
    test('are put, replaced, read, listed and deleted', async () => {
      const { call, refusal } = await openWithOwners();
      const PolicyDocument = readPolicyOf("it's (odd)*");
      await call(`Put${title}Policy`, { ...owner, PolicyName: 'b', PolicyDocument: readPolicyOf('x') });
      await call(`Put${title}Policy`, { ...owner, PolicyName: 'b', PolicyDocument });
      await call(`Put${title}Policy`, { ...owner, PolicyName: 'a', PolicyDocument });
      const read = await call(`Get${title}Policy`, { ...owner, PolicyName: 'b' });
      assert.deepEqual([read.PolicyName, decodeURIComponent(read.PolicyDocument)], ['b', PolicyDocument]);
      assert.doesNotMatch(read.PolicyDocument, /['()*]/);
      const first = await call(`List${title}Policies`, { ...owner, MaxItems: 1 });
      const { Marker } = first;
      const second = await call(`List${title}Policies`, { ...owner, MaxItems: 1, Marker });
      assert.deepEqual([first.PolicyNames, second.PolicyNames, second.IsTruncated], [['a'], ['b'], 'false']);
      await call(`Delete${title}Policy`, { ...owner, PolicyName: 'b' });
      const { status, code } = await refusal(`Get${title}Policy`, { ...owner, PolicyName: 'b' });
      assert.deepEqual([status, code], [404, 'NoSuchEntity']);
    });

    test('are checked when they are written', async () => {
      const { refusal } = await openWithOwners();
      for (const PolicyDocument of ['{', '{"Statement":[{"Effect":"Allow"}]}', TRUST]) {
        const { status, code } = await refusal(`Put${title}Policy`, { ...owner, PolicyName: 'p', PolicyDocument });
        assert.deepEqual([status, code], [400, 'MalformedPolicyDocument']);
      }
    });

    test(`have ${largest} characters together, white space not counted`, async () => {
      const { call, refusal } = await openWithOwners();
      const room = largest - longDocument(0).length;
      const spaced = longDocument(room - 1).replace('{"Effect"', `{${' '.repeat(500)}"Effect"`);
      await call(`Put${title}Policy`, { ...owner, PolicyName: 'a', PolicyDocument: spaced });
      const refused = await refusal(`Put${title}Policy`, {
        ...owner,
        PolicyName: 'b',
        PolicyDocument: longDocument(1),
      });
      const text = `Maximum policy size of ${largest} bytes exceeded for ${title.toLowerCase()} o`;
      assert.deepEqual(refused, { status: 409, code: 'LimitExceeded', text });
    });

    test('are attached once each, ten at most, and detached', async () => {
      const { call, refusal } = await openWithOwners();
      const arns: string[] = [];
      for (let index = 0; index < 11; index += 1) {
        const wish = { PolicyName: `p${index}`, Path: index < 2 ? '/x/' : '/', PolicyDocument: readPolicyOf('a') };
        arns.push((await call('CreatePolicy', wish)).Policy.Arn);
      }
      const [last] = arns.splice(10);
      await Promise.all(arns.map((PolicyArn) => call(`Attach${title}Policy`, { ...owner, PolicyArn })));
      await call(`Attach${title}Policy`, { ...owner, PolicyArn: arns[0]! });
      const { code, text } = await refusal(`Attach${title}Policy`, { ...owner, PolicyArn: last! });
      assert.deepEqual([code, text], ['LimitExceeded', `Cannot exceed quota for PoliciesPer${title}: 10`]);
      const { AttachedPolicies } = await call(`ListAttached${title}Policies`, { ...owner, PathPrefix: '/x/' });
      assert.deepEqual(AttachedPolicies, [
        { PolicyName: 'p0', PolicyArn: arns[0] },
        { PolicyName: 'p1', PolicyArn: arns[1] },
      ]);
      assert.equal((await call('GetPolicy', { PolicyArn: arns[0]! })).Policy.AttachmentCount, '1');
      const entities = await call('ListEntitiesForPolicy', { PolicyArn: arns[0]! });
      assert.equal(entities[`Policy${title}s`][0][`${title}Name`], 'o');
      assert.equal((await refusal('DeletePolicy', { PolicyArn: arns[0]! })).code, 'DeleteConflict');
      await call(`Detach${title}Policy`, { ...owner, PolicyArn: arns[0]! });
      const again = await refusal(`Detach${title}Policy`, { ...owner, PolicyArn: arns[0]! });
      assert.deepEqual([again.status, again.text], [404, `Policy ${arns[0]} was not found.`]);
      assert.equal((await call('GetPolicy', { PolicyArn: arns[0]! })).Policy.AttachmentCount, '0');
    });
  });
}

describe('managed policies', () => {
  test('are created, read and listed', async () => {
    const { call, refusal } = await openFace();
    const wish = { PolicyName: 'p', Path: '/x/', Description: 'd', PolicyDocument: readPolicyOf('a') };
    const { Policy } = await call('CreatePolicy', { ...wish, Tags: [{ Key: 'k', Value: 'v' }] });
    assert.match(Policy.PolicyId, /^ANPA[A-Z2-7]{17}$/);
    assert.deepEqual([Policy.Arn, Policy.DefaultVersionId], ['arn:aws:iam::000000000000:policy/x/p', 'v1']);
    assert.deepEqual((await call('GetPolicy', { PolicyArn: Policy.Arn })).Policy, Policy);
    const taken = await refusal('CreatePolicy', { ...wish, PolicyName: 'P', Path: '/' });
    assert.deepEqual([taken.status, taken.code], [409, 'EntityAlreadyExists']);
    assert.equal((await call('ListPolicies', { Scope: 'Local' })).Policies.length, 1);
    for (const none of [{ Scope: 'AWS' }, { OnlyAttached: true }, { PolicyUsageFilter: 'PermissionsBoundary' }])
      assert.equal((await call('ListPolicies', none)).Policies, '');
    const other = await refusal('GetPolicy', { PolicyArn: 'arn:aws:iam::000000000000:policy/p' });
    assert.equal(other.text, 'Policy arn:aws:iam::000000000000:policy/p was not found.');
  });

  test('have up to five versions, of which one counts', async () => {
    const { call, refusal } = await openFace();
    const { Policy } = await call('CreatePolicy', { PolicyName: 'p', PolicyDocument: readPolicyOf('v1') });
    const PolicyArn = Policy.Arn;
    for (let index = 2; index <= 5; index += 1) {
      const version = { PolicyArn, PolicyDocument: readPolicyOf(`v${index}`), SetAsDefault: index === 3 };
      const { PolicyVersion } = await call('CreatePolicyVersion', version);
      assert.deepEqual([PolicyVersion.VersionId, PolicyVersion.IsDefaultVersion], [`v${index}`, String(index === 3)]);
    }
    const sixth = await refusal('CreatePolicyVersion', { PolicyArn, PolicyDocument: readPolicyOf('v6') });
    assert.equal(sixth.code, 'LimitExceeded');
    assert.equal((await call('GetPolicy', { PolicyArn })).Policy.DefaultVersionId, 'v3');
    assert.equal((await refusal('DeletePolicyVersion', { PolicyArn, VersionId: 'v3' })).code, 'DeleteConflict');
    assert.equal((await refusal('DeletePolicy', { PolicyArn })).code, 'DeleteConflict');
    await call('SetDefaultPolicyVersion', { PolicyArn, VersionId: 'v5' });
    for (const VersionId of ['v1', 'v2', 'v3', 'v4']) await call('DeletePolicyVersion', { PolicyArn, VersionId });
    await call('CreatePolicyVersion', { PolicyArn, PolicyDocument: readPolicyOf('v6') });
    const { Versions } = await call('ListPolicyVersions', { PolicyArn });
    assert.deepEqual(
      Versions.map((version: { VersionId: string; IsDefaultVersion: string }) => [
        version.VersionId,
        version.IsDefaultVersion,
      ]),
      [
        ['v6', 'false'],
        ['v5', 'true'],
      ],
    );
    const { PolicyVersion } = await call('GetPolicyVersion', { PolicyArn, VersionId: 'v6' });
    assert.equal(decodeURIComponent(PolicyVersion.Document), readPolicyOf('v6'));
    assert.equal((await refusal('GetPolicyVersion', { PolicyArn, VersionId: 'v1' })).code, 'NoSuchEntity');
  });

  test('are refused what is too long', async () => {
    const { refusal } = await openFace();
    const long = await refusal('CreatePolicy', { PolicyName: 'p', PolicyDocument: longDocument(6144) });
    assert.deepEqual([long.status, long.text], [409, 'Cannot exceed quota for PolicySize: 6144']);
  });

  test('cannot be attached while they are being deleted, nor the other way round', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { call, face } = await openWithOwners();
      const { Arn: PolicyArn } = (await call('CreatePolicy', { PolicyName: 'p', PolicyDocument: readPolicyOf('a') }))
        .Policy;
      const [attached, deleted] = await Promise.all([
        face.handle(requestOf('AttachUserPolicy', { UserName: 'o', PolicyArn })),
        face.handle(requestOf('DeletePolicy', { PolicyArn })),
      ]);
      assert.notEqual(attached.status === 200, deleted.status === 200);
      const { AttachedPolicies } = await call('ListAttachedUserPolicies', { UserName: 'o' });
      assert.equal(AttachedPolicies.length, attached.status === 200 ? 1 : 0);
    }
  });
});

describe('tags', () => {
  const KINDS = [
    ['User', { UserName: 'o' }],
    ['Role', { RoleName: 'o' }],
    ['Policy', { PolicyArn: 'arn:aws:iam::000000000000:policy/o' }],
    ['OpenIDConnectProvider', { OpenIDConnectProviderArn: 'arn:aws:iam::000000000000:oidc-provider/o.example' }],
  ] as const satisfies readonly (readonly [string, Parameters])[];
  for (const [title, target] of KINDS)
    test(`of a ${title} are set, replaced whatever their case, listed by key and taken away`, async () => {
      const { call, refusal } = await openWithOwners();
      await call('CreatePolicy', { PolicyName: 'o', PolicyDocument: readPolicyOf('a') });
      await call('CreateOpenIDConnectProvider', { Url: 'https://o.example' });
      await call(`Tag${title}`, {
        ...target,
        Tags: [
          { Key: 'Team', Value: 'x' },
          { Key: 'a', Value: '' },
        ],
      });
      await call(`Tag${title}`, { ...target, Tags: [{ Key: 'team', Value: 'y' }] });
      const { Tags } = await call(`List${title}Tags`, target);
      assert.deepEqual(Tags, [
        { Key: 'a', Value: '' },
        { Key: 'team', Value: 'y' },
      ]);
      const first = await call(`List${title}Tags`, { ...target, MaxItems: 1 });
      await call(`Untag${title}`, { ...target, TagKeys: ['A', 'none'] });
      const rest = await call(`List${title}Tags`, { ...target, MaxItems: 1, Marker: first.Marker });
      assert.deepEqual(rest.Tags, [{ Key: 'team', Value: 'y' }]);
      const twice = {
        ...target,
        Tags: [
          { Key: 'k', Value: '1' },
          { Key: 'K', Value: '2' },
        ],
      };
      assert.equal((await refusal(`Tag${title}`, twice)).code, 'InvalidInput');
      const many = Array.from({ length: 50 }, (_, index) => ({ Key: `k${index}`, Value: 'v' }));
      assert.equal((await refusal(`Tag${title}`, { ...target, Tags: many })).code, 'LimitExceeded');
    });

  test('with the longest keys there are still fit into a marker', async () => {
    const { call } = await openWithOwners();
    const Tags = Array.from({ length: 40 }, (_, at) => ({
      Key: '語'.repeat(126) + String(at).padStart(2, '0'),
      Value: 'v',
    }));
    await call('TagUser', { UserName: 'o', Tags });
    const { Marker } = await call('ListUserTags', { UserName: 'o', MaxItems: 20 });
    assert.ok(Marker.length <= 320, String(Marker.length));
    const { Tags: rest } = await call('ListUserTags', { UserName: 'o', MaxItems: 20, Marker });
    assert.deepEqual(rest, Tags.slice(20));
  });
});
