import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { presign, signHeaders } from '../packages/server/src/auth/sigv4.testing.ts';
import { rootClient } from './support/clients.ts';
import { createUser } from './support/iam.ts';
import { type RawAnswer, sendRaw } from './support/raw-http.ts';
import {
  ROOT_ACCESS_KEY_ID,
  ROOT_SECRET_ACCESS_KEY,
  startServer,
  type TestServer,
  temporaryFolder,
} from './support/server.ts';

/** Requests that were signed for one thing and are sent for another, as they stand on the wire. */
const ROOT = { accessKeyId: ROOT_ACCESS_KEY_ID, secretAccessKey: ROOT_SECRET_ACCESS_KEY, region: 'us-east-1' };
const VALUE = 'the-value-that-no-trick-brings-out';

let server: TestServer;
let port: number;
let host: string;
const cleanups: (() => Promise<void>)[] = [];

before(async () => {
  const folder = await temporaryFolder({ after: (fn) => cleanups.push(fn) });
  server = await startServer({ dataFolder: join(folder, 'data'), words: ['--log-level', 'warn'] });
  host = new URL(server.endpoint).host;
  port = Number(new URL(server.endpoint).port);
  await rootClient(server.endpoint).call('CreateSecret', { Name: 'kept', SecretString: VALUE });
});
after(async () => {
  assert.equal(await server.stop(), 0);
  for (const cleanup of cleanups) await cleanup();
});

const now = () => `${new Date().toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;

interface Wire {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

function read(body = JSON.stringify({ SecretId: 'kept' }), operation = 'GetSecretValue'): Wire {
  const headers = [
    ['host', host],
    ['content-type', 'application/x-amz-json-1.1'],
    ['x-amz-target', `secretsmanager.${operation}`],
  ] as const;
  const plain = { method: 'POST', path: '/', query: '', headers, body: Buffer.from(body) };
  const signed = signHeaders(plain, { ...ROOT, service: 'secretsmanager' }, { time: now() });
  return { method: 'POST', target: '/', headers: signed.headers, body };
}

function whoAmI(method = 'GET', action = 'GetCallerIdentity'): Wire {
  const query = `Action=${action}&Version=2011-06-15`;
  const plain = { method, path: '/', query, headers: [['host', host]] as const, body: Buffer.alloc(0) };
  const signed = presign(plain, { ...ROOT, service: 'sts' }, { time: now(), expires: 60 });
  return { method, target: `/?${signed.query}`, headers: signed.headers, body: '' };
}

function send({ method, target, headers, body }: Wire): Promise<RawAnswer> {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const own = headers.some(([name]) => name === 'content-length' || name === 'transfer-encoding');
  const length = own ? '' : `content-length: ${Buffer.byteLength(body)}\r\n`;
  return sendRaw(port, Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines}${length}\r\n${body}`));
}

async function refused(request: Wire, what: string): Promise<RawAnswer> {
  const answer = await send(request);
  assert.ok(answer.status >= 400 && answer.status < 500, `${what}: ${answer.status} ${answer.body}`);
  assert.ok(!answer.body.includes(VALUE), what);
  return answer;
}

const withHeaders = (request: Wire, ...more: readonly (readonly [string, string])[]): Wire => ({
  ...request,
  headers: [...request.headers, ...more],
});

test('a request as it was signed is served, also in absolute form', async () => {
  assert.match((await send(read())).body, new RegExp(VALUE));
  assert.match((await send({ ...read(), target: `http://${host}/` })).body, new RegExp(VALUE));
  assert.match((await send(whoAmI())).body, /:root</);
});

test('another operation, body, path, query or host than was signed is refused', async () => {
  const described = read('{"SecretId":"kept"}', 'DescribeSecret');
  const exchanged = described.headers.map(
    ([name, value]) => [name, value.replace('DescribeSecret', 'GetSecretValue')] as const,
  );
  await refused({ ...described, headers: exchanged }, 'another target');
  await refused(withHeaders(described, ['x-amz-target', 'secretsmanager.GetSecretValue']), 'a second target');
  await refused(
    { ...described, headers: [['x-amz-target', 'secretsmanager.GetSecretValue'], ...described.headers] },
    'a target before',
  );
  await refused({ ...read('{"SecretId":"none"}'), body: '{"SecretId":"kept"}' }, 'another body');
  await refused({ ...read(), target: '/?SecretId=kept' }, 'a query');
  await refused({ ...read(), target: '//' }, 'another path');
  await refused(
    {
      ...read(),
      headers: read().headers.map(([name, value]) => [name, name === 'host' ? 'evil.example' : value] as const),
    },
    'another host',
  );
  await refused(withHeaders(read(), ['host', 'evil.example']), 'a second host');
  await refused(withHeaders(read(), ['authorization', read().headers.at(-1)![1]]), 'a second signature');
});

