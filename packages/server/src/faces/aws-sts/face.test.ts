import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { type Caller, RekeyError, type RoleRecord } from '@rekey/core';
import { expiredToken, invalidToken, issuerUnreachable } from '../../auth/oidc/refusals.ts';
import { plainSignatureError, type SignatureFailure, signatureError } from '../../auth/signature-error.ts';
import { openSts, PROVIDER, type TestSts, trusting } from '../../service/sts/sts.testing.ts';
import { ROOT } from '../../service/testing.ts';
import type { Face, FaceRequest } from '../face.ts';
import { awsStsFace } from './index.ts';

type Parameters = Readonly<Record<string, string>>;

interface Answer {
  readonly status: number;
  readonly text: string;
  /** Content of the first element of that name; null if there is none. */
  element(name: string): string | null;
}

/** The face over real use cases; requests come from `caller`, or from nobody where that is an error. */
interface TestFace {
  readonly sts: TestSts;
  readonly face: Face;
  caller: Caller | RekeyError;
  send(action: string, parameters?: Parameters, more?: Partial<FaceRequest>): Promise<Answer>;
}

async function openFace(): Promise<TestFace> {
  const sts = await openSts();
  const { service } = sts;
  const face = awsStsFace({
    service,
    authenticate: ({ id }) => {
      if (test.caller instanceof RekeyError) throw test.caller;
      return { ...test.caller, requestId: id };
    },
    refused: ({ remoteAddress: address, id: requestId }, action, error) =>
      service.cases.refuse({ action, principal: 'anonymous', accessKeyId: null, address, requestId }, error),
  });
  const test: TestFace = {
    sts,
    face,
    caller: ROOT,
    send: async (action, parameters = {}, more = {}) => {
      const { status, body } = await face.handle({ ...requestOf(action, parameters), ...more });
      const text = String(body);
      return { status, text, element: (name) => new RegExp(`<${name}>([^<]*)<`).exec(text)?.[1] ?? null };
    },
  };
  return test;
}

let requests = 0;

function requestOf(action: string, parameters: Parameters, signed = true): FaceRequest {
  requests += 1;
  const form = new URLSearchParams({ Action: action, Version: '2011-06-15', ...parameters });
  const scope = 'Credential=AKIAIOSFODNN7EXAMPLE/20300101/us-east-1/sts/aws4_request';
  return {
    id: `request-${requests}`,
    method: 'POST',
    path: '/',
    query: '',
    headers: [
      ['content-type', 'application/x-www-form-urlencoded; charset=utf-8'],
      ...(signed ? [['authorization', `AWS4-HMAC-SHA256 ${scope}, SignedHeaders=host, Signature=x`] as const] : []),
    ],
    body: Buffer.from(form.toString()),
    remoteAddress: '127.0.0.1',
    secure: false,
  };
}

