import type { RandomSource, SecretRecord } from '@rekey/core';
import { findSecretById } from '../engine/secret-lookup.ts';
import type { Entry, Store } from '../store/store.ts';

const SUFFIX_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const SUFFIX_LENGTH = 6;

export interface ArnPlace {
  readonly region: string;
  readonly account: string;
}

/**
 * The secret somebody means by its name, its full ARN, or its ARN without the suffix. A name that itself ends in a
 * hyphen and six characters makes the last form ambiguous: then the full ARN wins.
 */
export function resolveSecret(store: Store, secretId: string): Promise<Entry<SecretRecord> | null> {
  return secretId.startsWith('arn:') ? findSecretById(store, secretId) : store.findSecret(secretId);
}

/** ARN for a new secret. The suffix is random, so that what was granted on a deleted secret is not granted on its successor. */
export function makeSecretArn(name: string, place: ArnPlace, random: RandomSource): string {
  let suffix = '';
  while (suffix.length < SUFFIX_LENGTH) suffix += SUFFIX_ALPHABET[random.below(SUFFIX_ALPHABET.length)];
  return `${secretArnPrefix(place)}${name}-${suffix}`;
}

/** What permissions are decided on while the secret is not known to exist: its ARN as far as it can be told. */
export function arnOfUnknown(secretId: string, place: ArnPlace): string {
  return secretId.startsWith('arn:') ? secretId : `${secretArnPrefix(place)}${secretId}`;
}

function secretArnPrefix({ region, account }: ArnPlace): string {
  return `arn:aws:secretsmanager:${region}:${account}:secret:`;
}
