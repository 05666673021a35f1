import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { type Answer, openFace, type Parameters, readPolicyOf, type TestFace, TRUST } from './testing.ts';

const NAMES = ['a', 'b', 'c'];
const PolicyArn = 'arn:aws:iam::000000000000:policy/x/a';
const OpenIDConnectProviderArn = 'arn:aws:iam::000000000000:oidc-provider/issuer.example';
const Tags = NAMES.map((Key) => ({ Key, Value: 'v' }));

/** Three of everything below `/x/`: users, groups, roles, policies, and of each what hangs on the one named `a`. */
async function openFilled(): Promise<TestFace> {
  const opened = await openFace();
  const { call } = opened;
  const Path = '/x/';
  await call('CreateOpenIDConnectProvider', { Url: 'https://issuer.example', Tags });
  for (const PolicyName of NAMES) {
    const more = PolicyName === 'a' ? { Tags } : {};
    await call('CreatePolicy', { PolicyName, Path, PolicyDocument: readPolicyOf('a'), ...more });
  }
  for (const name of NAMES) {
    const arn = `arn:aws:iam::000000000000:policy/x/${name}`;
    await call('CreateUser', { UserName: name, Path, Tags });
    await call('CreateGroup', { GroupName: name, Path });
    await call('CreateRole', { RoleName: name, Path, AssumeRolePolicyDocument: TRUST, Tags });
    await call('AttachUserPolicy', { UserName: 'a', PolicyArn: arn });
    await call('AttachGroupPolicy', { GroupName: 'a', PolicyArn: arn });
    await call('AttachRolePolicy', { RoleName: 'a', PolicyArn: arn });
    for (const [kind, owner] of [
      ['User', { UserName: 'a' }],
      ['Group', { GroupName: 'a' }],
      ['Role', { RoleName: 'a' }],
    ] as const)
      await call(`Put${kind}Policy`, { ...owner, PolicyName: name, PolicyDocument: readPolicyOf('a') });
  }
  for (const GroupName of NAMES) await call('AddUserToGroup', { GroupName, UserName: 'a' });
  for (const UserName of ['b', 'c']) await call('AttachUserPolicy', { UserName, PolicyArn });
  for (let times = 0; times < 2; times++) {
    await call('CreateAccessKey', { UserName: 'a' });
    await call('CreatePolicyVersion', { PolicyArn, PolicyDocument: readPolicyOf('b') });
  }
  return opened;
}

describe('every listing', () => {
  let iam: TestFace;
  before(async () => {
    iam = await openFilled();
  });

  /** Operation, what it is asked for, the member that lists, and how many there are. */
  const ROWS: readonly (readonly [string, Parameters, string, number])[] = [
    ['ListUsers', { PathPrefix: '/x/' }, 'Users', 3],
    ['ListGroups', { PathPrefix: '/x/' }, 'Groups', 3],
    ['ListRoles', { PathPrefix: '/x/' }, 'Roles', 3],
    ['ListPolicies', { PathPrefix: '/x/', Scope: 'Local' }, 'Policies', 3],
    ['ListGroupsForUser', { UserName: 'a' }, 'Groups', 3],
    ['ListAccessKeys', { UserName: 'a' }, 'AccessKeyMetadata', 2],
    ['ListUserTags', { UserName: 'a' }, 'Tags', 3],
    ['ListRoleTags', { RoleName: 'a' }, 'Tags', 3],
    ['ListPolicyTags', { PolicyArn }, 'Tags', 3],
    ['ListOpenIDConnectProviderTags', { OpenIDConnectProviderArn }, 'Tags', 3],
    ['ListUserPolicies', { UserName: 'a' }, 'PolicyNames', 3],
    ['ListGroupPolicies', { GroupName: 'a' }, 'PolicyNames', 3],
    ['ListRolePolicies', { RoleName: 'a' }, 'PolicyNames', 3],
    ['ListAttachedUserPolicies', { UserName: 'a', PathPrefix: '/x/' }, 'AttachedPolicies', 3],
    ['ListAttachedGroupPolicies', { GroupName: 'a', PathPrefix: '/x/' }, 'AttachedPolicies', 3],
    ['ListAttachedRolePolicies', { RoleName: 'a', PathPrefix: '/x/' }, 'AttachedPolicies', 3],
    ['ListPolicyVersions', { PolicyArn }, 'Versions', 3],
    ['ListEntitiesForPolicy', { PolicyArn, EntityFilter: 'User', PathPrefix: '/x/' }, 'PolicyUsers', 3],
    ['GetGroup', { GroupName: 'a' }, 'Users', 1],
  ];
  test('goes page by page by MaxItems and Marker, leaves nothing out and tells nothing twice', async () => {
    for (const [operation, asked, member, count] of ROWS) {
      const whole: Answer[] = (await iam.call(operation, asked))[member];
      assert.equal(whole.length, count, operation);
      const paged: Answer[] = [];
      let page = await iam.call(operation, { ...asked, MaxItems: 1 });
      for (; ; page = await iam.call(operation, { ...asked, MaxItems: 1, Marker: page.Marker })) {
        assert.ok(page[member].length <= 1, operation);
        paged.push(...page[member]);
        if (page.IsTruncated === 'false') break;
        assert.ok(paged.length <= count, operation);
      }
      assert.equal(page.Marker, undefined, operation);
      assert.deepEqual(sorted(paged), sorted(whole), operation);
    }
  });

  test('refuses a Marker that it did not give, and one of another listing', async () => {
    const { Marker } = await iam.call('ListUsers', { MaxItems: 1 });
    for (const [operation, asked] of ROWS)
      for (const marker of ['invented', Marker, `${Marker}x`]) {
        const { code } = await iam.refusal(operation, { ...asked, Marker: marker });
        assert.equal(code, 'ValidationError', operation);
      }
  });

  test('finds nothing below a path where nothing is', async () => {
    for (const [operation, asked, member] of ROWS)
      if ('PathPrefix' in asked)
        assert.equal((await iam.call(operation, { ...asked, PathPrefix: '/y/' }))[member].length, 0, operation);
  });

  /** Of what nobody has here there is never a second page. */
  const EMPTY: readonly (readonly [string, Parameters, string])[] = [
    ['ListMFADevices', { UserName: 'a' }, 'MFADevices'],
    ['ListSSHPublicKeys', { UserName: 'a' }, 'SSHPublicKeys'],
    ['ListSigningCertificates', { UserName: 'a' }, 'Certificates'],
    [
      'ListServiceSpecificCredentials',
      { UserName: 'a', ServiceName: 'codecommit.amazonaws.com', AllUsers: false },
      'ServiceSpecificCredentials',
    ],
    ['ListVirtualMFADevices', { AssignmentStatus: 'Any' }, 'VirtualMFADevices'],
    ['ListAccountAliases', {}, 'AccountAliases'],
    ['ListInstanceProfilesForRole', { RoleName: 'a' }, 'InstanceProfiles'],
  ];
  test('of what nobody has is empty, whatever MaxItems and Marker say', async () => {
    for (const [operation, asked, member] of EMPTY) {
      const answer = await iam.call(operation, { ...asked, MaxItems: 1, Marker: 'any' });
      assert.deepEqual([answer.IsTruncated, answer[member].length], ['false', 0], operation);
    }
  });
});

function sorted(items: readonly Answer[]): readonly string[] {
  return items.map((item) => JSON.stringify(item)).sort();
}
