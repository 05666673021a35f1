import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openFace, readPolicyOf } from './testing.ts';

describe('groups', () => {
  test('have members, who are listed page by page and know their groups', async () => {
    const { call } = await openFace();
    const { Group } = await call('CreateGroup', { GroupName: 'team', Path: '/x/' });
    assert.match(Group.GroupId, /^AGPA[A-Z2-7]{17}$/);
    for (const UserName of ['a', 'b', 'c', 'd', 'e']) {
      await call('CreateUser', { UserName });
      await call('AddUserToGroup', { GroupName: 'team', UserName });
    }
    await call('AddUserToGroup', { GroupName: 'team', UserName: 'a' });
    const names: string[] = [];
    let page = await call('GetGroup', { GroupName: 'team', MaxItems: 2 });
    for (;;) {
      assert.equal(page.Group.Arn, 'arn:aws:iam::000000000000:group/x/team');
      names.push(...page.Users.map(({ UserName }: { UserName: string }) => UserName));
      if (page.IsTruncated === 'false') break;
      page = await call('GetGroup', { GroupName: 'team', MaxItems: 2, Marker: page.Marker });
    }
    assert.deepEqual(names.toSorted(), ['a', 'b', 'c', 'd', 'e']);
    const { Groups } = await call('ListGroupsForUser', { UserName: 'c' });
    assert.deepEqual(Groups, [Group]);
  });

  test('are not deleted with members or policies, and ten are the most for a user', async () => {
    const { call, refusal } = await openFace();
    await call('CreateUser', { UserName: 'a' });
    for (let index = 0; index < 11; index += 1) await call('CreateGroup', { GroupName: `g${index}` });
    for (let index = 0; index < 10; index += 1) await call('AddUserToGroup', { GroupName: `g${index}`, UserName: 'a' });
    const { code, text } = await refusal('AddUserToGroup', { GroupName: 'g10', UserName: 'a' });
    assert.deepEqual([code, text], ['LimitExceeded', 'Cannot exceed quota for GroupsPerUser: 10']);
    assert.equal((await refusal('DeleteGroup', { GroupName: 'g0' })).code, 'DeleteConflict');
    await call('RemoveUserFromGroup', { GroupName: 'g0', UserName: 'a' });
    assert.equal((await refusal('RemoveUserFromGroup', { GroupName: 'g0', UserName: 'a' })).code, 'NoSuchEntity');
    await call('PutGroupPolicy', { GroupName: 'g0', PolicyName: 'p', PolicyDocument: readPolicyOf('a') });
    assert.equal((await refusal('DeleteGroup', { GroupName: 'g0' })).code, 'DeleteConflict');
    await call('DeleteGroupPolicy', { GroupName: 'g0', PolicyName: 'p' });
    await call('DeleteGroup', { GroupName: 'g0' });
    assert.equal((await call('ListGroups')).Groups.length, 10);
  });

  test('have policies of their own and managed ones', async () => {
    const { call, refusal } = await openFace();
    const GroupName = 'team';
    await call('CreateGroup', { GroupName });
    await call('PutGroupPolicy', { GroupName, PolicyName: 'own', PolicyDocument: readPolicyOf('a') });
    const own = await call('GetGroupPolicy', { GroupName, PolicyName: 'own' });
    assert.deepEqual(
      [own.GroupName, own.PolicyName, decodeURIComponent(own.PolicyDocument)],
      ['team', 'own', readPolicyOf('a')],
    );
    assert.deepEqual((await call('ListGroupPolicies', { GroupName })).PolicyNames, ['own']);
    const { Policy } = await call('CreatePolicy', {
      PolicyName: 'managed',
      Path: '/x/',
      PolicyDocument: readPolicyOf('b'),
    });
    const PolicyArn = Policy.Arn;
    await call('AttachGroupPolicy', { GroupName, PolicyArn });
    const attached = async (PathPrefix: string) =>
      (await call('ListAttachedGroupPolicies', { GroupName, PathPrefix })).AttachedPolicies;
    assert.deepEqual(await attached('/x/'), [{ PolicyName: 'managed', PolicyArn }]);
    assert.equal((await attached('/y/')).length, 0);
    await call('DetachGroupPolicy', { GroupName, PolicyArn });
    assert.equal((await refusal('DetachGroupPolicy', { GroupName, PolicyArn })).code, 'NoSuchEntity');
    await call('DeleteGroupPolicy', { GroupName, PolicyName: 'own' });
    assert.equal((await refusal('GetGroupPolicy', { GroupName, PolicyName: 'own' })).code, 'NoSuchEntity');
  });

  test('keep their members under another name', async () => {
    const { call } = await openFace();
    await call('CreateGroup', { GroupName: 'before' });
    await call('CreateUser', { UserName: 'a' });
    await call('AddUserToGroup', { GroupName: 'before', UserName: 'a' });
    await call('UpdateGroup', { GroupName: 'before', NewGroupName: 'after', NewPath: '/p/' });
    await call('UpdateUser', { UserName: 'a', NewUserName: 'z' });
    const { Group, Users } = await call('GetGroup', { GroupName: 'after' });
    assert.equal(Group.Arn, 'arn:aws:iam::000000000000:group/p/after');
    assert.deepEqual(
      Users.map(({ UserName }: { UserName: string }) => UserName),
      ['z'],
    );
  });

  test('tell who is not there by what is not there', async () => {
    const { call, refusal } = await openFace();
    await call('CreateGroup', { GroupName: 'team' });
    const nobody = await refusal('AddUserToGroup', { GroupName: 'team', UserName: 'nobody' });
    assert.equal(nobody.text, 'The user with name nobody cannot be found.');
    const nothing = await refusal('AddUserToGroup', { GroupName: 'none', UserName: 'nobody' });
    assert.equal(nothing.text, 'The group with name none cannot be found.');
  });

  test('take many members at once', async () => {
    const { call } = await openFace();
    await call('CreateGroup', { GroupName: 'team' });
    const names = Array.from({ length: 30 }, (_, index) => `u${index}`);
    await Promise.all(names.map((UserName) => call('CreateUser', { UserName })));
    await Promise.all(names.map((UserName) => call('AddUserToGroup', { GroupName: 'team', UserName })));
    assert.equal((await call('GetGroup', { GroupName: 'team' })).Users.length, 30);
  });
});
