import { RekeyError, type SecretRecord, type SecretValue, type Tag } from '@rekey/core';
import { findVersion } from '../engine/versions.ts';
import type { Entry, StoreWrite } from '../store/store.ts';
import { lookupNameIn, makeSecretArn } from './names.ts';
import type { ServiceParts } from './parts.ts';
import { nameMarkedForDeletion, secretExists, versionIdInUse } from './refusals.ts';
import { type ReplicaWish, replicate } from './replication.ts';
import { isSameValue } from './same-value.ts';
import { withTags } from './tags.ts';
import { placeValue } from './value-placement.ts';

export interface NewSecret {
  readonly name: string;
  readonly description?: string | undefined;
  readonly kmsKeyId?: string | undefined;
  readonly type?: string | undefined;
  readonly tags?: readonly Tag[] | undefined;
  /** The first value, *current* at once; left out, the secret begins without one. */
  readonly value?: { readonly versionId: string; readonly value: SecretValue } | undefined;
  /** Regions in which it can be read from the beginning. */
  readonly replicas?: ReplicaWish | undefined;
}

const ATTEMPTS = 5;

/**
 * Creates a secret. The same request again (same version id, same value) answers with the secret that it made.
 *
 * @param region where it is to be at home
 * @throws RekeyError `already-exists` or `invalid-state` (reason `name-marked-for-deletion`)
 */
export async function createSecret(parts: ServiceParts, wish: NewSecret, region: string): Promise<SecretRecord> {
  const lookupName = lookupNameIn(region, wish.name, parts.region);
  for (let attempt = 1; ; attempt += 1) {
    const existing = await parts.store.findSecret(lookupName);
    if (existing !== null) return createdBefore(parts, existing, wish);
    try {
      return await commitNew(parts, wish, region, lookupName);
    } catch (error) {
      if (attempt >= ATTEMPTS || !(error instanceof RekeyError) || error.code !== 'conflict') throw error;
    }
  }
}

async function createdBefore(
  { store }: ServiceParts,
  { record: secret }: Entry<SecretRecord>,
  { name, value }: NewSecret,
): Promise<SecretRecord> {
  if (secret.deletedAt !== null) throw nameMarkedForDeletion(name);
  if (value === undefined || findVersion(secret, value.versionId) === null) throw secretExists(name);
  const stored = await store.getValue(secret.id, value.versionId);
  if (stored === null || !isSameValue(stored, value.value)) throw versionIdInUse(secret, value.versionId);
  return secret;
}

async function commitNew(
  parts: ServiceParts,
  wish: NewSecret,
  region: string,
  lookupName: string,
): Promise<SecretRecord> {
  const now = parts.clock.now();
  const empty = newRecord(parts, wish, region, now);
  const placed =
    wish.value === undefined
      ? { secret: empty, writes: [] }
      : await placeValue(parts, empty, { ...wish.value, labels: [] }, now);
  const { secret, writes } =
    wish.replicas === undefined
      ? { secret: placed.secret, writes: [] }
      : await replicate(parts, placed.secret, wish.replicas);
  const named: StoreWrite[] = [
    { collection: 'secret', id: secret.id, record: secret, expect: 0 },
    { collection: 'name', id: parts.store.opaque('name', lookupName), record: { secretId: secret.id }, expect: 0 },
  ];
  await parts.store.commit([...named, ...placed.writes, ...writes]);
  return secret;
}

function newRecord(parts: ServiceParts, wish: NewSecret, region: string, now: number): SecretRecord {
  const lookupName = lookupNameIn(region, wish.name, parts.region);
  return {
    id: Buffer.from(parts.random.bytes(16)).toString('base64url'),
    name: wish.name,
    ...(lookupName === wish.name ? {} : { lookupName }),
    arn: makeSecretArn(wish.name, { region, account: parts.account }, parts.random),
    description: wish.description || null,
    kmsKeyId: wish.kmsKeyId || null,
    tags: wish.tags === undefined || wish.tags.length === 0 ? null : withTags(null, wish.tags),
    type: wish.type || null,
    createdAt: now,
    changedAt: now,
    lastAccessedDay: null,
    deletedAt: null,
    purgeAt: null,
    versions: [],
    rotation: null,
  };
}
