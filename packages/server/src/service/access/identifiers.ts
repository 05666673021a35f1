import type { RandomSource } from '@rekey/core';

/** Kinds of things that have policies. */
export type OwnerKind = 'user' | 'group' | 'role';
/** Kinds of things whose names are unique, whatever their case. */
export type NamedKind = OwnerKind | 'policy';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const SECRET_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const SECRET_LENGTH = 40;

const PREFIXES = { user: 'AIDA', group: 'AGPA', role: 'AROA', policy: 'ANPA' } as const;

/** Unique id of something new: AWS's prefix and 17 random characters (85 bits). */
export function makeUniqueId(kind: NamedKind, random: RandomSource): string {
  return PREFIXES[kind] + pick(random, ALPHABET, 17);
}

/** `AKIA…` and 16 random characters, as clients expect. */
export function makeAccessKeyId(random: RandomSource): string {
  return `AKIA${pick(random, ALPHABET, 16)}`;
}

/** 40 characters, 240 bits. */
export function makeSecretAccessKey(random: RandomSource): string {
  return pick(random, SECRET_ALPHABET, SECRET_LENGTH);
}

export function makeArn(account: string, kind: NamedKind, path: string, name: string): string {
  return `arn:aws:iam::${account}:${kind}${path}${name}`;
}

export function makeProviderArn(account: string, url: string): string {
  return `arn:aws:iam::${account}:oidc-provider/${url}`;
}

/** Name at the end of an ARN of the kind; null if it is no such ARN. */
export function nameInArn(kind: NamedKind, arn: string): string | null {
  return new RegExp(`^arn:aws:iam::\\d{12}:${kind}/(?:.*/)?([^/]+)$`).exec(arn)?.[1] ?? null;
}

function pick(random: RandomSource, alphabet: string, length: number): string {
  let text = '';
  while (text.length < length) text += alphabet[random.below(alphabet.length)];
  return text;
}
