import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { inspect } from 'node:util';
import { SecretsClient, type SecretsClientOptions } from './client.ts';
import { RekeyClientError } from './errors.ts';
import { FakeClock } from './testing/fake-clock.ts';
import { FakeSecretsManager } from './testing/fake-secrets-manager.ts';
import type { Fetch } from './transport.ts';

const PASSWORD = 'hunter2-"quoted"-secret';
let server: FakeSecretsManager;
before(async () => {
  server = await FakeSecretsManager.start();
});
after(() => server.stop());
beforeEach(() => server.requests.splice(0));

const CREDENTIALS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'topsecretkey' };
/** No waits between attempts, nothing from this machine's environment. */
function open(options: SecretsClientOptions = {}): SecretsClient {
  return new SecretsClient({
    endpoint: server.endpoint,
    credentials: CREDENTIALS,
    environment: {},
    random: () => -1,
    ...options,
  });
}

test('a value is read over the wire of Secrets Manager, signed', async () => {
  const versionId = server.put('shop/db', PASSWORD);
  const answer = await open({ region: 'eu-west-1' }).getSecretValue({ SecretId: 'shop/db' });
  assert.equal(answer.SecretString, PASSWORD);
  assert.equal(answer.VersionId, versionId);
  assert.equal(answer.CreatedDate?.getTime(), 1_767_225_600_123);
  const [request] = server.requests;
  assert.equal(request!.headers['content-type'], 'application/x-amz-json-1.1');
  assert.match(
    String(request!.headers.authorization),
    /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-west-1\/secretsmanager\//,
  );
  assert.deepEqual(JSON.parse(request!.body), { SecretId: 'shop/db' });
});

test('a binary value comes as bytes', async () => {
  server.put('blob', new Uint8Array([0, 255, 7]));
  assert.deepEqual((await open().getSecretValue({ SecretId: 'blob' })).SecretBinary, new Uint8Array([0, 255, 7]));
});

test('selectors of a version travel', async () => {
  server.put('shop/db', 'x');
  await open().getSecretValue({ SecretId: 'shop/db', VersionStage: 'AWSPREVIOUS', VersionId: 'v' });
  assert.deepEqual(JSON.parse(server.requests[0]!.body), {
    SecretId: 'shop/db',
    VersionStage: 'AWSPREVIOUS',
    VersionId: 'v',
  });
});

test("the server's error keeps its code, status and sentence, and is not tried again when it will not pass", async () => {
  await assert.rejects(open().getSecretValue({ SecretId: 'nowhere' }), {
    name: 'RekeyClientError',
    code: 'ResourceNotFoundException',
    status: 400,
    retryable: false,
    message: "GetSecretValue of nowhere failed: Secrets Manager can't find the specified secret.",
  });
  assert.equal(server.requests.length, 1);
});

for (const [name, way] of Object.entries({
  'an internal error': { status: 500, body: { __type: 'InternalServiceError' } },
  throttling: { status: 400, body: { __type: 'ThrottlingException' } },
  'a broken connection': 'reset',
} as const)) {
  test(`${name} is tried again, and the call succeeds when it passes`, async () => {
    server.put('shop/db', 'x');
    server.misbehave(way, way);
    assert.equal((await open().getSecretValue({ SecretId: 'shop/db' })).SecretString, 'x');
    assert.equal(server.requests.length, 3);
  });
}

test('attempts end, and the last failure is told as retryable', async () => {
  const down = { status: 503, body: 'upstream is away' };
  server.misbehave(down, down, down);
  await assert.rejects(open().getSecretValue({ SecretId: 'shop/db' }), {
    code: 'http-503',
    retryable: true,
    status: 503,
  });
});

test('a server that hangs is given up after the time limit', async () => {
  server.misbehave('hang');
  const clock = new FakeClock();
  const call = open({ clock, attempts: 1, timeout: 700 }).getSecretValue({ SecretId: 'shop/db' });
  const outcome = assert.rejects(call, { code: 'timeout', retryable: true, message: /within 700 ms/ });
  while (server.requests.length === 0) await clock.advance(0);
  await clock.advance(700);
  await outcome;
});

test('a server that is not there is told by its origin and the reason', async () => {
  await assert.rejects(open({ endpoint: 'http://127.0.0.1:1', attempts: 1 }).getSecretValue({ SecretId: 'x' }), {
    code: 'unreachable',
    message: /http:\/\/127\.0\.0\.1:1 could not be reached/,
  });
});

test('writes carry a request token, so that sending them again cannot write twice', async () => {
  server.misbehave('reset');
  await open().call('PutSecretValue', { SecretId: 'shop/db', SecretString: PASSWORD });
  const tokens = server.requests.map((request) => JSON.parse(request.body).ClientRequestToken);
  assert.match(tokens[0], /^[0-9a-f-]{36}$/);
  assert.equal(tokens[0], tokens[1]);
});

