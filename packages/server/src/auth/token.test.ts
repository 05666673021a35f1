import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bearerToken, hashToken, matchesToken, verifyToken } from './token.ts';

const HOLDERS = [
  { tokenHash: hashToken('rekey.first'), principal: 'first' },
  { tokenHash: hashToken('rekey.second'), principal: 'second' },
];

function headers(...values: string[]) {
  return { headers: values.map((value): [string, string] => ['authorization', value]) };
}

test('a bearer token is read whatever the case of its scheme', () => {
  assert.equal(bearerToken(headers('Bearer rekey.abc-_~+/==')), 'rekey.abc-_~+/==');
  assert.equal(bearerToken(headers('bearer  x')), 'x');
  assert.equal(bearerToken(headers()), null);
});

test('two Authorization headers, another scheme or odd characters are refused, and never repeated', () => {
  for (const values of [
    ['Bearer a', 'Bearer a'],
    ['Basic secret'],
    ['Bearer'],
    ['Bearer sec ret'],
    ['Bearer sécret'],
  ]) {
    assert.throws(
      () => bearerToken(headers(...values)),
      (error: Error & { reason: string }) => {
        assert(!/s[eé]cret/.test(error.message));
        return error.reason === 'malformed-token';
      },
    );
  }
});

test('a token is known by its hash alone', () => {
  assert(matchesToken('rekey.first', hashToken('rekey.first')));
  assert(!matchesToken('rekey.First', hashToken('rekey.first')));
  assert(!matchesToken('rekey.first', new Uint8Array(0)));
  assert(!hashToken('rekey.first').includes('rekey'));
});

test('a token names its holder; a wrong or missing one names nobody', () => {
  assert.equal(verifyToken('rekey.second', HOLDERS), 'second');
  assert.throws(() => verifyToken('rekey.third', HOLDERS), { code: 'unauthenticated', reason: 'unknown-token' });
  assert.throws(() => verifyToken('', HOLDERS), { reason: 'unknown-token' });
  assert.throws(() => verifyToken(null, HOLDERS), { reason: 'missing-authentication' });
});