test('what was presigned is good for that method, action and body alone', async () => {
  const link = whoAmI();
  await refused(
    {
      ...link,
      method: 'POST',
      headers: [...link.headers, ['content-type', 'application/x-www-form-urlencoded']],
      body: 'Action=GetSessionToken&Version=2011-06-15',
    },
    'as a POST',
  );
  await refused({ ...link, method: 'DELETE' }, 'as a DELETE');
  await refused({ ...link, body: 'Action=GetSessionToken' }, 'with a body');
  await refused({ ...link, target: link.target.replace('GetCallerIdentity', 'GetSessionToken') }, 'another action');
  await refused({ ...link, target: `${link.target}&Action=GetSessionToken` }, 'a second action');
  await refused({ ...link, target: `/?Action=GetSessionToken&${link.target.slice(2)}` }, 'an action before');
  await refused({ ...link, target: link.target.replace('X-Amz-Expires=60', 'X-Amz-Expires=600000') }, 'for longer');
  const signedPost = whoAmI('POST');
  await refused(
    {
      ...signedPost,
      headers: [...signedPost.headers, ['x-amz-target', 'secretsmanager.GetSecretValue']],
      body: '{"SecretId":"kept"}',
    },
    'as another protocol',
  );
});

test('no second request hides in a first one', async () => {
  const inner = read();
  const lines = inner.headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const hidden = `POST / HTTP/1.1\r\n${lines}content-length: ${inner.body.length}\r\n\r\n${inner.body}`;
  const outer = read('{}', 'ListSecrets');
  for (const framing of [
    [
      ['content-length', '2'],
      ['transfer-encoding', 'chunked'],
    ],
    [
      ['transfer-encoding', 'chunked'],
      ['content-length', '2'],
    ],
    [
      ['content-length', '2'],
      ['content-length', String(2 + hidden.length)],
    ],
    [['transfer-encoding', 'xchunked']],
    [['transfer-encoding', ' chunked, identity']],
    [['content-length', '+2']],
  ] as (readonly [string, string])[][]) {
    const answer = await send({ ...withHeaders(outer, ...framing), body: `{}${hidden}` });
    assert.ok(!answer.body.includes(VALUE), JSON.stringify(framing));
    assert.ok(
      answer.status === 0 || (answer.status >= 400 && answer.status < 500),
      `${answer.status} ${JSON.stringify(framing)}`,
    );
  }
});

test('headers that other servers obey change nothing here', async () => {
  const described = read('{"SecretId":"kept"}', 'DescribeSecret');
  for (const header of [
    ['x-http-method-override', 'DELETE'],
    ['x-original-url', '/rekey/status'],
    ['x-rewrite-url', '/rekey/status'],
    ['x_amz_target', 'secretsmanager.GetSecretValue'],
    ['x-forwarded-host', 'evil.example'],
  ] as const) {
    const answer = await send(withHeaders(described, header));
    assert.equal(answer.status, 200, header[0]);
    assert.ok(!answer.body.includes(VALUE), header[0]);
    assert.match(answer.body, /"Name":"kept"/, header[0]);
  }
});

test('a stranger gets the same answer for a secret that is there and one that is not', async () => {
  const keys = await createUser(server.endpoint, 'stranger', [
    { Effect: 'Allow', Action: 'secretsmanager:GetSecretValue', Resource: 'arn:aws:secretsmanager:*:*:secret:own/*' },
  ]);
  const ask = async (operation: string, name: string) => {
    const body = JSON.stringify({ SecretId: name });
    const wire = read(body, operation);
    const plain = { method: 'POST', path: '/', query: '', headers: wire.headers.slice(0, 3), body: Buffer.from(body) };
    const signed = signHeaders(plain, { ...keys, region: 'us-east-1', service: 'secretsmanager' }, { time: now() });
    const { status, headers, body: told } = await send({ ...wire, headers: signed.headers });
    const names = headers.split('\r\n').map((line) => line.split(':')[0]);
    return { status, names, told: told.replaceAll(name, 'NAME') };
  };
  for (const operation of [
    'GetSecretValue',
    'DescribeSecret',
    'GetResourcePolicy',
    'ListSecretVersionIds',
    'RestoreSecret',
  ])
    assert.deepEqual(await ask(operation, 'kept'), await ask(operation, 'none'), operation);
});
