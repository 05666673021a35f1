import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RekeyError, systemRandom } from '@rekey/core';
import fc from 'fast-check';
import { type PasswordWish, randomPassword } from './random-password.ts';

const KINDS = { Lowercase: /[a-z]/, Uppercase: /[A-Z]/, Numbers: /[0-9]/, Punctuation: /[!-/:-@[-`{-~]/ };

test('every password fits its wish, and every wish that cannot be met is refused', () => {
  const flag = fc.boolean();
  const wishes = fc.record({
    length: fc.integer({ min: 1, max: 40 }),
    excludeCharacters: fc.string({ maxLength: 60 }),
    excludeNumbers: flag,
    excludePunctuation: flag,
    excludeUppercase: flag,
    excludeLowercase: flag,
    includeSpace: flag,
    requireEachKind: flag,
  });
  fc.assert(
    fc.property(wishes, (wish: PasswordWish) => {
      let password: string;
      try {
        password = randomPassword(wish, systemRandom);
      } catch (error) {
        assert.ok(error instanceof RekeyError && error.code === 'invalid-input');
        return;
      }
      assert.equal(password.length, wish.length);
      for (const char of password) assert.ok(!wish.excludeCharacters!.includes(char));
      if (!wish.includeSpace) assert.ok(!password.includes(' '));
      for (const [kind, pattern] of Object.entries(KINDS)) {
        const excluded = wish[`exclude${kind}` as keyof PasswordWish] as boolean;
        if (excluded) assert.doesNotMatch(password, pattern);
        else if (wish.requireEachKind) assert.match(password, pattern);
      }
    }),
  );
});

test('every password that fits is as likely as every other', () => {
  const wish = {
    length: 3,
    excludeCharacters: 'cdefghijklmnopqrstuvwxyz',
    excludeUppercase: true,
    excludePunctuation: true,
  };
  const only = { ...wish, excludeCharacters: `${wish.excludeCharacters}23456789` };
  const counts = new Map<string, number>();
  const draws = 36_000;
  for (let drawn = 0; drawn < draws; drawn += 1) {
    const password = randomPassword(only, systemRandom);
    counts.set(password, (counts.get(password) ?? 0) + 1);
  }
  // Three of a, b, 0, 1 with a letter and a digit each: 4³ − 2·2³ = 48 passwords.
  assert.equal(counts.size, 48);
  const expected = draws / 48;
  const chiSquared = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  assert.ok(chiSquared < 110, `χ² of 47 degrees of freedom is ${chiSquared}: less than one in a million`);
});

test('a space may occur where it is included, and need not', () => {
  const wish = { includeSpace: true, length: 4096 };
  assert.ok(randomPassword(wish, systemRandom).includes(' '));
});