test('a value that was sent never comes back in an error, however the server quotes it', async () => {
  const secretString = JSON.stringify({ password: PASSWORD });
  const quotes = [
    `1 validation error detected: Value '${secretString}' at 'secretString' failed to satisfy constraint`,
    `bad: ${secretString}`,
    `bad: ${PASSWORD}`,
    `bad: ${JSON.stringify(secretString)}`,
  ];
  for (const message of quotes) {
    server.misbehave({ status: 400, body: { __type: 'ValidationException', message } });
    const error = await open()
      .call('PutSecretValue', { SecretId: 'shop/db', SecretString: secretString })
      .catch((e) => e);
    assert.equal(error.code, 'ValidationException');
    assert.doesNotMatch(inspect(error), /hunter2/);
  }
});

test('a value nested deeper than a stack is does not hide what the server answered', async () => {
  server.misbehave({ status: 400, body: { __type: 'ValidationException', message: `bad: ${PASSWORD}` } });
  const SecretString = `${'{"a":'.repeat(9_000)}${JSON.stringify(PASSWORD)}${'}'.repeat(9_000)}`;
  const error = await open()
    .call('PutSecretValue', { SecretId: 'shop/db', SecretString })
    .catch((e) => e);
  assert.equal(error.code, 'ValidationException');
  assert.doesNotMatch(inspect(error), /hunter2/);
});

test('an answer that is no JSON is told without showing it', async () => {
  server.misbehave({ status: 200, body: `<html>${PASSWORD}` });
  const error = await open()
    .getSecretValue({ SecretId: 'shop/db' })
    .catch((e) => e);
  assert.equal(error.code, 'malformed-response');
  assert.doesNotMatch(inspect(error), /hunter2/);
});

test('a redirect is not followed: the body was meant for this host', async () => {
  server.misbehave({ status: 307, headers: { location: server.endpoint } });
  await assert.rejects(open().call('PutSecretValue', { SecretString: PASSWORD }), {
    status: 307,
    code: 'malformed-response',
  });
  assert.equal(server.requests.length, 1);
});

test('a clock that is wrong is put right by the server’s, once', async () => {
  const clock = new FakeClock(Date.UTC(2026, 0, 1, 0, 20));
  server.put('shop/db', 'x');
  server.misbehave({
    status: 400,
    body: {
      __type: 'InvalidSignatureException',
      message: 'Signature not yet current: 20260101T002000Z is still later than …',
    },
    headers: { date: 'Thu, 01 Jan 2026 00:00:00 GMT' },
  });
  const client = open({ clock });
  await client.getSecretValue({ SecretId: 'shop/db' });
  const [first, second] = server.requests.map((request) => request.headers['x-amz-date']);
  assert.equal(first, '20260101T002000Z');
  assert.equal(second, '20260101T000000Z');
});

test('credentials that ended are fetched again, once', async () => {
  let fetches = 0;
  const client = open({
    credentials: async () => ({ accessKeyId: `AKIA${++fetches}`, secretAccessKey: 's', expiration: new Date(8e15) }),
  });
  server.put('shop/db', 'x');
  server.misbehave({ status: 400, body: { __type: 'ExpiredTokenException', message: 'ended' } });
  await client.getSecretValue({ SecretId: 'shop/db' });
  assert.equal(fetches, 2);
  const refused = { status: 400, body: { __type: 'UnrecognizedClientException', message: 'who' } };
  server.misbehave(refused, refused);
  await assert.rejects(client.getSecretValue({ SecretId: 'shop/db' }), { code: 'UnrecognizedClientException' });
});

test('the native face is signed for its own service, or carries the bearer token', async () => {
  await open().native('GET', '/rekey/secrets/shop%2Fdb?limit=2');
  assert.match(String(server.requests[0]!.headers.authorization), /\/us-east-1\/rekey\/aws4_request/);
  assert.equal(server.requests[0]!.path, '/rekey/secrets/shop%2Fdb?limit=2');
  await open({ token: 'tok' }).native('POST', '/rekey/secrets/a/rotate', { wait: true });
  assert.equal(server.requests[1]!.headers.authorization, 'Bearer tok');
  assert.equal(server.requests[1]!.body, '{"wait":true}');
});

