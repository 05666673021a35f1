import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RekeyError } from '@rekey/core';
import { presign, type SigningIdentity, type SigningOptions, signHeaders } from './sigv4.testing.ts';
import {
  type AccessKey,
  type SignatureRules,
  type SignedRequest,
  SigningKeys,
  secretAccessKeyObject,
  verifySignature,
} from './sigv4.ts';

const NOW = Date.UTC(2026, 4, 17, 10, 30, 0);
const TIME: SigningOptions = { time: '20260517T103000Z' };
const IDENTITY: SigningIdentity = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  region: 'eu-central-1',
  service: 'secretsmanager',
};
const KEY: AccessKey<string> = { secretAccessKey: IDENTITY.secretAccessKey, principal: 'alice', active: true };
const REQUEST: SignedRequest = {
  method: 'POST',
  path: '/',
  query: '',
  headers: [
    ['host', 'localhost:7420'],
    ['content-type', 'application/x-amz-json-1.1'],
    ['x-amz-target', 'secretsmanager.GetSecretValue'],
    ['user-agent', 'test'],
  ],
  body: Buffer.from('{"SecretId":"db"}'),
};

function rules(overrides: Partial<SignatureRules<string>> = {}): SignatureRules<string> {
  return {
    findKey: (id) => (id === IDENTITY.accessKeyId ? KEY : null),
    now: () => NOW,
    services: ['secretsmanager'],
    region: IDENTITY.region,
    ...overrides,
  };
}

function signed(overrides: Partial<SignedRequest> = {}, options: Partial<SigningOptions> = {}): SignedRequest {
  return signHeaders({ ...REQUEST, ...overrides }, IDENTITY, { ...TIME, ...options });
}

function without(request: SignedRequest, name: string): SignedRequest {
  return { ...request, headers: request.headers.filter((header) => header[0] !== name) };
}

function withHeader(request: SignedRequest, name: string, value: string): SignedRequest {
  return { ...without(request, name), headers: [...without(request, name).headers, [name, value]] };
}

function authorization(request: SignedRequest): string {
  return request.headers.find((header) => header[0] === 'authorization')![1];
}

function refusal(request: SignedRequest, given: SignatureRules<string> = rules()): RekeyError {
  try {
    verifySignature(request, given);
  } catch (error) {
    assert.equal((error as RekeyError).code, 'unauthenticated');
    return error as RekeyError;
  }
  assert.fail('the request was accepted');
}

test('a well-signed request is accepted and says who signed it, without a promise when the key is at hand', () => {
  const verified = verifySignature(signed(), rules());
  assert.deepEqual(verified, {
    accessKeyId: 'AKIDEXAMPLE',
    principal: 'alice',
    service: 'secretsmanager',
    region: 'eu-central-1',
    signedAt: NOW,
  });
});

test('a key that has to be fetched makes the verification a promise', async () => {
  const verified = await verifySignature(signed(), rules({ findKey: async () => KEY }));
  assert.equal(verified.principal, 'alice');
  await assert.rejects(async () => verifySignature(signed(), rules({ findKey: async () => null })), {
    reason: 'unknown-access-key',
  });
});

test('a secret kept as a KeyObject works like one kept as text', () => {
  const key = { ...KEY, secretAccessKey: secretAccessKeyObject(IDENTITY.secretAccessKey) };
  assert.equal((verifySignature(signed(), rules({ findKey: () => key })) as { principal: string }).principal, 'alice');
});

test('a presigned request is accepted until it expires', () => {
  const request = presign(REQUEST, IDENTITY, { ...TIME, expires: 900 });
  verifySignature(request, rules());
  verifySignature(request, rules({ now: () => NOW + 900_000 }));
  const late = refusal(request, rules({ now: () => NOW + 901_000 }));
  assert.equal(late.reason, 'expired');
  assert.match(
    late.message,
    /^Signature expired: 20260517T103000Z is now earlier than 20260517T103001Z \(20260517T104501Z - 15 min\.\)$/,
  );
});

test('an altered body, path, query, target or host is a mismatch', () => {
  const request = signed();
  const altered: SignedRequest[] = [
    { ...request, body: Buffer.from('{"SecretId":"dc"}') },
    { ...request, path: '/x' },
    { ...request, query: 'a=1' },
    { ...request, method: 'PUT' },
    withHeader(request, 'x-amz-target', 'secretsmanager.DeleteSecret'),
    withHeader(request, 'host', 'elsewhere'),
  ];
  for (const candidate of altered) assert.equal(refusal(candidate).reason, 'signature-mismatch');
});

