import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { type Clock, silentLogger } from '@rekey/core';
import type { Face, FaceRequest, FaceResponse } from '../faces/face.ts';
import { type Listener, type ListenOptions, listen } from './listen.ts';

const ECHO: Face = {
  name: 'echo',
  owns: (request) => request.path.startsWith('/echo'),
  handle: async ({ body, headers, id, method, path, query, remoteAddress, secure }) =>
    json(200, { body: Buffer.from(body).toString('hex'), headers, id, method, path, query, remoteAddress, secure }),
};

function json(status: number, content: unknown): FaceResponse {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(content) };
}

function face(handle: (request: FaceRequest) => Promise<FaceResponse>): Face {
  return { name: 'test', owns: () => true, handle };
}

/** The request as the echo saw it; the body in hex. */
async function echoed(answer: Response): Promise<Omit<FaceRequest, 'body'> & { readonly body: string }> {
  return (await answer.json()) as Omit<FaceRequest, 'body'> & { readonly body: string };
}

async function started(context: TestContext, options: Partial<ListenOptions> = {}): Promise<Listener> {
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    tls: null,
    insecureHttp: false,
    trustedProxies: [],
    faces: [ECHO],
    log: silentLogger,
    drainMilliseconds: 200,
    ...options,
  });
  context.after(() => listener.stop());
  return listener;
}

/** Sends bytes as they are and returns all that comes back until the other side closes. */
async function exchange(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(text, 'latin1');
  let received = '';
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1');
  });
  socket.on('error', () => {});
  await once(socket, 'close');
  return received;
}

test('a request reaches the face as it stood on the wire', async (context) => {
  const { port } = await started(context);
  const head =
    'POST /echo/a%20b/../c?x=%2B&y HTTP/1.1\r\nHost: h\r\nX-Note: one\r\nx-note:  two \r\nContent-Length: 3\r\nConnection: close\r\n\r\n';
  const answer = await exchange(port, `${head}\xff\x00z`);
  assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
  const request = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')));
  assert.equal(request.path, '/echo/a%20b/../c');
  assert.equal(request.query, 'x=%2B&y');
  assert.equal(request.body, 'ff007a');
  assert.deepEqual(request.headers.slice(0, 4), [
    ['host', 'h'],
    ['x-note', 'one'],
    ['x-note', 'two'],
    ['content-length', '3'],
  ]);
  assert.deepEqual([request.remoteAddress, request.secure], ['127.0.0.1', false]);
});

test('every request has an id of its own', async (context) => {
  const { endpoint } = await started(context);
  const ids = await Promise.all(
    Array.from({ length: 50 }, async () => (await echoed(await fetch(`${endpoint}/echo`))).id),
  );
  assert.equal(new Set(ids).size, 50);
});

test('the absolute form of a target is brought to the path', async (context) => {
  const { port } = await started(context);
  const answer = await exchange(port, 'GET http://somewhere/echo?q HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n');
  assert.match(answer, /"path":"\/echo","query":"q"/);
});

