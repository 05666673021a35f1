import { RekeyError, type RotationRecord, type SecretRecord } from '@rekey/core';
import type { Entry, Store } from '../../store/store.ts';
import { ENDED } from './rotation-change.ts';

/** What is at work on a secret, and what waits behind it. */
export interface AtWork {
  readonly active: Entry<RotationRecord> | null;
  readonly queued: Entry<RotationRecord> | null;
}

export async function findAtWork(store: Store, secret: SecretRecord): Promise<AtWork> {
  const find = async (id: string | null | undefined) => {
    const entry = id == null ? null : await store.get('rotation', id);
    return entry === null || ENDED.has(entry.record.state) ? null : entry;
  };
  const active = await find(secret.rotation?.activeRotationId);
  return { active, queued: await find(secret.rotation?.queuedRotationId) };
}

/** @throws RekeyError `not-found` */
export async function getSecret(store: Store, secretId: string): Promise<Entry<SecretRecord>> {
  const secret = await store.get('secret', secretId);
  if (secret === null) throw new RekeyError('not-found', 'There is no such secret.');
  return secret;
}

/** How far back rotations are listed, and a repeated request is recognised. */
export const MOST_LISTED = 100;

/** The rotations of a secret, newest first. */
export async function listRotations(
  store: Store,
  secretId: string,
  limit: number = MOST_LISTED,
): Promise<readonly RotationRecord[]> {
  const listed = await store.list('rotation', {
    index: 'secret',
    from: `${secretId}/`,
    until: `${secretId}/~`,
    descending: true,
    limit: Math.min(limit, MOST_LISTED),
  });
  return listed.map(({ record }) => record);
}

/**
 * Compare-and-set against whoever writes the secret at the same time (labels, tags, another server's scheduler): does it
 * again, from reading on, until nobody came between.
 */
export async function untilUndisturbed<T>(act: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await act();
    } catch (error) {
      if (attempt >= ATTEMPTS || !(error instanceof RekeyError) || error.code !== 'conflict') throw error;
    }
  }
}

const ATTEMPTS = 20;
