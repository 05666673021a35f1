import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Principal } from '@rekey/core';
import { ROOT, STRANGER } from '../../service/testing.ts';
import { openFace, refusalOf, requestOf } from './testing.ts';

describe('the face of IAM', () => {
  test('owns what is signed for IAM, and what is signed for nobody by its version', async () => {
    const { face } = await openFace();
    const request = requestOf('ListUsers', {});
    const signedFor = (service: string) => ({
      ...request,
      headers: request.headers.map(([name, value]) => [name, value.replace('/iam/', `/${service}/`)] as const),
    });
    const unsigned = { ...request, headers: request.headers.filter(([name]) => name !== 'authorization') };
    assert.ok(face.owns(request));
    assert.ok(!face.owns(signedFor('sts')));
    assert.ok(face.owns(unsigned));
    assert.ok(!face.owns({ ...unsigned, body: Buffer.from('Action=GetCallerIdentity&Version=2011-06-15') }));
    assert.ok(!face.owns({ ...request, path: '/other' }));
    const presigned = { ...unsigned, method: 'GET', body: Buffer.alloc(0), headers: [['host', 'h']] as const };
    assert.ok(face.owns({ ...presigned, query: 'Action=ListUsers&Version=2010-05-08' }));
    assert.ok(
      face.owns({ ...presigned, query: 'Action=X&X-Amz-Credential=A%2F20260101%2Fus-east-1%2Fiam%2Faws4_request' }),
    );
  });

  test('answers XML with the id of the request, also to GET', async () => {
    const { face } = await openFace();
    const request = requestOf('ListUsers', {});
    const get = { ...request, method: 'GET', query: request.body.toString(), body: Buffer.alloc(0) };
    for (const asked of [request, get]) {
      const { status, headers, body } = await face.handle(asked);
      assert.equal(status, 200);
      assert.deepEqual(headers, { 'content-type': 'text/xml', 'x-amzn-requestid': request.id });
      assert.equal(
        body,
        `<ListUsersResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ListUsersResult><IsTruncated>false</IsTruncated><Users></Users></ListUsersResult><ResponseMetadata><RequestId>${request.id}</RequestId></ResponseMetadata></ListUsersResponse>`,
      );
    }
  });

  test('proves who asks before it reads what is asked', async () => {
    const { face, audited } = await openFace();
    const request = requestOf('CreateUser', { UserName: '' });
    const unsigned = { ...request, headers: request.headers.filter(([name]) => name !== 'authorization') };
    const { status, code } = refusalOf(await face.handle(unsigned));
    assert.deepEqual([status, code], [403, 'MissingAuthenticationToken']);
    const { principal, action, outcome } = audited.at(-1)!;
    assert.deepEqual([principal, action, outcome], ['anonymous', 'iam:CreateUser', 'denied']);
  });

  test('lets nobody do anything whom nothing allows it', async () => {
    const { refusal, audited } = await openFace({ principal: STRANGER.principal });
    const { status, code, text } = await refusal('DeleteUser', { UserName: 'alice' });
    assert.deepEqual([status, code], [403, 'AccessDenied']);
    assert.match(
      text,
      /user\/stranger is not authorized to perform: iam:DeleteUser on resource: user alice because no identity-based policy allows the iam:DeleteUser action$/,
    );
    assert.equal(audited.at(-1)!.outcome, 'denied');
  });

  test('does not tell who may not know it what there is', async () => {
    const { service, refusal } = await openFace({ principal: STRANGER.principal });
    await service.access.users.create(ROOT, { name: 'there', path: '/hidden/', tags: [] });
    const there = await refusal('GetUser', { UserName: 'there' });
    const nowhere = await refusal('GetUser', { UserName: 'nowhere' });
    assert.equal(there.text, nowhere.text.replaceAll('nowhere', 'there'));
  });

  test('decides on the tags of whom a request is about', async () => {
    const asker: { -readonly [K in keyof Principal]: Principal[K] } = { ...STRANGER.principal };
    const { call, refusal, service } = await openFace({ principal: asker });
    const { inline, users } = service.access;
    const mine = await users.create(ROOT, { name: 'mine', path: '/', tags: [{ key: 'owner', value: 'stranger' }] });
    await users.create(ROOT, { name: 'other', path: '/', tags: [] });
    const { record } = await users.create(ROOT, { name: 'stranger', path: '/', tags: [] });
    const Condition = { StringEquals: { 'aws:ResourceTag/owner': 'stranger' } };
    const statement = { Effect: 'Allow', Action: 'iam:GetUser', Resource: '*', Condition };
    const document = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
    await inline.put(ROOT, 'user', 'stranger', { name: 'own', document });
    asker.id = record.id;
    assert.equal((await call('GetUser', { UserName: 'mine' })).User.UserId, mine.record.id);
    assert.equal((await refusal('GetUser', { UserName: 'other' })).code, 'AccessDenied');
  });

  test('audits every request once, whatever becomes of it', async () => {
    const { face, audited } = await openFace();
    for (const request of [
      requestOf('CreateUser', { UserName: 'a' }),
      requestOf('CreateUser', { UserName: 'a' }),
      requestOf('CreateUser', { UserName: 'a b' }),
      requestOf('NoSuchOperation', {}),
      { ...requestOf('ListUsers', {}), body: Buffer.from('Action=%ff') },
    ])
      await face.handle(request);
    assert.deepEqual(
      audited.map(({ action, outcome, resource }) => [action, outcome, resource]),
      [
        ['iam:CreateUser', 'allowed', 'arn:aws:iam::000000000000:user/a'],
        ['iam:CreateUser', 'failed', 'arn:aws:iam::000000000000:user/a'],
        ['iam:CreateUser', 'failed', null],
        ['iam:Unknown', 'failed', null],
        ['iam:Unknown', 'failed', null],
      ],
    );
    assert.ok(!JSON.stringify(audited).includes('a b'));
  });

  test('answers nothing it could not audit', async () => {
    const { refusal, breakAudit } = await openFace();
    breakAudit();
    for (const action of ['ListUsers', 'NoSuchOperation']) {
      const { status, code } = await refusal(action);
      assert.deepEqual([status, code], [500, 'InternalFailure']);
    }
  });

  const REFUSED = [
    ['Version=2010-05-08', 400, 'MissingAction'],
    ['Action=ListUsers&Version=2011-06-15', 400, 'InvalidAction'],
    ['Action=Nothing&Version=2010-05-08', 400, 'InvalidAction'],
    ['Action=constructor&Version=2010-05-08', 400, 'InvalidAction'],
    ['Action=ListUsers&Action=DeleteUser', 400, 'MalformedQueryString'],
    ['Action=ListUsers&MaxItems=two', 400, 'ValidationError'],
    ['Action=ListUsers&MaxItems=0', 400, 'ValidationError'],
    ['Action=ListUsers&MaxItems.member.1=1', 400, 'MalformedQueryString'],
    ['Action=CreateUser&UserName=a&Tags=x', 400, 'MalformedQueryString'],
    ['Action=CreateUser&UserName=a&Tags.member.zero.Key=x', 400, 'MalformedQueryString'],
    [`Action=ListUsers&${'a.'.repeat(20)}b=1`, 400, 'MalformedQueryString'],
    [`Action=ListUsers${Array.from({ length: 5_000 }, (_, at) => `&p${at}=`).join('')}`, 400, 'MalformedQueryString'],
  ] as const;
  for (const [body, status, code] of REFUSED)
    test(`refuses ${body.slice(0, 60)} as ${code}`, async () => {
      const { face } = await openFace();
      const refused = refusalOf(await face.handle({ ...requestOf('ListUsers', {}), body: Buffer.from(body) }));
      assert.deepEqual([refused.status, refused.code], [status, code]);
    });

  test('refuses a body that the listener cut off in its own words', async () => {
    const { face } = await openFace();
    const { status, code } = refusalOf(await face.refuseLargeBody!(requestOf('CreateUser', {}), 1024));
    assert.deepEqual([status, code], [413, 'RequestEntityTooLarge']);
  });

  test('says in XML whatever somebody sent', async () => {
    const { refusal } = await openFace();
    const { text } = await refusal('CreateUser', { UserName: '<a>&"\0\u001f\ufffe\ud83e\udd8a\r\n' });
    assert.ok(text.includes("'<a>&\"\ufffd\ufffd\ufffd\ud83e\udd8a\r\n'"), JSON.stringify(text));
  });

  const ABSENT = [
    ['ListMFADevices', { UserName: 'a' }, 'MFADevices'],
    ['ListSSHPublicKeys', { UserName: 'a' }, 'SSHPublicKeys'],
    ['ListSigningCertificates', { UserName: 'a' }, 'Certificates'],
    ['ListServiceSpecificCredentials', { UserName: 'a' }, 'ServiceSpecificCredentials'],
    ['ListVirtualMFADevices', { AssignmentStatus: 'Assigned' }, 'VirtualMFADevices'],
    ['ListAccountAliases', {}, 'AccountAliases'],
  ] as const;
  for (const [action, parameters, list] of ABSENT)
    test(`${action} lists nothing, since nobody has any`, async () => {
      const { call } = await openFace();
      await call('CreateUser', { UserName: 'a' });
      const answer = await call(action, parameters);
      assert.deepEqual([answer[list], answer.IsTruncated], ['', 'false']);
    });

  test('nobody has a password for a console', async () => {
    const { call, refusal } = await openFace();
    await call('CreateUser', { UserName: 'a' });
    for (const action of ['GetLoginProfile', 'DeleteLoginProfile'])
      assert.equal((await refusal(action, { UserName: 'a' })).code, 'NoSuchEntity');
  });

  test('counts what there is', async () => {
    const { call } = await openFace();
    await call('CreateUser', { UserName: 'a' });
    const body = await call('GetAccountSummary');
    assert.ok(body.SummaryMap.entry !== undefined);
  });
});