test('a request that no face owns is a JSON 404', async (context) => {
  const { endpoint } = await started(context);
  const answer = await fetch(`${endpoint}/elsewhere`);
  assert.equal(answer.status, 404);
  assert.match(await answer.text(), /^\{"message":"No protocol of this server answers/);
});

test('the first face that owns a request gets it', async (context) => {
  const all = face(async () => json(201, {}));
  const { endpoint } = await started(context, { faces: [ECHO, all] });
  assert.equal((await fetch(`${endpoint}/echo`)).status, 200);
  assert.equal((await fetch(`${endpoint}/other`)).status, 201);
});

test('a body in many pieces arrives whole, and one at the limit is not too long', async (context) => {
  const { endpoint } = await started(context, { bodyBytes: 300_000 });
  const parts = Array.from({ length: 30 }, (_, at) => String(at % 10).repeat(10_000));
  const answer = await fetch(`${endpoint}/echo`, {
    method: 'POST',
    body: ReadableStream.from(parts.map((part) => Buffer.from(part))),
    duplex: 'half',
  } as RequestInit);
  assert.equal(Buffer.from((await echoed(answer)).body, 'hex').toString(), parts.join(''));
});

test('a body that is too long is refused by the face in its own words, or plainly, and the connection lives', async (context) => {
  const refusing: Face = {
    ...face(async () => json(200, {})),
    refuseLargeBody: (request, limit) => json(400, { __type: 'TooLong', limit, body: request.body.length }),
  };
  const own = await started(context, { faces: [refusing], bodyBytes: 1000 });
  const plain = await started(context, { bodyBytes: 1000 });
  for (const body of ['x'.repeat(1001), ReadableStream.from([Buffer.alloc(600), Buffer.alloc(600)])]) {
    const answer = await fetch(`${own.endpoint}/`, { method: 'POST', body, duplex: 'half' } as RequestInit);
    assert.deepEqual([answer.status, await answer.json()], [400, { __type: 'TooLong', limit: 1000, body: 0 }]);
  }
  const head = 'POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1500\r\n\r\n';
  const answers = await exchange(
    plain.port,
    `${head}${'x'.repeat(1500)}GET /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`,
  );
  assert.deepEqual(answers.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 413', 'HTTP/1.1 200']);
});

test('a body that is far too long is not even read', async (context) => {
  const { port } = await started(context, { bodyBytes: 1000 });
  const announced = await exchange(port, 'POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9999999999\r\n\r\nx');
  assert.match(announced, /^HTTP\/1\.1 413 [\s\S]*connection: close/i);
  const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`;
  const endless = await exchange(port, `POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}`);
  assert.match(endless, /^HTTP\/1\.1 413 /);
});

test('a sender that is too slow is answered 408 and cut off', async (context) => {
  const { port } = await started(context, { requestMilliseconds: 40 });
  assert.match(
    await exchange(port, 'POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc'),
    /^HTTP\/1\.1 408 /,
  );
  assert.match(await exchange(port, 'POST /echo HTTP/1.1\r\nHo'), /^HTTP\/1\.1 408 /);
});

test('what is not HTTP, and headers beyond the limit, are refused and the server lives on', async (context) => {
  const { port, endpoint } = await started(context);
  assert.match(await exchange(port, 'hello\r\n\r\n'), /^HTTP\/1\.1 400 /);
  assert.match(
    await exchange(port, `GET /echo HTTP/1.1\r\nHost: h\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`),
    /^HTTP\/1\.1 431 /,
  );
  assert.match(await exchange(port, 'GET /echo HTTP/1.1\r\n\r\n'), /^HTTP\/1\.1 400 /);
  assert.equal((await fetch(`${endpoint}/echo`)).status, 200);
});

test('a sender that goes away in the middle disturbs nobody', async (context) => {
  const { port, endpoint } = await started(context);
  const socket = connect(port, '127.0.0.1');
  socket.write('POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc');
  await once(socket, 'connect');
  socket.resetAndDestroy();
  assert.equal((await fetch(`${endpoint}/echo`)).status, 200);
});

test('a face that waits is told when its caller hangs up', async (context) => {
  const asked = Promise.withResolvers<AbortSignal>();
  const handle = async (request: FaceRequest) => {
    const gone = request.gone?.() ?? AbortSignal.abort();
    asked.resolve(gone);
    if (!gone.aborted) await once(gone, 'abort');
    return json(200, {});
  };
  const { port } = await started(context, { faces: [face(handle)] });
  const socket = connect(port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
  const gone = await asked.promise;
  assert.equal(gone.aborted, false);
  const told = once(gone, 'abort');
  socket.destroy();
  await told;
});

test('a face that throws makes a 500 without detail and a log line without the message', async (context) => {
  const lines: string[] = [];
  const log = {
    ...silentLogger,
    error: (fields: object, message: string) => lines.push(JSON.stringify(fields) + message),
  };
  const rejecting = face(() => Promise.reject(new TypeError('password is hunter2')));
  const throwing = face(() => {
    throw new Error('password is hunter2');
  });
  const unsendable = face(async () => ({ status: 200, headers: { 'x-bad': 'hunter2\r\n' }, body: '' }));
  const owning = { ...ECHO, owns: () => assert.fail('hunter2') };
  for (const broken of [rejecting, throwing, unsendable, owning]) {
    const { endpoint } = await started(context, { faces: [broken], log });
    const answer = await fetch(`${endpoint}/some/path?token=hunter2`);
    assert.equal(answer.status, 500);
    assert(!(await answer.text()).includes('hunter2'));
  }
  assert.equal(lines.length, 4);
  for (const line of lines) {
    assert(!line.includes('hunter2'));
    assert.match(line, /"path":"\/some\/path","requestId":"[0-9a-f-]{36}","error":"\w+","at":\["at /);
  }
});

test('HEAD and 204 have no body', async (context) => {
  const { endpoint } = await started(context, {
    faces: [face(async ({ method }) => ({ status: method === 'PUT' ? 204 : 200, headers: {}, body: 'content' }))],
  });
  const head = await fetch(endpoint, { method: 'HEAD' });
  assert.equal(head.headers.get('content-length'), '7');
  const put = await fetch(endpoint, { method: 'PUT' });
  assert.deepEqual([put.status, await put.text(), put.headers.get('content-length')], [204, '', null]);
});

test('forwarding headers count only from a trusted proxy', async (context) => {
  const headers = { 'x-forwarded-for': '198.51.100.7', 'x-forwarded-proto': 'https' };
  const trusting = await started(context, { trustedProxies: ['127.0.0.0/8'] });
  const believed = await echoed(await fetch(`${trusting.endpoint}/echo`, { headers }));
  assert.deepEqual([believed.remoteAddress, believed.secure], ['198.51.100.7', true]);
  const plain = await started(context);
  const ignored = await echoed(await fetch(`${plain.endpoint}/echo`, { headers }));
  assert.deepEqual([ignored.remoteAddress, ignored.secure], ['127.0.0.1', false]);
});

test('stopping lets requests under way finish and takes no new ones', async (context) => {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<FaceResponse>();
  const slow = face(() => {
    asked.resolve();
    return answer.promise;
  });
  const { endpoint, stop } = await started(context, { faces: [slow], drainMilliseconds: 60_000 });
  const underWay = fetch(endpoint);
  await asked.promise;
  const stopped = stop();
  await assert.rejects(fetch(endpoint, { signal: AbortSignal.timeout(5000) }));
  answer.resolve(json(200, { done: true }));
  const response = await underWay;
  assert.deepEqual([response.headers.get('connection'), await response.json()], ['close', { done: true }]);
  await stopped;
});

test('stopping does not wait longer than the limit for a request that never ends', async (context) => {
  const asked = Promise.withResolvers<void>();
  const endless = face(() => {
    asked.resolve();
    return new Promise(() => {});
  });
  const { endpoint, stop } = await started(context, { faces: [endless], drainMilliseconds: 20 });
  const cut = assert.rejects(fetch(endpoint));
  await asked.promise;
  await stop();
  await cut;
});

test('plain HTTP beyond loopback is refused in one sentence, unless it is insisted on', async (context) => {
  await assert.rejects(started(context, { host: '0.0.0.0' }), {
    code: 'invalid-input',
    message: /^Plain HTTP on 0\.0\.0\.0 .* give --tls-cert and --tls-key, or --insecure-http/,
  });
  const { port } = await started(context, { host: '0.0.0.0', insecureHttp: true });
  assert.equal((await fetch(`http://127.0.0.1:${port}/echo`)).status, 200);
});

test('an address in use, or not ours, is told in one sentence', async (context) => {
  const { port } = await started(context);
  await assert.rejects(started(context, { port }), {
    code: 'unavailable',
    reason: 'address-in-use',
    message: `127.0.0.1:${port} is already in use; stop what listens there, or choose another address with --listen.`,
  });
  await assert.rejects(started(context, { host: '192.0.2.1', insecureHttp: true }), {
    message: /^192\.0\.2\.1 is no address of this machine/,
  });
});

/** Makes a self-signed certificate; false if there is no openssl to make it with. */
function makeCertificate(folder: string, name: string): boolean {
  const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')];
  const kind = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  try {
    execFileSync('openssl', [...kind, '-subj', `/CN=${name}`, ...files], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

async function certificateName(port: number): Promise<string> {
  const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const { CN } = socket.getPeerCertificate().subject;
  socket.destroy();
  return String(CN);
}

test('TLS serves its certificate, and a renewed one as soon as both files fit', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'rekey-tls-'));
  context.after(() => rmSync(folder, { recursive: true }));
  if (!makeCertificate(folder, 'first'))
    return context.skip('left out: there is no openssl to make a certificate with');
  const tls = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  let look = () => {};
  const clock: Clock = {
    now: Date.now,
    sleep: (_, signal) =>
      new Promise((resolve) => {
        look = resolve;
        signal?.addEventListener('abort', () => resolve(), { once: true });
      }),
    alarm: () => () => {},
  };
  const { port, endpoint } = await started(context, { tls, clock, host: '127.0.0.1' });
  assert.match(endpoint, /^https:\/\/127\.0\.0\.1:\d+$/);
  assert.equal(await certificateName(port), 'first');
  const key = readFileSync(tls.key);
  makeCertificate(folder, 'second');
  const renewed = readFileSync(tls.key);
  writeFileSync(tls.key, key);
  look();
  await new Promise(setImmediate);
  assert.equal(await certificateName(port), 'first');
  rmSync(tls.key);
  look();
  await new Promise(setImmediate);
  assert.equal(await certificateName(port), 'first', 'a file that is gone for a moment ends nothing');
  writeFileSync(tls.key, renewed);
  look();
  await new Promise(setImmediate);
  assert.equal(await certificateName(port), 'second');
});

test('certificates that cannot be used are told in one sentence', async (context) => {
  const tls = { cert: '/nowhere/cert.pem', key: '/nowhere/key.pem' };
  await assert.rejects(started(context, { tls }), {
    code: 'invalid-input',
    message: /cert\.pem and the key .* cannot be used together \(ENOENT\)/,
  });
});