describe('the AWS STS face', () => {
  let opened: TestFace;
  let ada: Caller;
  let role: RoleRecord;
  before(async () => {
    opened = await openFace();
    ada = await opened.sts.user('ada');
    role = await opened.sts.role('deploy', [
      trusting({ AWS: ada.principal.arn }, { Action: ['sts:AssumeRole', 'sts:TagSession', 'sts:SetSourceIdentity'] }),
      {
        Effect: 'Allow',
        Principal: { Federated: PROVIDER },
        Action: 'sts:AssumeRoleWithWebIdentity',
        Condition: { StringLike: { 'issuer.example:sub': 'repo:shop/*' } },
      },
    ]);
  });
  const assume = (more: Parameters = {}) =>
    opened.send('AssumeRole', { RoleArn: role.arn, RoleSessionName: 'session', ...more });

  test('owns what is signed for sts or names its version, and nothing of other services', () => {
    const { face } = opened;
    assert.ok(face.owns(requestOf('GetCallerIdentity', {})));
    assert.ok(face.owns(requestOf('AssumeRoleWithWebIdentity', {}, false)));
    const iam = requestOf('ListUsers', { Version: '2010-05-08' }, false);
    assert.ok(!face.owns(iam));
    assert.ok(!face.owns({ ...iam, headers: [['x-amz-target', 'secretsmanager.ListSecrets']] }));
  });

  test('tells root and users who they are', async () => {
    opened.caller = ROOT;
    const root = await opened.send('GetCallerIdentity');
    assert.equal(
      root.text.replace(/<RequestId>[^<]*/, '<RequestId>'),
      '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>arn:aws:iam::000000000000:root</Arn><UserId>000000000000</UserId><Account>000000000000</Account></GetCallerIdentityResult><ResponseMetadata><RequestId></RequestId></ResponseMetadata></GetCallerIdentityResponse>',
    );
    opened.caller = ada;
    const user = await opened.send('GetCallerIdentity');
    assert.equal(user.element('Arn'), 'arn:aws:iam::000000000000:user/ada');
    assert.match(user.element('UserId') ?? '', /^AIDA[A-Z2-7]{17}$/);
  });

  test('answers AssumeRole with credentials that have an ISO time', async () => {
    opened.caller = ada;
    const answer = await assume({
      'Tags.member.1.Key': 'team',
      'Tags.member.1.Value': 'shop',
      'TransitiveTagKeys.member.1': 'team',
      SourceIdentity: 'ada',
      DurationSeconds: '900',
    });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.element('AssumedRoleId'), `${role.id}:session`);
    assert.equal(answer.element('Expiration'), '2030-01-01T00:15:00Z');
    assert.equal(answer.element('SourceIdentity'), 'ada');
    assert.match(answer.element('PackedPolicySize') ?? '', /^\d+$/);
    assert.match(answer.text, /<AssumeRoleResult>.*<SecretAccessKey>.*<\/AssumeRoleResult>/);
  });

  /** Who holds the credentials of an answer. */
  const holderOf = async (answer: Answer): Promise<Caller> => {
    assert.equal(answer.status, 200, answer.text);
    const [accessKeyId, sessionToken] = [answer.element('AccessKeyId')!, answer.element('SessionToken')!];
    const holder = await opened.sts.holder({ accessKeyId, sessionToken, secretAccessKey: '', expiresAt: 0 });
    assert.ok(holder);
    return holder;
  };
  const managedPolicy = async (name: string) => {
    const statement = { Effect: 'Allow', Action: 'secretsmanager:DescribeSecret', Resource: '*' };
    const document = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
    const { policies } = opened.sts.service.access;
    return { document, arn: (await policies.create(ROOT, { name, path: '/', document, tags: [] })).arn };
  };

  test('narrows a session of AssumeRole by Policy and PolicyArns, and hands tags and SourceIdentity on', async () => {
    opened.caller = ada;
    const { document, arn } = await managedPolicy('narrow');
    const answer = await opened.send('AssumeRole', {
      RoleArn: role.arn,
      RoleSessionName: 'session',
      Policy: document,
      'PolicyArns.member.1.arn': arn,
      'Tags.member.1.Key': 'team',
      'Tags.member.1.Value': 'shop',
      'TransitiveTagKeys.member.1': 'team',
      SourceIdentity: 'ada',
    });
    const { session, tags } = (await holderOf(answer)).principal;
    assert.deepEqual(
      session?.policies.map((policy) => policy.document),
      [document, document],
    );
    assert.deepEqual([session?.sourceIdentity, session?.transitiveTagKeys], ['ada', ['team']]);
    assert.deepEqual(tags, [{ key: 'team', value: 'shop' }]);
  });

  test('lets AssumeRole in where a role asks for an ExternalId only with that one', async () => {
    opened.caller = ada;
    const Condition = { StringEquals: { 'sts:ExternalId': 'secret-handshake' } };
    const guarded = await opened.sts.role('guarded', trusting({ AWS: ada.principal.arn }, { Condition }));
    const asked = { RoleArn: guarded.arn, RoleSessionName: 'session' };
    assert.equal((await opened.send('AssumeRole', asked)).element('Code'), 'AccessDenied');
    assert.equal((await opened.send('AssumeRole', { ...asked, ExternalId: 'guess' })).element('Code'), 'AccessDenied');
    assert.equal((await opened.send('AssumeRole', { ...asked, ExternalId: 'secret-handshake' })).status, 200);
  });

  test('narrows a session of AssumeRoleWithWebIdentity by Policy and PolicyArns, and refuses a ProviderId', async () => {
    const { document, arn } = await managedPolicy('narrow-too');
    const asked = { RoleArn: role.arn, RoleSessionName: 'pod', WebIdentityToken: 'a.b.c', DurationSeconds: '900' };
    const narrowing = { Policy: document, 'PolicyArns.member.1.arn': arn };
    const answer = await opened.send('AssumeRoleWithWebIdentity', { ...asked, ...narrowing });
    assert.equal((await holderOf(answer)).principal.session?.policies.length, 2);
    const foreign = await opened.send('AssumeRoleWithWebIdentity', { ...asked, ProviderId: 'www.amazon.com' });
    assert.equal(foreign.status, 400, foreign.text);
  });

  test('refuses second factors, of which there are none', async () => {
    opened.caller = ada;
    const SerialNumber = 'arn:aws:iam::000000000000:mfa/ada';
    for (const more of [{ SerialNumber }, { TokenCode: '123456' }]) {
      assert.equal((await opened.send('GetSessionToken', { ...more })).element('Code'), 'AccessDenied');
      const asked = { RoleArn: role.arn, RoleSessionName: 'session', ...more };
      assert.equal((await opened.send('AssumeRole', asked)).element('Code'), 'AccessDenied');
    }
    const ProvidedContexts = {
      'ProvidedContexts.member.1.ProviderArn': 'arn:aws:iam::aws:contextProvider/IdentityCenter',
    };
    const asked = { RoleArn: role.arn, RoleSessionName: 'session', ...ProvidedContexts };
    assert.notEqual((await opened.send('AssumeRole', asked)).status, 200);
  });

  test('leaves out of AssumeRole what was not asked for', async () => {
    const answer = await assume();
    assert.equal(answer.element('PackedPolicySize'), null);
    assert.equal(answer.element('SourceIdentity'), null);
  });

  test('answers AssumeRoleWithWebIdentity without any signature', async () => {
    opened.caller = plainSignatureError('missing-authentication');
    const answer = await opened.send('AssumeRoleWithWebIdentity', {
      RoleArn: role.arn,
      RoleSessionName: 'pod',
      WebIdentityToken: 'a.b.c',
    });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.element('SubjectFromWebIdentityToken'), 'repo:shop/api');
    assert.equal(answer.element('Audience'), 'sts.amazonaws.com');
    assert.equal(answer.element('Provider'), PROVIDER);
    assert.equal(answer.element('Arn'), 'arn:aws:sts::000000000000:assumed-role/deploy/pod');
    opened.caller = ada;
  });

  const PATTERN = 'Member must satisfy regular expression pattern: [\\w+=,.@-]*';
  for (const [what, parameters, text] of [
    [
      'a session name with a space',
      { RoleSessionName: 'a b' },
      `1 validation error detected: Value 'a b' at 'roleSessionName' failed to satisfy constraint: ${PATTERN}`,
    ],
    [
      'a session of a minute',
      { DurationSeconds: '60' },
      "1 validation error detected: Value '60' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900",
    ],
    [
      'a session of a day',
      { DurationSeconds: '86400' },
      "1 validation error detected: Value '86400' at 'durationSeconds' failed to satisfy constraint: Member must have value less than or equal to 43200",
    ],
    [
      'a role ARN that is short',
      { RoleArn: 'arn:aws:iam' },
      "1 validation error detected: Value 'arn:aws:iam' at 'roleArn' failed to satisfy constraint: Member must have length greater than or equal to 20",
    ],
    ['a role ARN that is none', { RoleArn: 'nonsense-nonsense-nonsense' }, 'nonsense-nonsense-nonsense is invalid'],
    [
      'a session longer than the role allows',
      { DurationSeconds: '3601' },
      'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.',
    ],
  ] as const) {
    test(`refuses ${what} as AWS does`, async () => {
      const answer = await assume(parameters);
      assert.equal(answer.status, 400);
      assert.equal(answer.element('Code'), 'ValidationError');
      assert.equal(answer.element('Type'), 'Sender');
      assert.equal(answer.element('Message')?.replaceAll('&apos;', "'"), text);
    });
  }

  test('names every member that is missing', async () => {
    const answer = await opened.send('AssumeRole');
    assert.match(answer.element('Message') ?? '', /^2 validation errors detected: Value null at 'roleArn'/);
  });

  for (const [what, parameters, code, status] of [
    ['a policy that is none', { Policy: '{' }, 'MalformedPolicyDocument', 400],
    [
      'one tag twice',
      { 'Tags.member.1.Key': 'a', 'Tags.member.1.Value': '1', 'Tags.member.2.Key': 'A', 'Tags.member.2.Value': '2' },
      'InvalidParameterValue',
      400,
    ],
    [
      'a second factor',
      { SerialNumber: 'arn:aws:iam::000000000000:mfa/ada', TokenCode: '123456' },
      'AccessDenied',
      403,
    ],
    ['contexts of other providers', { 'ProvidedContexts.member.1.ContextAssertion': 'text' }, 'ValidationError', 400],
    [
      'too much of tags',
      Object.fromEntries(
        Array.from({ length: 50 }, (_, at) => [
          [`Tags.member.${at + 1}.Key`, `k${at}`],
          [`Tags.member.${at + 1}.Value`, scramble(at)],
        ]).flat(),
      ),
      'PackedPolicyTooLarge',
      400,
    ],
    ['a role that is not there', { RoleArn: 'arn:aws:iam::000000000000:role/absent' }, 'AccessDenied', 403],
  ] as const) {
    test(`refuses ${what} by ${code}`, async () => {
      const answer = await assume(parameters as Parameters);
      assert.deepEqual([answer.element('Code'), answer.status], [code, status], answer.text);
    });
  }

  test('refuses root, and who is not trusted, in AWS’s words', async () => {
    opened.caller = ROOT;
    assert.equal((await assume()).element('Message'), 'Roles may not be assumed by root accounts.');
    opened.caller = await opened.sts.user('bob');
    const answer = await assume();
    assert.deepEqual([answer.element('Code'), answer.status], ['AccessDenied', 403]);
    assert.equal(
      answer.element('Message'),
      `User: arn:aws:iam::000000000000:user/bob is not authorized to perform: sts:AssumeRole on resource: ${role.arn}`,
    );
    opened.caller = ada;
  });

  for (const [what, error, code, status] of [
    ['malformed', invalidToken('no'), 'InvalidIdentityToken', 400],
    ['expired', expiredToken(2, 1), 'ExpiredTokenException', 400],
    [
      'of an issuer out of reach',
      issuerUnreachable('https://issuer.example', '10.0.0.7 refused'),
      'IDPCommunicationError',
      400,
    ],
  ] as const) {
    test(`refuses a token that is ${what} by ${code}`, async () => {
      const { identity } = opened.sts;
      Object.defineProperty(opened.sts, 'identity', {
        configurable: true,
        get: () => {
          throw error;
        },
      });
      const parameters = { RoleArn: role.arn, RoleSessionName: 'pod', WebIdentityToken: 'a.b.c' };
      const answer = await opened.send('AssumeRoleWithWebIdentity', parameters);
      Object.defineProperty(opened.sts, 'identity', { configurable: true, writable: true, value: identity });
      assert.deepEqual([answer.element('Code'), answer.status], [code, status]);
      assert.ok(!answer.text.includes('10.0.0.7'), 'what the issuer’s network is like is not told');
      assert.equal(opened.sts.audited.at(-1)?.principal, 'anonymous');
    });
  }

  test('refuses a subject that the role does not trust', async () => {
    const { identity } = opened.sts;
    opened.sts.identity = { ...identity, keys: { 'issuer.example:sub': 'repo:evil/x' } };
    const parameters = { RoleArn: role.arn, RoleSessionName: 'pod', WebIdentityToken: 'a.b.c' };
    const answer = await opened.send('AssumeRoleWithWebIdentity', parameters);
    opened.sts.identity = identity;
    assert.deepEqual([answer.element('Code'), answer.status], ['AccessDenied', 403]);
    assert.equal(answer.element('Message'), 'Not authorized to perform sts:AssumeRoleWithWebIdentity');
  });

  test('never repeats a token, however wrong it is', async () => {
    const token = `secret-${'x'.repeat(20_000)}`;
    const parameters = { RoleArn: role.arn, RoleSessionName: 'pod', WebIdentityToken: token };
    const answer = await opened.send('AssumeRoleWithWebIdentity', parameters);
    assert.equal(answer.element('Code'), 'ValidationError');
    assert.ok(!answer.text.includes('secret-'));
    assert.ok(!JSON.stringify(opened.sts.audited.at(-1)).includes('secret-'));
  });

  const failures: readonly (readonly [SignatureFailure, string, number])[] = [
    ['missing-authentication', 'MissingAuthenticationToken', 403],
    ['incomplete-signature', 'IncompleteSignature', 400],
    ['unknown-access-key', 'InvalidClientTokenId', 403],
    ['signature-mismatch', 'SignatureDoesNotMatch', 403],
    ['expired', 'SignatureDoesNotMatch', 403],
    ['not-yet-current', 'SignatureDoesNotMatch', 403],
    ['expired-token', 'ExpiredToken', 403],
  ];
  for (const [reason, code, status] of failures) {
    test(`answers a signature that is refused (${reason}) by ${code}`, async () => {
      opened.caller = signatureError(reason, 'why', null);
      const answer = await opened.send('GetCallerIdentity');
      opened.caller = ada;
      assert.deepEqual([answer.element('Code'), answer.status], [code, status]);
    });
  }

  test('gives and explains session tokens', async () => {
    opened.caller = ada;
    const answer = await opened.send('GetSessionToken', { DurationSeconds: '900' });
    assert.equal(answer.element('Expiration'), '2030-01-01T00:15:00Z');
    opened.caller = (await opened.sts.holder({
      accessKeyId: answer.element('AccessKeyId')!,
      secretAccessKey: answer.element('SecretAccessKey')!,
      sessionToken: answer.element('SessionToken')!,
      expiresAt: 0,
    }))!;
    const again = await opened.send('GetSessionToken');
    assert.deepEqual([again.element('Code'), again.status], ['AccessDenied', 403]);
    assert.equal(again.element('Message'), 'Cannot call GetSessionToken with session credentials');
    assert.equal(
      (await opened.send('GetSessionToken', { DurationSeconds: '129601' })).element('Code'),
      'ValidationError',
    );
    opened.caller = ada;
  });

  test('tells the account of a key, and decodes nothing', async () => {
    opened.caller = ROOT;
    const known = await opened.send('GetAccessKeyInfo', { AccessKeyId: ada.accessKeyId! });
    assert.equal(known.element('Account'), '000000000000');
    const unknown = await opened.send('GetAccessKeyInfo', { AccessKeyId: 'AKIAAAAAAAAAAAAAAAAA' });
    assert.equal(unknown.element('Code'), 'ValidationError');
    const decoded = await opened.send('DecodeAuthorizationMessage', { EncodedMessage: 'x' });
    assert.deepEqual([decoded.element('Code'), decoded.status], ['InvalidAuthorizationMessageException', 400]);
  });

  test('takes GET too, and refuses operations it does not have', async () => {
    const get = await opened.send('x', {}, { method: 'GET', query: 'Action=GetCallerIdentity&Version=2011-06-15' });
    assert.equal(get.status, 200);
    const unknown = await opened.send('AssumeRoot');
    assert.deepEqual([unknown.element('Code'), unknown.status], ['InvalidAction', 400]);
    assert.match(unknown.element('Message') ?? '', /Could not find operation AssumeRoot for version 2011-06-15/);
  });
});

/** A tag's value that cannot be packed well. */
function scramble(seed: number): string {
  let text = '';
  for (let at = seed + 1; text.length < 250; at = (at * 48_271) % 2_147_483_647) text += at.toString(36);
  return text.slice(0, 250);
}
