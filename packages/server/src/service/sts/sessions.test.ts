import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Caller, type Principal, RekeyError, type RoleRecord } from '@rekey/core';
import fc from 'fast-check';
import { signHeaders } from '../../auth/sigv4.testing.ts';
import { verifySignature } from '../../auth/sigv4.ts';
import { ROOT } from '../testing.ts';
import type { TemporaryCredentials } from './sessions.ts';
import { openSts, refusal, type TestSts, trusting } from './sts.testing.ts';
import { makeTemporaryKeyId } from './temporary-key-id.ts';

async function opened(): Promise<{ sts: TestSts; ada: Caller; role: RoleRecord; credentials: TemporaryCredentials }> {
  const sts = await openSts();
  const ada = await sts.user('ada');
  const role = await sts.role('role', trusting({ AWS: ada.principal.arn }));
  const { credentials } = await sts.assume(ada, role);
  return { sts, ada, role, credentials };
}

/** Why a request signed with credentials is refused; null if it is not. */
async function signedRefusal({ sessions, clock }: TestSts, credentials: TemporaryCredentials): Promise<string | null> {
  const time = `${new Date(clock.now()).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
  const request = { method: 'POST', path: '/', query: '', headers: [['host', 'h']] as const, body: Buffer.from('x') };
  const signed = signHeaders(request, { ...credentials, region: 'us-east-1', service: 'sts' }, { time });
  try {
    await verifySignature<Principal>(signed, {
      findKey: (id, token) => (token === null ? null : sessions.find(id, token)),
      now: () => clock.now(),
      services: ['sts'],
      region: 'us-east-1',
    });
    return null;
  } catch (error) {
    assert.ok(error instanceof RekeyError, String(error));
    return error.reason;
  }
}

describe('temporary credentials', () => {
  test('sign requests until they expire, to the millisecond', async () => {
    const { sts, credentials } = await opened();
    assert.equal(await signedRefusal(sts, credentials), null);
    await sts.clock.advance(3_600_000 - 1);
    assert.equal(await signedRefusal(sts, credentials), null);
    await sts.clock.advance(1);
    assert.equal(await signedRefusal(sts, credentials), 'expired-token');
  });

  test('are nothing without their token, with another token, another key id or another secret', async () => {
    const { sts, ada, role, credentials } = await opened();
    const { credentials: other } = await sts.assume(ada, role);
    const { sessionToken, accessKeyId, secretAccessKey } = other;
    assert.equal(await signedRefusal(sts, { ...credentials, sessionToken }), 'unknown-access-key');
    assert.equal(await signedRefusal(sts, { ...credentials, accessKeyId }), 'unknown-access-key');
    assert.equal(await signedRefusal(sts, { ...credentials, secretAccessKey }), 'signature-mismatch');
    assert.equal(await signedRefusal(sts, { ...credentials, accessKeyId: ada.accessKeyId! }), 'unknown-access-key');
  });

  test('of another store are nothing here', async () => {
    const { credentials } = await opened();
    const { sts } = await opened();
    assert.equal(await sts.holder(credentials), null);
  });

  test('are nothing once any character of their token is another', async () => {
    const { sts, credentials } = await opened();
    const { sessionToken: token } = credentials;
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/ ';
    const place = fc.nat({ max: token.length - 1 });
    const property = fc.asyncProperty(place, fc.constantFrom(...alphabet), async (at, character) => {
      fc.pre(token[at] !== character);
      const altered = token.slice(0, at) + character + token.slice(at + 1);
      assert.equal(await sts.holder({ ...credentials, sessionToken: altered }), null);
    });
    await fc.assert(property, { numRuns: 300 });
    for (const last of alphabet)
      if (!token.endsWith(last))
        assert.equal(await sts.holder({ ...credentials, sessionToken: token.slice(0, -1) + last }), null);
    for (const cut of ['', token.slice(0, -4), `${token}AAAA`, 'x'.repeat(20_000)])
      assert.equal(await sts.holder({ ...credentials, sessionToken: cut }), null);
  });

  test('tell nothing to who reads the token', async () => {
    const { role, credentials } = await opened();
    const text = Buffer.from(credentials.sessionToken, 'base64url').toString('latin1');
    for (const told of [credentials.secretAccessKey, role.id, 'session']) assert.ok(!text.includes(told));
  });

  test('fit into a header, whatever policies and tags they carry', async () => {
    const { sts, ada } = await opened();
    const tagging = trusting({ AWS: ada.principal.arn }, { Action: ['sts:AssumeRole', 'sts:TagSession'] });
    const role = await sts.role('tagged', tagging);
    const tags = Array.from({ length: 50 }, (_, at) => ({ key: `key-${at}`, value: `${at}`.repeat(100) }));
    const { credentials } = await sts.assume(ada, role, { tags });
    assert.ok(credentials.sessionToken.length < 8_000);
    assert.equal(await signedRefusal(sts, credentials), null);
  });
});

describe('a role’s sessions', () => {
  test('end with the role, also when another of that name is made', async () => {
    const { sts, role, credentials } = await opened();
    await sts.service.access.roles.delete(ROOT, 'role');
    assert.equal(await signedRefusal(sts, credentials), 'unknown-access-key');
    const again = await sts.role('role', trusting('*'));
    assert.equal(again.arn, role.arn);
    assert.equal(await signedRefusal(sts, credentials), 'unknown-access-key');
  });

  test('see changes of the role’s tags at once', async () => {
    const { sts, credentials } = await opened();
    assert.deepEqual((await sts.holder(credentials))?.principal.tags, []);
    await sts.service.access.tags.tag(ROOT, 'role', 'role', [{ key: 'a', value: 'b' }]);
    assert.deepEqual((await sts.holder(credentials))?.principal.tags, [{ key: 'a', value: 'b' }]);
  });

  test('are worth nothing once they are revoked; those opened later are', async () => {
    const { sts, ada, role, credentials } = await opened();
    const next = await sts.role('next', trusting({ AWS: role.arn }));
    await sts.clock.advance(300);
    const older = await sts.session(ada, role);
    await sts.assume(older, next);
    await sts.service.sts.revokeSessions(ROOT, 'role');
    for (const session of [older, await sts.holder(credentials)])
      assert.match(await refusal(sts.assume(session!, next)), /not authorized/);
    const sameSecond = await sts.session(ada, role);
    await sts.assume(sameSecond, next);
    await sts.clock.advance(5_000);
    await sts.assume(await sts.session(ada, role), next);
    assert.match(await refusal(sts.assume(older, next)), /not authorized/);
    assert.match(sts.audited.find(({ action }) => action === 'iam:PutRolePolicy')?.resource ?? '', /role\/role$/);
  });

  test('are revoked to the millisecond, wherever in its second that is', async () => {
    for (const millisecond of [0, 1, 999]) {
      const { sts, ada, role } = await opened();
      const next = await sts.role('next', trusting({ AWS: role.arn }));
      await sts.clock.advance(1_000 - (sts.clock.now() % 1_000) + millisecond);
      const older = await sts.session(ada, role);
      await sts.service.sts.revokeSessions(ROOT, 'role');
      assert.match(await refusal(sts.assume(older, next)), /not authorized/, String(millisecond));
      await sts.assume(await sts.session(ada, role), next);
    }
  });

  test('are revoked by the policy that AWS’s console writes', async () => {
    const { sts } = await opened();
    await sts.service.sts.revokeSessions(ROOT, 'role');
    const { policy } = await sts.service.access.inline.get(ROOT, 'role', 'role', 'AWSRevokeOlderSessions');
    const endOfSecond = (Math.floor(sts.clock.now() / 1000) + 1) * 1000;
    assert.deepEqual(JSON.parse(policy.document), {
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Deny',
          Action: ['*'],
          Resource: ['*'],
          Condition: { DateLessThan: { 'aws:TokenIssueTime': new Date(endOfSecond).toISOString() } },
        },
      ],
    });
    assert.match(await refusal(sts.service.sts.revokeSessions(ROOT, 'absent')), /^no-such-entity/);
  });

  test('are revoked also where a role has no more room for policies', async () => {
    const { sts, ada, role } = await opened();
    const next = await sts.role('next', trusting({ AWS: role.arn }));
    const older = await sts.session(ada, role);
    const statement = {
      Effect: 'Allow',
      Action: 'sts:AssumeRole',
      Resource: `arn:aws:iam::*:role/${'x'.repeat(10_120)}`,
    };
    const document = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
    await sts.service.access.inline.put(ROOT, 'role', 'role', { name: 'long', document });
    const more = {
      name: 'more',
      document: JSON.stringify({ Version: '2012-10-17', Statement: [{ ...statement, Resource: '*' }] }),
    };
    assert.match(await refusal(sts.service.access.inline.put(ROOT, 'role', 'role', more)), /Maximum policy size/);
    await sts.service.sts.revokeSessions(ROOT, 'role');
    await sts.clock.advance(1_000);
    assert.match(await refusal(sts.assume(older, next)), /not authorized/);
  });
});

describe('GetSessionToken', () => {
  const ask = (sts: TestSts, caller: Caller, seconds: number | null = null) =>
    sts.service.sts.sessionToken(caller, { seconds, secondFactor: false });

  test('gives a user his own rights for twelve hours, or as long as is asked', async () => {
    const { sts, ada } = await opened();
    const credentials = await ask(sts, ada);
    assert.equal(credentials.expiresAt, sts.clock.now() + 43_200_000);
    assert.equal((await ask(sts, ada, 129_600)).expiresAt, sts.clock.now() + 129_600_000);
    const holder = await sts.holder(credentials);
    const { session, ...same } = holder!.principal;
    assert.deepEqual({ ...same, session: null }, ada.principal);
    assert.equal(session?.issuedAt, sts.clock.now());
    assert.equal(
      (await sts.session(holder!, await sts.role('x', trusting({ AWS: ada.principal.arn })))).principal.kind,
      'role-session',
    );
  });

  test('gives root an hour at most, and no way to assume roles', async () => {
    const { sts, role } = await opened();
    const credentials = await ask(sts, ROOT, 43_200);
    assert.equal(credentials.expiresAt, sts.clock.now() + 3_600_000);
    const holder = await sts.holder(credentials);
    assert.equal(holder?.principal.arn, ROOT.principal.arn);
    assert.match(await refusal(sts.assume(holder!, role)), /Roles may not be assumed by root/);
  });

  test('is not for sessions, nor for who has no access key', async () => {
    const { sts, ada, role } = await opened();
    const sentence = 'not-permitted: Cannot call GetSessionToken with session credentials';
    assert.equal(await refusal(ask(sts, (await sts.holder(await ask(sts, ada)))!)), sentence);
    assert.equal(await refusal(ask(sts, await sts.session(ada, role))), sentence);
    assert.equal(await refusal(ask(sts, { ...ROOT, accessKeyId: null })), sentence);
  });

  test('gives what may ask STS for nothing but who it is and to assume roles, whatever its policies say', async () => {
    const { sts, ada, role } = await opened();
    const document = JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: 'sts:*', Resource: '*' }],
    });
    await sts.service.access.inline.put(ROOT, 'user', 'ada', { name: 'sts', document });
    const { sts: cases } = sts.service;
    for (const long of [ada, ROOT]) {
      const own = (await sts.holder(await ask(sts, long)))!;
      assert.equal((await cases.callerIdentity(own)).arn, long.principal.arn);
      assert.equal(
        await refusal(cases.accessKeyAccount(own, ada.accessKeyId!)),
        'not-permitted: Cannot call GetAccessKeyInfo with session credentials',
      );
      assert.equal(
        await refusal(cases.decodeMessage(own)),
        'not-permitted: Cannot call DecodeAuthorizationMessage with session credentials',
      );
      assert.ok(await cases.accessKeyAccount(long, ada.accessKeyId!));
    }
    const assumed = await sts.session((await sts.holder(await ask(sts, ada)))!, role);
    await sts.service.access.inline.put(ROOT, 'role', 'role', { name: 'sts', document });
    assert.ok(await cases.accessKeyAccount(assumed, ada.accessKeyId!));
  });

  test('gives what ends with the access key it was asked for with, and with its user', async () => {
    const { sts, ada } = await opened();
    const { keys, users } = sts.service.access;
    const credentials = await ask(sts, ada);
    await keys.setActive(ROOT, 'ada', ada.accessKeyId!, false);
    assert.equal(await sts.holder(credentials), null);
    await keys.setActive(ROOT, 'ada', ada.accessKeyId!, true);
    assert.ok(await sts.holder(credentials));
    await keys.delete(ROOT, 'ada', ada.accessKeyId!);
    await users.delete(ROOT, 'ada');
    assert.equal(await sts.holder(credentials), null);
    await sts.user('ada');
    assert.equal(await sts.holder(credentials), null);
  });
});

describe('GetAccessKeyInfo', () => {
  test('knows the keys of root, of users and of sessions, and no others', async () => {
    const { sts, ada, credentials } = await opened();
    for (const id of [ROOT.accessKeyId!, ada.accessKeyId!, credentials.accessKeyId])
      assert.equal(await sts.service.sts.accessKeyAccount(ROOT, id), '000000000000');
    for (const id of ['AKIAAAAAAAAAAAAAAAAA', 'ASIAAAAAAAAAAAAAAAAA', 'ASIA'])
      assert.match(await refusal(sts.service.sts.accessKeyAccount(ROOT, id)), /^access-key-unknown/);
  });

  test('knows a session’s key by a mark that other stores do not make', async () => {
    const { sts } = await opened();
    const other = { opaque: () => Buffer.alloc(24).toString('base64url') };
    const foreign = makeTemporaryKeyId({ bytes: () => new Uint8Array(), below: () => 3 }, other);
    assert.equal(sts.sessions.isTemporary(foreign), false);
  });
});