test('access keys go before REKEY_TOKEN, which is used only where there are none', async () => {
  const nowhere = { AWS_CONFIG_FILE: '/nowhere', AWS_SHARED_CREDENTIALS_FILE: '/nowhere', REKEY_TOKEN: 'root' };
  const keys = { AWS_ACCESS_KEY_ID: 'AKIDOFAUSER', AWS_SECRET_ACCESS_KEY: 'key' };
  await open({ environment: nowhere }).native('GET', '/rekey/status');
  await open({ environment: { ...nowhere, ...keys }, credentials: undefined }).native('GET', '/rekey/status');
  await open({ environment: nowhere, credentials: undefined }).native('GET', '/rekey/status');
  const sent = server.requests.map(({ headers }) => String(headers.authorization));
  assert.match(sent[0]!, /Credential=AKIDEXAMPLE\//);
  assert.match(sent[1]!, /Credential=AKIDOFAUSER\//);
  assert.equal(sent[2], 'Bearer root');
});

test('access keys that are not complete are told of, and REKEY_TOKEN does not act in their place', async () => {
  const nowhere = { AWS_CONFIG_FILE: '/nowhere', AWS_SHARED_CREDENTIALS_FILE: '/nowhere', REKEY_TOKEN: 'root' };
  for (const half of [{ AWS_ACCESS_KEY_ID: 'AKID' }, { AWS_SECRET_ACCESS_KEY: 'key' }, { AWS_PROFILE: 'gone' }]) {
    const client = open({ environment: { ...nowhere, ...half }, credentials: undefined });
    await assert.rejects(client.native('GET', '/rekey/status'), { code: 'configuration' });
  }
  assert.equal(server.requests.length, 0);
});

test('a native POST is not sent twice when nobody knows whether it was carried out, but is when it was turned away', async () => {
  server.misbehave('reset');
  await assert.rejects(open().native('POST', '/rekey/x', {}), { code: 'unreachable' });
  assert.equal(server.requests.length, 1);
  server.misbehave({ status: 503 });
  await open().native('POST', '/rekey/x', {});
  assert.equal(server.requests.length, 3);
});

test("the native face's errors keep their code", async () => {
  server.misbehave({ status: 404, body: { error: { code: 'not-found', message: 'no such rotation' } } });
  await assert.rejects(open().native('GET', '/rekey/x'), {
    code: 'not-found',
    status: 404,
    message: /no such rotation/,
  });
});

test('a native path cannot lead to another host', async () => {
  for (const path of ['//evil.example/x', 'https://evil.example/', '/\\evil.example/x'])
    await assert.rejects(open().native('GET', path), { code: 'configuration' });
  assert.equal(server.requests.length, 0);
});

test('many calls share few connections', async () => {
  server.put('shop/db', 'x');
  const client = open();
  for (let at = 0; at < 20; at++) await client.getSecretValue({ SecretId: 'shop/db' });
  assert.ok((await server.connections()) <= 3);
});

test('the server is found by the environment, the nearest variable first, and is AWS itself without one', async () => {
  const asked: string[] = [];
  const fetch: Fetch = async (url) => {
    asked.push(url);
    return new Response('{}');
  };
  const all = {
    AWS_ENDPOINT_URL_SECRETS_MANAGER: 'https://one.example',
    REKEY_ENDPOINT: 'https://two.example',
    AWS_ENDPOINT_URL: 'https://three.example',
    AWS_REGION: 'eu-west-1',
  };
  for (const name of ['', 'AWS_ENDPOINT_URL_SECRETS_MANAGER', 'REKEY_ENDPOINT', 'AWS_ENDPOINT_URL'] as const) {
    if (name !== '') delete (all as Record<string, string>)[name];
    await new SecretsClient({ fetch, credentials: CREDENTIALS, environment: all }).call('ListSecrets');
  }
  assert.deepEqual(asked, [
    'https://one.example/',
    'https://two.example/',
    'https://three.example/',
    'https://secretsmanager.eu-west-1.amazonaws.com/',
  ]);
});

test('secrets do not travel in clear to another machine unless asked for', async () => {
  const remote = { endpoint: 'http://rekey.example:7420', fetch: async () => new Response('{}') };
  await assert.rejects(open(remote).call('ListSecrets'), { code: 'configuration', message: /in clear/ });
  await open({ ...remote, insecureHttp: true }).call('ListSecrets');
});

test('no server and no region is told with what to do', async () => {
  const environment = { AWS_CONFIG_FILE: '/nowhere', AWS_SHARED_CREDENTIALS_FILE: '/nowhere' };
  const client = new SecretsClient({ environment, credentials: CREDENTIALS });
  await assert.rejects(client.call('ListSecrets'), { code: 'configuration', message: /REKEY_ENDPOINT/ });
});

test('printing a client shows no credential', () => {
  assert.doesNotMatch(inspect(open(), { depth: 9, showHidden: true }), /topsecretkey/);
  assert.ok(new RekeyClientError('stale', 'x') instanceof Error);
});
