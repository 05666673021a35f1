import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RekeyError } from '@rekey/core';
import fc from 'fast-check';
import { presign, referenceCanonical, signHeaders } from './sigv4.testing.ts';
import { type SignedRequest, verifySignature } from './sigv4.ts';

const NOW = Date.UTC(2026, 4, 17, 10, 30, 0);
const IDENTITY = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret/secret', region: 'us-east-1', service: 'sts' };
const RULES = {
  findKey: (id: string) =>
    id === IDENTITY.accessKeyId ? { secretAccessKey: IDENTITY.secretAccessKey, principal: id, active: true } : null,
  now: () => NOW,
  services: [IDENTITY.service],
  region: IDENTITY.region,
};

const byteText = (maxLength: number) =>
  fc.uint8Array({ maxLength }).map((bytes) =>
    Buffer.from(bytes)
      .toString('latin1')
      .replace(/[\0\r\n]/g, '-'),
  );
const segment = fc.constantFrom('a', 'b c', '..', '.', '', '%2F', '%41', '~x', 'é', '$delete', '+', 'k%C3%A9y');
const path = fc.array(segment, { maxLength: 4 }).map((parts) => `/${parts.join('/')}`);
const parameter = fc.constantFrom(
  'a=1',
  'a=2',
  'a=',
  'a',
  'b=%20',
  'b=+',
  'A=x',
  '%E1%88%B4=v',
  'a-b=1',
  'q=%zz',
  'x==',
  '=',
  'é=1',
);
const query = fc.array(parameter, { maxLength: 4 }).map((parts) => parts.join('&'));
const extraHeader = fc.tuple(fc.constantFrom('x-note', 'x-amz-meta', 'accept', 'content-type'), byteText(12));

const request: fc.Arbitrary<SignedRequest> = fc.record({
  method: fc.constantFrom('GET', 'POST'),
  path,
  query,
  headers: fc
    .array(extraHeader, { maxLength: 4 })
    .map((headers): [string, string][] => [['host', 'localhost'], ['x-amz-target', 'sts.Get'], ...headers]),
  body: fc.uint8Array({ maxLength: 24 }),
});

const signedRequest = fc.tuple(request, fc.boolean()).map(([plain, inQuery]) => {
  const sign = inQuery ? presign : signHeaders;
  return sign(plain, IDENTITY, { time: '20260517T103000Z' });
});

/** Where in the request, where in the text found there, and what is done to it. */
const mutation = fc.record({
  part: fc.constantFrom(
    'method',
    'path',
    'query',
    'body',
    'value',
    'value',
    'name',
    'drop',
    'repeat',
    'swap',
    'insert',
  ),
  at: fc.nat(1000),
  edit: fc.constantFrom('replace', 'insert', 'remove', 'case'),
  character: fc.constantFrom(...'abz019AZ%+&=/;,. \t~-_é\n', 'x-amz-target', '/../', '%2F'),
});
type Mutation = typeof mutation extends fc.Arbitrary<infer M> ? M : never;

test('a request signed by the book is accepted, whatever bytes it is made of', () => {
  fc.assert(
    fc.property(signedRequest, (good) => {
      assert.equal((verifySignature(good, RULES) as { principal: string }).principal, IDENTITY.accessKeyId);
    }),
    { numRuns: 2000 },
  );
});

const MUTATED_PER_REQUEST = 50;
/** Times {@link MUTATED_PER_REQUEST}: 100,000 mutated requests, in some ten seconds. */
const REQUESTS = 2_000;

test('of 100,000 mutated requests none is accepted whose canonical request or body differs', () => {
  const mutated = fc.array(fc.array(mutation, { minLength: 1, maxLength: 3 }), {
    minLength: MUTATED_PER_REQUEST,
    maxLength: MUTATED_PER_REQUEST,
  });
  let refused = 0;
  const check = (good: SignedRequest, variants: readonly (readonly Mutation[])[]) => {
    for (const mutations of variants) {
      const changed = mutations.reduce(mutate, good);
      if (isAccepted(changed)) assert.equal(meaning(changed), meaning(good), JSON.stringify(mutations));
      else refused++;
    }
  };
  fc.assert(fc.property(signedRequest, mutated, check), { numRuns: REQUESTS });
  assert(refused > 50_000, `only ${refused} of 100,000 mutated requests were refused: the mutations are too tame`);
});

test('the judge of the mutated requests finds the signed headers wherever the verification finds them', () => {
  const plain: SignedRequest = { method: 'GET', path: '/', query: '', headers: [['host', 'a']], body: Buffer.alloc(0) };
  const good = signHeaders(plain, IDENTITY, { time: '20260517T103000Z' });
  for (const written of ['SignedHeaders =', 'SignedHeaders\n= ', '\tSignedHeaders=  ']) {
    const headers = good.headers.map(([name, value]) => [name, value.replace('SignedHeaders=', written)] as const);
    assert(isAccepted({ ...good, headers }));
    assert.equal(meaning({ ...good, headers }), meaning(good));
  }
});

function isAccepted(candidate: SignedRequest): boolean {
  try {
    verifySignature(candidate, RULES);
    return true;
  } catch (error) {
    assert(error instanceof RekeyError && error.code === 'unauthenticated', String(error));
    return false;
  }
}

/** Everything a signature must bind: the canonical request, and in it the operation. */
function meaning(candidate: SignedRequest): string {
  const authorization = candidate.headers.find((header) => header[0] === 'authorization')?.[1];
  const names = signedNames(authorization ?? null, candidate.query);
  const hasTarget = candidate.headers.some((header) => header[0] === 'x-amz-target');
  if (hasTarget) assert(names.includes('x-amz-target'), 'the operation is not signed');
  return referenceCanonical(candidate, names);
}

/** Parts of the Authorization header may have white space around their names and values; the verification lets it pass. */
function signedNames(authorization: string | null, query: string): string[] {
  const inHeader = authorization === null ? null : /SignedHeaders\s*=([^,]+)/.exec(authorization)![1]!.trim();
  return (inHeader ?? new URLSearchParams(query).get('X-Amz-SignedHeaders')!).split(';');
}

function mutate(given: SignedRequest, mutation: Mutation): SignedRequest {
  const { part, at } = mutation;
  if (part === 'method' || part === 'path' || part === 'query')
    return { ...given, [part]: editText(given[part], mutation) };
  if (part === 'body')
    return { ...given, body: Buffer.from(editText(Buffer.from(given.body).toString('latin1'), mutation), 'latin1') };
  const headers = given.headers.map((header): [string, string] => [header[0], header[1]]);
  const index = at % headers.length;
  const [name, value] = headers[index]!;
  if (part === 'value') headers[index] = [name, editText(value, mutation)];
  if (part === 'name') headers[index] = [editText(name, mutation), value];
  if (part === 'drop') headers.splice(index, 1);
  if (part === 'repeat') headers.push([name, value]);
  if (part === 'swap') headers.unshift(...headers.splice(index, 1));
  if (part === 'insert') headers.push(['x-amz-target', 'sts.Delete']);
  return headers.length === 0 ? given : { ...given, headers };
}

function editText(text: string, { edit, at, character }: Mutation): string {
  const position = text.length === 0 ? 0 : at % text.length;
  const rest = text.slice(position + 1);
  if (edit === 'insert') return text.slice(0, position) + character + text.slice(position);
  if (edit === 'remove') return text.slice(0, position) + rest;
  if (edit === 'replace') return text.slice(0, position) + character + rest;
  const own = text[position] ?? '';
  return text.slice(0, position) + (own === own.toLowerCase() ? own.toUpperCase() : own.toLowerCase()) + rest;
}
