import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openFace, readPolicyOf, requestOf } from './testing.ts';

describe('users', () => {
  test('are created with path, tags and boundary, and read back the same', async () => {
    const { call } = await openFace();
    const { Policy } = await call('CreatePolicy', { PolicyName: 'most', PolicyDocument: readPolicyOf('a') });
    const wish = {
      UserName: 'alice',
      Path: '/team/',
      PermissionsBoundary: Policy.Arn,
      Tags: [{ Key: 'team', Value: 'x' }],
    };
    const { User: created } = await call('CreateUser', wish);
    assert.match(created.UserId, /^AIDA[A-Z2-7]{17}$/);
    assert.equal(created.Arn, 'arn:aws:iam::000000000000:user/team/alice');
    assert.match(created.CreateDate, /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/);
    assert.deepEqual(created.Tags, [{ Key: 'team', Value: 'x' }]);
    assert.deepEqual(created.PermissionsBoundary, {
      PermissionsBoundaryType: 'Policy',
      PermissionsBoundaryArn: Policy.Arn,
    });
    assert.deepEqual((await call('GetUser', { UserName: 'alice' })).User, created);
  });

  test('have names that are unique whatever their case', async () => {
    const { call, refusal } = await openFace();
    await call('CreateUser', { UserName: 'Alice' });
    assert.deepEqual(await refusal('CreateUser', { UserName: 'alice' }), {
      status: 409,
      code: 'EntityAlreadyExists',
      text: 'User with name alice already exists.',
    });
    assert.equal((await call('GetUser', { UserName: 'ALICE' })).User.UserName, 'Alice');
  });

  test('that are made at the same time under one name are made once', async () => {
    const { face, call } = await openFace();
    const requests = Array.from({ length: 8 }, () => face.handle(requestOf('CreateUser', { UserName: 'alice' })));
    const statuses = (await Promise.all(requests)).map(({ status }) => status);
    assert.deepEqual(statuses.toSorted(), [200, 409, 409, 409, 409, 409, 409, 409]);
    assert.equal((await call('ListUsers')).Users.length, 1);
  });

  test('that are deleted and made again are somebody else', async () => {
    const { call } = await openFace();
    const before = (await call('CreateUser', { UserName: 'alice' })).User.UserId;
    await call('DeleteUser', { UserName: 'alice' });
    assert.notEqual((await call('CreateUser', { UserName: 'alice' })).User.UserId, before);
  });

  test('are listed page by page, by path, while others come and go', async () => {
    const { call, clock } = await openFace();
    for (let index = 0; index < 25; index += 1) {
      await call('CreateUser', { UserName: `user${index}`, Path: index % 2 === 0 ? '/even/' : '/odd/' });
      await clock.advance(1000);
    }
    const names: string[] = [];
    let page = await call('ListUsers', { PathPrefix: '/even/', MaxItems: 5 });
    for (;;) {
      names.push(...page.Users.map(({ UserName }: { UserName: string }) => UserName));
      if (page.IsTruncated === 'false') break;
      if (names.length === 5) await call('DeleteUser', { UserName: names.at(-1)! });
      page = await call('ListUsers', { PathPrefix: '/even/', MaxItems: 5, Marker: page.Marker });
    }
    assert.deepEqual(
      names,
      Array.from({ length: 13 }, (_, index) => `user${index * 2}`),
    );
  });

  test('refuse a marker that another listing gave out, or nobody', async () => {
    const { call, refusal } = await openFace();
    for (const name of ['a', 'b', 'c']) await call('CreateUser', { UserName: name });
    const { Marker } = await call('ListUsers', { MaxItems: 1 });
    for (const parameters of [{ PathPrefix: '/x', Marker }, { Marker: `${Marker}x` }, { Marker: 'made up' }])
      assert.deepEqual(await refusal('ListUsers', parameters), {
        status: 400,
        code: 'ValidationError',
        text: 'Invalid Marker.',
      });
  });

  test('keep everything but their name when they are renamed', async () => {
    const { call, refusal } = await openFace();
    const { User } = await call('CreateUser', { UserName: 'alice' });
    const { AccessKey } = await call('CreateAccessKey', { UserName: 'alice' });
    await call('CreateUser', { UserName: 'carol' });
    assert.equal(
      (await refusal('UpdateUser', { UserName: 'alice', NewUserName: 'Carol' })).code,
      'EntityAlreadyExists',
    );
    await call('UpdateUser', { UserName: 'alice', NewUserName: 'bob', NewPath: '/team/' });
    const renamed = (await call('GetUser', { UserName: 'bob' })).User;
    assert.deepEqual([renamed.UserId, renamed.Arn], [User.UserId, 'arn:aws:iam::000000000000:user/team/bob']);
    assert.equal((await refusal('GetUser', { UserName: 'alice' })).code, 'NoSuchEntity');
    const { AccessKeyMetadata: keys } = await call('ListAccessKeys', { UserName: 'bob' });
    assert.deepEqual([keys[0].AccessKeyId, keys[0].UserName], [AccessKey.AccessKeyId, 'bob']);
    await call('UpdateUser', { UserName: 'bob', NewUserName: 'BOB' });
    assert.equal((await call('GetUser', { UserName: 'bob' })).User.UserName, 'BOB');
  });

  test('are not deleted while anything hangs on them', async () => {
    const { call, refusal } = await openFace();
    await call('CreateUser', { UserName: 'alice' });
    await call('CreateGroup', { GroupName: 'team' });
    const { Policy } = await call('CreatePolicy', { PolicyName: 'p', PolicyDocument: readPolicyOf('a') });
    const { AccessKey } = await call('CreateAccessKey', { UserName: 'alice' });
    await call('AddUserToGroup', { GroupName: 'team', UserName: 'alice' });
    await call('AttachUserPolicy', { UserName: 'alice', PolicyArn: Policy.Arn });
    await call('PutUserPolicy', { UserName: 'alice', PolicyName: 'i', PolicyDocument: readPolicyOf('b') });
    const ways = [
      ['DeleteAccessKey', { UserName: 'alice', AccessKeyId: AccessKey.AccessKeyId }, 'must delete access keys first'],
      ['RemoveUserFromGroup', { GroupName: 'team', UserName: 'alice' }, 'must remove user from all groups first'],
      ['DetachUserPolicy', { UserName: 'alice', PolicyArn: Policy.Arn }, 'must detach all policies first'],
      ['DeleteUserPolicy', { UserName: 'alice', PolicyName: 'i' }, 'must delete policies first'],
    ] as const;
    for (const [action, parameters, why] of ways) {
      const { status, code, text } = await refusal('DeleteUser', { UserName: 'alice' });
      assert.deepEqual([status, code, text], [409, 'DeleteConflict', `Cannot delete entity, ${why}.`]);
      await call(action, parameters);
    }
    await call('DeleteUser', { UserName: 'alice' });
    assert.equal(
      (await refusal('DeleteUser', { UserName: 'alice' })).text,
      'The user with name alice cannot be found.',
    );
    await call('DeletePolicy', { PolicyArn: Policy.Arn });
  });

  test('who name nobody mean themselves; root is told that it is root', async () => {
    const { call, refusal } = await openFace();
    assert.equal((await call('GetUser')).User.Arn, 'arn:aws:iam::000000000000:root');
    const { status, code } = await refusal('CreateAccessKey');
    assert.deepEqual([status, code], [400, 'ValidationError']);
  });

  const REFUSED = [
    [{}, "Value null at 'userName' failed to satisfy constraint: Member must not be null"],
    [{ UserName: '' }, 'Member must have length greater than or equal to 1'],
    [{ UserName: 'x'.repeat(65) }, 'Member must have length less than or equal to 64'],
    [{ UserName: 'a b' }, 'Member must satisfy regular expression pattern'],
    [{ UserName: 'a', Path: 'no-slash' }, "at 'path' failed"],
    [{ UserName: 'a', Tags: [{ Key: 'k' }] }, "Value null at 'tags.1.member.value'"],
    [{ UserName: 'a', Tags: [{ Key: '', Value: '' }] }, "at 'tags.1.member.key'"],
    [
      { UserName: 'a', Tags: Array.from({ length: 51 }, (_, at) => ({ Key: `k${at}`, Value: '' })) },
      "at 'tags' failed",
    ],
    [{ UserName: 'a', PermissionsBoundary: 'short' }, "at 'permissionsBoundary' failed"],
  ] as const;
  for (const [parameters, text] of REFUSED)
    test(`are refused where the model is broken: ${text}`, async () => {
      const { refusal } = await openFace();
      const refused = await refusal('CreateUser', parameters);
      assert.deepEqual([refused.status, refused.code], [400, 'ValidationError']);
      assert.ok(refused.text.includes(text), refused.text);
    });

  test('are refused a boundary that does not exist', async () => {
    const { refusal } = await openFace();
    const PermissionsBoundary = 'arn:aws:iam::000000000000:policy/nothing';
    const { status, code } = await refusal('CreateUser', { UserName: 'a', PermissionsBoundary });
    assert.deepEqual([status, code], [404, 'NoSuchEntity']);
  });
});