test('a header that names the operation must be signed', () => {
  const error = refusal(signed({}, { unsigned: ['x-amz-target'] }));
  assert.equal(error.message, "'x-amz-target' must be a 'SignedHeader' in the AWS Authorization.");
  assert.equal(refusal(signed({}, { unsigned: ['host'] })).reason, 'signature-mismatch');
});

test('a header listed as signed but absent is a mismatch, not an empty value', () => {
  const request = signHeaders({ ...REQUEST, headers: [...REQUEST.headers, ['x-note', '']] }, IDENTITY, TIME);
  verifySignature(request, rules());
  assert.equal(refusal(without(request, 'x-note')).reason, 'signature-mismatch');
});

test('a body that was not signed is refused even where the signature holds', () => {
  for (const hash of ['UNSIGNED-PAYLOAD', 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD', 'STREAMING-UNSIGNED-PAYLOAD-TRAILER']) {
    const request = signed({ headers: [...REQUEST.headers, ['x-amz-content-sha256', hash]] });
    assert.match(refusal(request).message, /^The body must be signed/);
  }
});

test('five minutes of skew pass in both directions, a second more does not, in the words of AWS', () => {
  verifySignature(signed({}, { time: '20260517T102500Z' }), rules());
  verifySignature(signed({}, { time: '20260517T103500Z' }), rules());
  const late = refusal(signed({}, { time: '20260517T102459Z' }));
  assert.equal(late.reason, 'expired');
  assert.equal(
    late.message,
    'Signature expired: 20260517T102459Z is now earlier than 20260517T102500Z (20260517T103000Z - 5 min.)',
  );
  const early = refusal(signed({}, { time: '20260517T103501Z' }));
  assert.equal(early.reason, 'not-yet-current');
  assert.equal(
    early.message,
    'Signature not yet current: 20260517T103501Z is still later than 20260517T103500Z (20260517T103000Z + 5 min.)',
  );
});

test('a credential may be scoped to a further region where the rules name it, and the proof says which', () => {
  const { region } = IDENTITY;
  const further = { ...rules(), region: 'us-east-1', furtherRegions: [region] };
  assert.equal((verifySignature(signed(), further) as { region: string }).region, region);
  assert.throws(() => verifySignature(signed(), { ...further, furtherRegions: ['eu-west-1'] }), {
    message: /a valid region: 'us-east-1' or 'eu-west-1'\.$/,
  });
});

test('a credential scoped to another region, service, day or terminator is a mismatch that says which', () => {
  const scoped = (from: string, to: string) => {
    const request = signed();
    return refusal(withHeader(request, 'authorization', authorization(request).replace(from, to))).message;
  };
  assert.match(scoped('/eu-central-1/', '/us-east-1/'), /valid region: 'eu-central-1'/);
  assert.match(scoped('/secretsmanager/', '/s3/'), /correct service: 'secretsmanager'/);
  assert.match(scoped('/aws4_request', '/aws5_request'), /valid terminator/);
  assert.match(scoped('/20260517/', '/20260516/'), /Date in Credential scope/);
  assert.match(scoped('/20260517/', '/2026/'), /Date in Credential scope/);
});

test('an unknown, an inactive and a foreign session key are all the same to the outside', () => {
  const withToken = signHeaders(REQUEST, { ...IDENTITY, sessionToken: 'token' }, TIME);
  const refused = [
    refusal(signed(), rules({ findKey: () => null })),
    refusal(signed(), rules({ findKey: () => ({ ...KEY, active: false }) })),
    refusal(signed(), rules({ findKey: () => ({ ...KEY, sessionToken: 'token' }) })),
    refusal(withToken, rules({ findKey: () => ({ ...KEY, sessionToken: 'other' }) })),
    refusal(withToken),
  ];
  for (const error of refused) {
    assert.equal(error.reason, 'unknown-access-key');
    assert.equal(error.message, 'The security token included in the request is invalid.');
  }
});

test('a session token is accepted signed or added after signing, in header or query, until the session ends', () => {
  const session = { ...IDENTITY, sessionToken: 'FwoGZX//token==' };
  const key = { ...KEY, sessionToken: 'FwoGZX//token==', expiresAt: NOW + 1 };
  const asked: (string | null)[] = [];
  const findKey = (_: string, token: string | null) => {
    asked.push(token);
    return key;
  };
  verifySignature(signHeaders(REQUEST, session, TIME), rules({ findKey }));
  verifySignature(signHeaders(REQUEST, session, { ...TIME, unsigned: ['x-amz-security-token'] }), rules({ findKey }));
  verifySignature(presign(REQUEST, session, TIME), rules({ findKey }));
  assert.deepEqual(asked, Array(3).fill('FwoGZX//token=='));
  const over = refusal(signHeaders(REQUEST, session, TIME), rules({ findKey: () => ({ ...key, expiresAt: NOW }) }));
  assert.equal(over.reason, 'expired-token');
});

test('nothing signed is told apart from signed badly', () => {
  assert.equal(refusal(REQUEST).reason, 'missing-authentication');
  const request = signed();
  const broken: SignedRequest[] = [
    withHeader(request, 'authorization', 'Bearer abc'),
    withHeader(request, 'authorization', 'AWS4-HMAC-SHA256'),
    withHeader(request, 'authorization', authorization(request).replace(/, Signature=.*/, '')),
    withHeader(request, 'authorization', authorization(request).replace('/aws4_request', '')),
    withHeader(request, 'authorization', authorization(request).replace('content-type;host', 'host;content-type')),
    withHeader(request, 'authorization', `${authorization(request)}, Credential=x/y`),
    { ...request, headers: [...request.headers, ['authorization', authorization(request)]] },
    { ...request, headers: [...request.headers, ['x-amz-date', TIME.time]] },
    { ...request, query: 'X-Amz-Signature=0' },
    { ...request, query: 'X%2DAmz-Signature=0' },
    { ...request, query: '%58-%41mz-%53ignature=0' },
    withHeader(request, 'x-amz-date', '2026-05-17T10:30:00Z'),
    withHeader(request, 'x-amz-date', '20261317T103000Z'),
    without(request, 'x-amz-date'),
    { ...REQUEST, query: 'X-Amz-Algorithm=AWS4-HMAC-SHA256' },
    { ...presign(REQUEST, IDENTITY, { ...TIME, expires: 604_801 }) },
  ];
  for (const candidate of broken) assert.match(refusal(candidate).reason, /^incomplete-signature|^signature-mismatch/);
});

test('a signature over more than a hundred headers is refused before it costs anything', () => {
  const many = Array.from({ length: 101 }, (_, at): [string, string] => [`x-${1000 + at}`, 'v']);
  verifySignature(signed({ headers: [...REQUEST.headers, ...many.slice(0, 95)] }), rules());
  assert.equal(refusal(signed({ headers: [...REQUEST.headers, ...many] })).reason, 'incomplete-signature');
});

test('a Date header does where X-Amz-Date is missing, in either form', () => {
  const dated = (date: string) => {
    const request = signHeaders(REQUEST, IDENTITY, { ...TIME, unsigned: ['x-amz-date'] });
    return withHeader(without(request, 'x-amz-date'), 'date', date);
  };
  verifySignature(dated('20260517T103000Z'), rules());
  verifySignature(dated('Sun, 17 May 2026 10:30:00 GMT'), rules());
  assert.equal(refusal(dated('yesterday')).reason, 'incomplete-signature');
});

test('no refusal repeats a signature, a token or a secret', () => {
  const request = signHeaders(REQUEST, { ...IDENTITY, sessionToken: 'very-secret-token' }, TIME);
  const given = authorization(request);
  const signature = given.slice(-64);
  for (let length = 0; length < given.length; length += 7) {
    const error = refusal(withHeader(request, 'authorization', `${given.slice(0, length)}~${given.slice(length + 1)}`));
    const told = `${error.message}${JSON.stringify(error.facts)}`;
    for (const secret of [signature.slice(0, 16), 'very-secret-token', IDENTITY.secretAccessKey])
      assert(!told.includes(secret));
  }
});

test('a secret that changed under the same access key takes effect at once', () => {
  const signingKeys = new SigningKeys();
  const given = (secret: string) => rules({ signingKeys, findKey: () => ({ ...KEY, secretAccessKey: secret }) });
  verifySignature(signed(), given(IDENTITY.secretAccessKey));
  assert.equal(refusal(signed(), given('another')).reason, 'signature-mismatch');
  verifySignature(signed(), given(IDENTITY.secretAccessKey));
});

test('signing keys are forgotten beyond the limit, the longest unused first', () => {
  const keys = new SigningKeys(2);
  const scope = { date: '20260517', region: 'r', service: 's' };
  const first = keys.get('first', 'secret', scope);
  keys.get('second', 'secret', scope);
  assert.equal(keys.get('first', 'secret', scope), first);
  keys.get('third', 'secret', scope);
  assert.equal(keys.size, 2);
  assert.equal(keys.get('first', 'secret', scope), first);
});
