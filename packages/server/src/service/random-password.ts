import type { Caller, RandomSource } from '@rekey/core';
import { invalidInput } from './refusals.ts';
import type { UseCases } from './use-case.ts';

/** What the password shall be like; source: AWS Secrets Manager, GetRandomPassword. */
export interface PasswordWish {
  /** Characters; 1 to 4096, default 32. */
  readonly length?: number | undefined;
  readonly excludeCharacters?: string | undefined;
  readonly excludeNumbers?: boolean | undefined;
  readonly excludePunctuation?: boolean | undefined;
  readonly excludeUppercase?: boolean | undefined;
  readonly excludeLowercase?: boolean | undefined;
  /** A space may occur; it need not. */
  readonly includeSpace?: boolean | undefined;
  /** At least one character of each kind that is not excluded; default true. */
  readonly requireEachKind?: boolean | undefined;
}

const LOWERCASE = 'abcdefghijklmnopqrstuvwxyz';
const UPPERCASE = LOWERCASE.toUpperCase();
const NUMBERS = '0123456789';
const PUNCTUATION = '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~';
const DEFAULT_LENGTH = 32;

/** The use case behind GetRandomPassword. */
export class RandomPasswords {
  readonly #random: RandomSource;
  readonly #cases: UseCases;

  constructor(random: RandomSource, cases: UseCases) {
    this.#random = random;
    this.#cases = cases;
  }

  make(caller: Caller, wish: PasswordWish): Promise<string> {
    const ask = { caller, action: 'secretsmanager:GetRandomPassword', name: '*' };
    return this.#cases.onName(ask, () => randomPassword(wish, this.#random));
  }
}

/**
 * A random password, every one that fits the wish being as likely as every other: drawn whole, and drawn again while a
 * required kind is missing. Putting the required characters in first would make some passwords likelier.
 *
 * @throws RekeyError `invalid-input`; reasons `password-nothing-left`, `password-kind-emptied`, `password-too-short`
 */
export function randomPassword(wish: PasswordWish, random: RandomSource): string {
  const length = wish.length ?? DEFAULT_LENGTH;
  const kinds = kindsOf(wish);
  const alphabet = kinds.join('') + (wish.includeSpace && !wish.excludeCharacters?.includes(' ') ? ' ' : '');
  if (alphabet === '')
    throw invalidInput('password-nothing-left', 'All characters are excluded; nothing is left to make a password of.');
  const required = (wish.requireEachKind ?? true) ? kinds : [];
  if (required.includes(''))
    throw invalidInput('password-kind-emptied', 'All characters of a required kind are excluded; exclude the kind.');
  if (length < required.length)
    throw invalidInput('password-too-short', `The password must have room for ${required.length} required kinds.`);
  for (;;) {
    const password = draw(alphabet, length, random);
    if (required.every((kind) => hasSomeOf(password, kind))) return password;
  }
}

function kindsOf(wish: PasswordWish): readonly string[] {
  const kinds = [
    wish.excludeLowercase ? null : LOWERCASE,
    wish.excludeUppercase ? null : UPPERCASE,
    wish.excludeNumbers ? null : NUMBERS,
    wish.excludePunctuation ? null : PUNCTUATION,
  ];
  const excluded = new Set(wish.excludeCharacters ?? '');
  return kinds.filter((kind) => kind !== null).map((kind) => [...kind].filter((char) => !excluded.has(char)).join(''));
}

function draw(alphabet: string, length: number, random: RandomSource): string {
  let password = '';
  while (password.length < length) password += alphabet[random.below(alphabet.length)];
  return password;
}

function hasSomeOf(password: string, kind: string): boolean {
  for (const char of password) if (kind.includes(char)) return true;
  return false;
}
