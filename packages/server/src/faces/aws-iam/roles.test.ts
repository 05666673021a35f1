import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openFace, readPolicyOf, TRUST } from './testing.ts';

const ISSUER = 'arn:aws:iam::000000000000:oidc-provider/issuer.example';

function trusting(principal: object, more: object = {}): string {
  const Action = 'Federated' in principal ? 'sts:AssumeRoleWithWebIdentity' : 'sts:AssumeRole';
  const statement = { Effect: 'Allow', Principal: principal, Action, ...more };
  return JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
}

describe('roles', () => {
  test('are created, read, updated, listed and deleted', async () => {
    const { call, refusal } = await openFace();
    const wish = { RoleName: 'app', AssumeRolePolicyDocument: TRUST, Description: 'line\nbreak & more', Path: '/p/' };
    const { Role } = await call('CreateRole', { ...wish, MaxSessionDuration: 7200, Tags: [{ Key: 'a', Value: 'b' }] });
    assert.match(Role.RoleId, /^AROA[A-Z2-7]{17}$/);
    assert.equal(decodeURIComponent(Role.AssumeRolePolicyDocument), TRUST);
    assert.deepEqual([Role.MaxSessionDuration, Role.Description], ['7200', 'line\nbreak & more']);
    await call('UpdateRole', { RoleName: 'app', Description: '', MaxSessionDuration: 3600 });
    const { Role: updated } = await call('GetRole', { RoleName: 'app' });
    assert.deepEqual([updated.Description, updated.MaxSessionDuration], [undefined, '3600']);
    const described = await call('UpdateRoleDescription', { RoleName: 'app', Description: 'new' });
    assert.equal(described.Role.Description, 'new');
    const { Roles } = await call('ListRoles', { PathPrefix: '/p/' });
    assert.deepEqual(
      Roles.map(({ Arn }: { Arn: string }) => Arn),
      ['arn:aws:iam::000000000000:role/p/app'],
    );
    await call('PutRolePolicy', { RoleName: 'app', PolicyName: 'p', PolicyDocument: readPolicyOf('a') });
    assert.equal((await refusal('DeleteRole', { RoleName: 'app' })).code, 'DeleteConflict');
    await call('DeleteRolePolicy', { RoleName: 'app', PolicyName: 'p' });
    assert.deepEqual((await call('ListInstanceProfilesForRole', { RoleName: 'app' })).InstanceProfiles, '');
    await call('DeleteRole', { RoleName: 'app' });
    assert.equal((await refusal('GetRole', { RoleName: 'app' })).text, 'The role with name app cannot be found.');
  });

  test('trust a user, not whoever gets that name later', async () => {
    const { call, directory } = await openFace();
    const { User } = await call('CreateUser', { UserName: 'alice' });
    const document = trusting({ AWS: User.Arn });
    await call('CreateRole', { RoleName: 'app', AssumeRolePolicyDocument: document });
    const shown = async () =>
      decodeURIComponent((await call('GetRole', { RoleName: 'app' })).Role.AssumeRolePolicyDocument);
    assert.deepEqual(JSON.parse(await shown()), JSON.parse(document));
    await call('UpdateUser', { UserName: 'alice', NewUserName: 'bob' });
    assert.ok((await shown()).includes('user/bob'));
    await call('DeleteUser', { UserName: 'bob' });
    await call('CreateUser', { UserName: 'bob' });
    assert.ok((await shown()).includes(User.UserId));
    const role = await directory.findRole('arn:aws:iam::000000000000:role/app');
    const [statement] = directory.trustOf(role!).document.statements;
    assert.deepEqual([...statement!.principals!.names], [User.UserId]);
  });

  test('take new trust, which is checked like the first', async () => {
    const { call, refusal } = await openFace();
    await call('CreateRole', { RoleName: 'app', AssumeRolePolicyDocument: TRUST });
    const document = trusting({ AWS: '*' }, { Condition: { StringEquals: { 'sts:ExternalId': 'x' } } });
    await call('UpdateAssumeRolePolicy', { RoleName: 'app', PolicyDocument: document });
    const { Role } = await call('GetRole', { RoleName: 'app' });
    assert.equal(decodeURIComponent(Role.AssumeRolePolicyDocument), document);
    const gone = trusting({ AWS: 'arn:aws:iam::000000000000:user/nobody' });
    const refused = await refusal('UpdateAssumeRolePolicy', { RoleName: 'app', PolicyDocument: gone });
    assert.deepEqual(refused, {
      status: 400,
      code: 'MalformedPolicyDocument',
      text: 'Invalid principal in policy: "AWS":"arn:aws:iam::000000000000:user/nobody"',
    });
  });

  test('do not trust every subject of a provider unless that is said', async () => {
    const { call, refusal } = await openFace();
    const open = trusting({ Federated: ISSUER });
    const { code, text } = await refusal('CreateRole', { RoleName: 'ci', AssumeRolePolicyDocument: open });
    assert.equal(code, 'MalformedPolicyDocument');
    assert.match(text, /^Statement 1 lets in every subject of a token issuer; .*allowAnySubject/);
    const said = trusting({ Federated: ISSUER }, { Sid: 'allowAnySubject' });
    await call('CreateRole', { RoleName: 'ci', AssumeRolePolicyDocument: said });
    const closed = trusting({ Federated: ISSUER }, { Condition: { StringEquals: { 'issuer.example:sub': 'me' } } });
    await call('UpdateAssumeRolePolicy', { RoleName: 'ci', PolicyDocument: closed });
  });

  const MALFORMED = ['{', '{}', '[]', '{"Version":"2012-10-17","Statement":[]}', readPolicyOf('a')];
  for (const document of MALFORMED)
    test(`are refused trust that is none: ${document.slice(0, 40)}`, async () => {
      const { refusal } = await openFace();
      const { status, code } = await refusal('CreateRole', { RoleName: 'r', AssumeRolePolicyDocument: document });
      assert.deepEqual([status, code], [400, 'MalformedPolicyDocument']);
    });

  test('are refused trust that is too long', async () => {
    const { refusal } = await openFace();
    const long = trusting({ AWS: '*' }, { Condition: { StringEquals: { 'sts:ExternalId': 'x'.repeat(2048) } } });
    const { status, code, text } = await refusal('CreateRole', { RoleName: 'r', AssumeRolePolicyDocument: long });
    assert.deepEqual([status, code, text], [409, 'LimitExceeded', 'Cannot exceed quota for ACLSizePerRole: 2048']);
  });

  test('are bounded, and freed again', async () => {
    const { call, refusal } = await openFace();
    await call('CreateRole', { RoleName: 'r', AssumeRolePolicyDocument: TRUST });
    const { Policy } = await call('CreatePolicy', { PolicyName: 'most', PolicyDocument: readPolicyOf('a') });
    await call('PutRolePermissionsBoundary', { RoleName: 'r', PermissionsBoundary: Policy.Arn });
    const { Role } = await call('GetRole', { RoleName: 'r' });
    assert.equal(Role.PermissionsBoundary.PermissionsBoundaryArn, Policy.Arn);
    assert.equal((await call('GetPolicy', { PolicyArn: Policy.Arn })).Policy.PermissionsBoundaryUsageCount, '1');
    const { PolicyRoles } = await call('ListEntitiesForPolicy', {
      PolicyArn: Policy.Arn,
      PolicyUsageFilter: 'PermissionsBoundary',
    });
    assert.deepEqual(PolicyRoles, [{ RoleName: 'r', RoleId: Role.RoleId }]);
    assert.equal((await refusal('DeletePolicy', { PolicyArn: Policy.Arn })).code, 'DeleteConflict');
    await call('DeleteRolePermissionsBoundary', { RoleName: 'r' });
    assert.equal((await refusal('DeleteRolePermissionsBoundary', { RoleName: 'r' })).code, 'NoSuchEntity');
    await call('DeletePolicy', { PolicyArn: Policy.Arn });
  });

  test('let go of their boundary when they are deleted', async () => {
    const { call } = await openFace();
    const { Policy } = await call('CreatePolicy', { PolicyName: 'most', PolicyDocument: readPolicyOf('a') });
    const wish = { RoleName: 'r', AssumeRolePolicyDocument: TRUST, PermissionsBoundary: Policy.Arn };
    await call('CreateRole', wish);
    await call('DeleteRole', { RoleName: 'r' });
    await call('DeletePolicy', { PolicyArn: Policy.Arn });
  });
});
