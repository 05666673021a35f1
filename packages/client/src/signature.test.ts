import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { canonicalRequest, signRequest, type UnsignedRequest } from './signature.ts';

const VECTORS = join(import.meta.dirname, '../../../../shared/data/sigv4-vectors');
const CREDENTIALS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
const SCOPE = { region: 'us-east-1', service: 'service', now: Date.UTC(2015, 7, 30, 12, 36) };

const LEFT_OUT: ReadonlySet<string> = new Set([
  'post-sts-header-after', // The token is added unsigned; we always sign it.
  'get-vanilla-with-session-token', // Misprinted: the request lacks its token and the signatures disagree.
]);

test('a request is signed as in the example that AWS publishes', () => {
  const request = { method: 'GET', path: '/', query: '', headers: { Host: 'example.amazonaws.com' }, body: '' };
  assert.equal(
    signRequest(request, CREDENTIALS, SCOPE).authorization,
    'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31',
  );
});

test('a session token travels and is signed', () => {
  const request = { method: 'GET', path: '/', query: '', headers: { host: 'a' }, body: '' };
  const headers = signRequest(request, { ...CREDENTIALS, sessionToken: 'token' }, SCOPE);
  assert.equal(headers['x-amz-security-token'], 'token');
  assert.match(headers.authorization!, /SignedHeaders=host;x-amz-date;x-amz-security-token,/);
});

test('an encoded slash in a path is signed in its encoded form', () => {
  const request = { method: 'GET', path: '/rekey/secrets/shop%2Fdb', query: '', headers: { host: 'a' }, body: '' };
  assert.match(canonicalRequest(request), /^GET\n\/rekey\/secrets\/shop%252Fdb\n/);
});

test("every request of AWS's published suite is signed as AWS signs it", {
  skip: existsSync(VECTORS) ? false : 'the suite does not stand beside the checkout',
}, () => {
  for (const { name, read } of vectors()) {
    if (LEFT_OUT.has(name)) continue;
    const { request, token } = parseRequest(read('req'));
    const headers = signRequest(request, token === null ? CREDENTIALS : { ...CREDENTIALS, sessionToken: token }, SCOPE);
    assert.equal(headers.authorization, read('authz'), name);
  }
});

function* vectors() {
  for (const entry of readdirSync(VECTORS, { recursive: true, encoding: 'utf8' })) {
    if (!entry.endsWith('.req')) continue;
    const base = join(VECTORS, entry.slice(0, -'.req'.length));
    const read = (kind: string) => readFileSync(`${base}.${kind}`, 'utf8').replaceAll('\r\n', '\n');
    yield { name: base.split('/').at(-1)!, read };
  }
}

function parseRequest(text: string): { request: UnsignedRequest; token: string | null } {
  const [head = '', ...rest] = text.split('\n\n');
  const [line = '', ...headerLines] = head.split('\n');
  const [, method = '', target = ''] = /^(\S+) (.*) HTTP\/1\.1$/.exec(line) ?? [];
  const at = target.indexOf('?');
  const headers: Record<string, string> = {};
  let token: string | null = null;
  let last = '';
  for (const header of headerLines) {
    const [, name, value = ''] = /^([^\s:]+):(.*)$/.exec(header) ?? [];
    if (name?.toLowerCase() === 'x-amz-security-token') token = value;
    else if (name === undefined) headers[last] += ` ${header.trim()}`;
    else if (name.toLowerCase() !== 'x-amz-date') {
      last = name.toLowerCase();
      headers[last] = headers[last] === undefined ? value : `${headers[last]},${value.trim()}`;
    }
  }
  const path = at < 0 ? target : target.slice(0, at);
  return {
    request: { method, path, query: at < 0 ? '' : target.slice(at + 1), headers, body: rest.join('\n\n') },
    token,
  };
}
