import { createPublicKey, type KeyObject } from 'node:crypto';
import { RekeyError } from '@rekey/core';
import type { FindPartnerKey } from './github-partner.ts';

export interface PartnerKeysOptions {
  /** Fetches GitHub's list of keys. @throws Error in words that fit into a sentence */
  readonly fetchKeys: () => Promise<string>;
  readonly now: () => number;
}

/** GitHub changes its keys seldom, and names the key with each message. Milliseconds. */
const FRESH = 6 * 3_600_000;
/** A stranger who names unknown keys must not make us ask GitHub each time. Milliseconds. */
const PATIENCE = 60_000;
const MOST_KEYS = 50;

/** GitHub's public keys, fetched when they are first needed and when one is named that is not known. */
export function partnerKeys({ fetchKeys, now }: PartnerKeysOptions): FindPartnerKey {
  let keys: ReadonlyMap<string, KeyObject> = new Map();
  let fetchedAt = Number.NEGATIVE_INFINITY;
  let fetching: Promise<void> | null = null;
  /** Why the last list could not be had; null where it could. */
  let failure: unknown = null;
  const refresh = async () => {
    fetchedAt = now();
    try {
      keys = parseKeys(await fetchKeys().catch(unreachable));
      failure = null;
    } catch (error) {
      failure = error;
    }
  };
  return async (identifier) => {
    const age = now() - fetchedAt;
    if (age >= FRESH || (!keys.has(identifier) && age >= PATIENCE)) {
      fetching ??= refresh().finally(() => {
        fetching = null;
      });
    }
    await fetching;
    const key = keys.get(identifier) ?? null;
    // Whose key it is, is not known: to say that the signature is wrong would be the end of a true word.
    if (key === null && failure !== null) throw failure;
    return key;
  };
}

/** Only P-256: what else a list may hold is not for this. @throws RekeyError `unavailable` */
export function parseKeys(text: string): ReadonlyMap<string, KeyObject> {
  const listed = listOf(text).slice(0, MOST_KEYS);
  return new Map(
    listed.flatMap((entry): [string, KeyObject][] => {
      const { key_identifier: identifier, key } = (entry ?? {}) as { key_identifier?: unknown; key?: unknown };
      const parsed = typeof key === 'string' ? publicKey(key) : null;
      return typeof identifier === 'string' && parsed !== null ? [[identifier, parsed]] : [];
    }),
  );
}

/** A P-256 key in PEM; null for anything else. */
export function publicKey(pem: string): KeyObject | null {
  try {
    const key = createPublicKey(pem);
    return key.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? key : null;
  } catch {
    return null;
  }
}

function listOf(text: string): readonly unknown[] {
  try {
    const { public_keys: listed } = JSON.parse(text) as { public_keys?: unknown };
    if (Array.isArray(listed)) return listed;
  } catch {
    // Said below.
  }
  throw noKeys('its answer is no list of keys');
}

function unreachable(error: unknown): never {
  throw noKeys(error instanceof Error ? error.message : 'it could not be reached');
}

function noKeys(why: string): RekeyError {
  return new RekeyError('unavailable', `GitHub's public keys could not be fetched: ${why}.`, {
    reason: 'webhook-keys',
  });
}
