import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RekeyError } from '@rekey/core';
import fc from 'fast-check';
import { Keyring } from '../seal/keyring.ts';
import { NextTokens } from './next-token.ts';

const tokens = new NextTokens(Keyring.create('store', 0));
const isRefused = (error: unknown) => error instanceof RekeyError && error.reason === 'next-token-invalid';

test('a token gives back its place to the same question, and tells nothing to anybody else', () => {
  fc.assert(
    fc.property(fc.string(), fc.string({ minLength: 9 }), fc.string(), (question, value, id) => {
      const token = tokens.make(question, { value, id });
      assert.match(token, /^[A-Za-z0-9_-]+$/);
      assert.deepEqual(tokens.read(question, token), { value, id });
      assert.ok(!Buffer.from(token, 'base64url').includes(Buffer.from(value)));
      assert.throws(() => tokens.read(`${question} `, token), isRefused);
    }),
  );
});

test('no altered token and no other text is taken for one', () => {
  const token = tokens.make('question', { value: 'name', id: 'id' });
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 255 }), fc.string(), (at, flip, text) => {
      const bytes = Buffer.from(token, 'base64url');
      bytes[at % bytes.length]! ^= flip;
      assert.throws(() => tokens.read('question', bytes.toString('base64url')), isRefused);
      if (text !== token) assert.throws(() => tokens.read('question', text), isRefused);
    }),
  );
  for (const place of ['id', 'id1', 'id12'].map((id) => tokens.make('question', { value: 'name', id })))
    for (const last of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_')
      if (!place.endsWith(last)) assert.throws(() => tokens.read('question', place.slice(0, -1) + last), isRefused);
  const foreign = new NextTokens(Keyring.create('store', 0));
  assert.throws(() => foreign.read('question', token), isRefused);
});

test('a token for the longest name stays within what AWS takes', () => {
  assert.ok(tokens.make('question', { value: 'n'.repeat(512), id: 'i'.repeat(22) }).length <= 4096);
});
