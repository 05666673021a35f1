import type { RandomSource } from '@rekey/core';
import type { Store } from '../../store/store.ts';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const PREFIX = 'ASIA';
const RANDOM_LENGTH = 12;
const MARK_LENGTH = 4;

/**
 * `ASIA`, twelve random characters (60 bits) and a mark of four that this store makes of them, by which
 * GetAccessKeyInfo knows the keys it gave out although none is kept. The mark guards nothing: the session token does.
 */
export function makeTemporaryKeyId(random: RandomSource, store: Pick<Store, 'opaque'>): string {
  const text = Array.from({ length: RANDOM_LENGTH }, () => ALPHABET[random.below(ALPHABET.length)]).join('');
  return `${PREFIX}${text}${markOf(text, store)}`;
}

export function isTemporaryKeyId(accessKeyId: string, store: Pick<Store, 'opaque'>): boolean {
  if (!accessKeyId.startsWith(PREFIX) || accessKeyId.length !== PREFIX.length + RANDOM_LENGTH + MARK_LENGTH)
    return false;
  const text = accessKeyId.slice(PREFIX.length, -MARK_LENGTH);
  return accessKeyId.endsWith(markOf(text, store));
}

function markOf(text: string, store: Pick<Store, 'opaque'>): string {
  const digest = Buffer.from(store.opaque('temporary-key', text), 'base64url');
  return Array.from(digest.subarray(0, MARK_LENGTH), (byte) => ALPHABET[byte % ALPHABET.length]).join('');
}
