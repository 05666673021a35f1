import type { Replica, SecretRecord } from '@rekey/core';
import type { Entry, Store, StoreWrite } from '../store/store.ts';
import { contentRemovals } from './deletion.ts';
import { lookupNameIn } from './names.ts';
import { notReplicaRegion, notReplicatedTo } from './refusals.ts';
import { regionIn, replicasOf } from './replica-view.ts';

/** Where a secret is to be readable besides its own region. */
export interface ReplicaWish {
  readonly regions: readonly { readonly region: string; readonly kmsKeyId: string | null }[];
  /** Whether a secret of the same name there gives way; it is removed at once. */
  readonly overwrite: boolean;
}

export interface ReplicationParts {
  readonly store: Store;
  /** The server's own region. */
  readonly region: string;
  /** Its further ones. */
  readonly replicaRegions: readonly string[];
}

/** A secret as it shall be, and what to write with it. */
export interface Replicated {
  readonly secret: SecretRecord;
  readonly writes: readonly StoreWrite[];
}

/**
 * Gives a secret replicas. There is one record and one value for all regions, so that a replica is in sync as soon as it
 * is there. A name that is taken in a region is no failure of the call: the replica says so (AWS).
 *
 * @throws RekeyError `invalid-input`, reason `replica-region-invalid`
 */
export async function replicate(
  parts: ReplicationParts,
  secret: SecretRecord,
  { regions, overwrite }: ReplicaWish,
): Promise<Replicated> {
  const primaryRegion = regionIn(secret.arn);
  refuseRegions(parts, primaryRegion, regions);
  const writes: StoreWrite[] = [];
  const replicas = new Map(replicasOf(secret).map((replica) => [replica.region, replica]));
  for (const { region, kmsKeyId } of regions) {
    const entrance = await openEntrance(parts, secret, region, overwrite);
    const failure = 'failure' in entrance ? entrance.failure : null;
    if ('writes' in entrance) writes.push(...entrance.writes);
    replicas.set(region, { region, kmsKeyId: kmsKeyId || null, failure });
  }
  return { secret: withReplicas(secret, primaryRegion, [...replicas.values()]), writes };
}

/**
 * Takes replicas away.
 *
 * @throws RekeyError `invalid-input`, reason `region-without-replica`
 */
export async function unreplicate(
  { store, region: home }: ReplicationParts,
  secret: SecretRecord,
  regions: readonly string[],
): Promise<Replicated> {
  const writes: StoreWrite[] = [];
  for (const region of new Set(regions)) {
    const replica = replicasOf(secret).find((candidate) => candidate.region === region);
    if (replica === undefined) throw notReplicatedTo(secret, region);
    if (replica.failure !== null) continue;
    const id = store.opaque('name', lookupNameIn(region, secret.name, home));
    writes.push({ collection: 'name', id, record: null });
  }
  return { secret: withoutReplicas(secret, regions), writes };
}

export function withoutReplicas(secret: SecretRecord, regions: readonly string[]): SecretRecord {
  const rest = replicasOf(secret).filter(({ region }) => !regions.includes(region));
  return withReplicas(secret, secret.replication?.primaryRegion ?? regionIn(secret.arn), rest);
}

function withReplicas(secret: SecretRecord, primaryRegion: string, replicas: readonly Replica[]): SecretRecord {
  return { ...secret, replication: replicas.length === 0 ? null : { primaryRegion, replicas } };
}

function refuseRegions(parts: ReplicationParts, primary: string, regions: ReplicaWish['regions']): void {
  const known = [parts.region, ...parts.replicaRegions];
  const seen = new Set<string>();
  for (const { region } of regions) {
    if (region === primary) throw notReplicaRegion(region, 'the secret itself is there');
    if (seen.has(region)) throw notReplicaRegion(region, 'it is named twice');
    if (known.length === 1) throw notReplicaRegion(region, 'this server is configured for one Region only');
    if (!known.includes(region)) throw notReplicaRegion(region, `this server is configured for ${known.join(', ')}`);
    seen.add(region);
  }
}

type Entrance = { readonly writes: readonly StoreWrite[] } | { readonly failure: string };

/** What makes the name lead to the secret in a region; or why it cannot. */
async function openEntrance(
  { store, region: home }: ReplicationParts,
  secret: SecretRecord,
  region: string,
  overwrite: boolean,
): Promise<Entrance> {
  const id = store.opaque('name', lookupNameIn(region, secret.name, home));
  const name = await store.get('name', id);
  const taken = name === null ? null : await store.get('secret', name.record.secretId);
  if (taken?.id === secret.id) return { writes: [] };
  const enter: StoreWrite = {
    collection: 'name',
    id,
    record: { secretId: secret.id },
    expect: name?.revision ?? 0,
  };
  if (taken === null) return { writes: [enter] };
  const blocked = `Replication failed: Secret name ${secret.name} already exists in region ${region}.`;
  if (!overwrite) return { failure: blocked };
  const removed = await makeRoom(store, taken, region);
  return removed === null ? { failure: `${blocked} It has replicas of its own.` } : { writes: [enter, ...removed] };
}

/** Takes away the secret that has the name in a region, or the replica; null where it must not go. */
async function makeRoom(
  store: Store,
  { id, revision, record }: Entry<SecretRecord>,
  region: string,
): Promise<readonly StoreWrite[] | null> {
  const isReplica = regionIn(record.arn) !== region;
  if (isReplica) {
    const rest = withoutReplicas(record, [region]);
    return [{ collection: 'secret', id, record: rest, expect: revision }];
  }
  if (replicasOf(record).length > 0) return null;
  const gone: StoreWrite = { collection: 'secret', id, record: null, expect: revision };
  return [gone, ...(await contentRemovals(store, record))];
}