describe('access keys', () => {
  test('show their secret once, and two are the most', async () => {
    const { call, refusal, audited } = await openFace();
    await call('CreateUser', { UserName: 'alice' });
    const { AccessKey } = await call('CreateAccessKey', { UserName: 'alice' });
    assert.match(AccessKey.AccessKeyId, /^AKIA[A-Z2-7]{16}$/);
    assert.match(AccessKey.SecretAccessKey, /^[A-Za-z0-9+/]{40}$/);
    await call('CreateAccessKey', { UserName: 'alice' });
    assert.deepEqual(await refusal('CreateAccessKey', { UserName: 'alice' }), {
      status: 409,
      code: 'LimitExceeded',
      text: 'Cannot exceed quota for AccessKeysPerUser: 2',
    });
    const listed = await call('ListAccessKeys', { UserName: 'alice' });
    assert.equal(listed.AccessKeyMetadata.length, 2);
    assert.ok(!JSON.stringify([listed, audited]).includes(AccessKey.SecretAccessKey));
  });

  test('are switched off and on, and deleted', async () => {
    const { call, refusal, directory } = await openFace();
    await call('CreateUser', { UserName: 'alice' });
    await call('CreateUser', { UserName: 'bob' });
    const { AccessKey } = await call('CreateAccessKey', { UserName: 'alice' });
    const key = { UserName: 'alice', AccessKeyId: AccessKey.AccessKeyId };
    assert.equal((await directory.findKey(key.AccessKeyId))?.active, true);
    await call('UpdateAccessKey', { ...key, Status: 'Inactive' });
    assert.equal((await directory.findKey(key.AccessKeyId))?.active, false);
    assert.equal((await call('ListAccessKeys', { UserName: 'alice' })).AccessKeyMetadata[0].Status, 'Inactive');
    assert.equal((await refusal('UpdateAccessKey', { ...key, Status: 'Expired' })).code, 'ValidationError');
    const foreign = await refusal('DeleteAccessKey', { ...key, UserName: 'bob' });
    assert.deepEqual(foreign, {
      status: 404,
      code: 'NoSuchEntity',
      text: `The Access Key with id ${key.AccessKeyId} cannot be found.`,
    });
    await call('DeleteAccessKey', key);
    assert.equal(await directory.findKey(key.AccessKeyId), null);
  });

  test('tell when they were last used', async () => {
    const { call, refusal, uses, clock } = await openFace();
    await call('CreateUser', { UserName: 'alice' });
    const { AccessKeyId } = (await call('CreateAccessKey', { UserName: 'alice' })).AccessKey;
    const never = await call('GetAccessKeyLastUsed', { AccessKeyId });
    assert.deepEqual(never, { UserName: 'alice', AccessKeyLastUsed: { Region: 'N/A', ServiceName: 'N/A' } });
    uses.saw(AccessKeyId, 'secretsmanager');
    await uses.flush();
    const { AccessKeyLastUsed } = await call('GetAccessKeyLastUsed', { AccessKeyId });
    const LastUsedDate = `${new Date(clock.now()).toISOString().slice(0, 19)}Z`;
    assert.deepEqual(AccessKeyLastUsed, { LastUsedDate, Region: 'us-east-1', ServiceName: 'secretsmanager' });
    assert.equal((await refusal('GetAccessKeyLastUsed', { AccessKeyId: 'AKIAAAAAAAAAAAAAAAAA' })).code, 'NoSuchEntity');
  });
});
