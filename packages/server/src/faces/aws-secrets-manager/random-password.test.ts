import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openFace } from './testing.ts';

describe('GetRandomPassword', () => {
  test('makes 32 characters of four kinds unless told', async () => {
    const { call } = await openFace();
    const { RandomPassword } = await call('GetRandomPassword', {});
    assert.equal(RandomPassword.length, 32);
    for (const kind of [/[a-z]/, /[A-Z]/, /[0-9]/, /[!-/:-@[-`{-~]/]) assert.match(RandomPassword, kind);
  });

  test('leaves out what is excluded, and takes a space or not every kind where that is asked for', async () => {
    const { call } = await openFace();
    const only = { ExcludeLowercase: true, ExcludeUppercase: true, ExcludePunctuation: true };
    assert.match((await call('GetRandomPassword', { ...only, PasswordLength: 40 })).RandomPassword, /^[0-9]{40}$/);
    const spaced = { ...only, IncludeSpace: true, ExcludeCharacters: '123456789', RequireEachIncludedType: false };
    assert.match((await call('GetRandomPassword', { ...spaced, PasswordLength: 60 })).RandomPassword, /^[0 ]{60}$/);
    const lax = { PasswordLength: 1, RequireEachIncludedType: false };
    assert.equal((await call('GetRandomPassword', lax)).RandomPassword.length, 1);
  });

  const REFUSED: readonly [object, string, string][] = [
    [{ PasswordLength: 3 }, 'InvalidParameterException', 'Password length is too short based on the required types.'],
    [
      { ExcludeLowercase: true, ExcludeUppercase: true, ExcludeNumbers: true, ExcludePunctuation: true },
      'InvalidParameterException',
      'All characters have been excluded from selection.',
    ],
    [
      { ExcludeCharacters: '0123456789' },
      'InvalidParameterException',
      'All characters of the desired type have been excluded.',
    ],
    [
      { PasswordLength: 4097 },
      'ValidationException',
      "1 validation error detected: Value '4097' at 'passwordLength' failed to satisfy constraint: Member must have value less than or equal to 4096",
    ],
  ];
  for (const [input, type, text] of REFUSED)
    test(`${JSON.stringify(input)} is refused`, async () => {
      const { refusal } = await openFace();
      assert.deepEqual(await refusal('GetRandomPassword', input), { status: 400, type, text });
    });
});
