import { PENDING, type SecretRecord, type VersionRecord } from '@rekey/core';
import { KEPT_VERSIONS } from '../engine/versions.ts';
import type { Store, StoreWrite } from '../store/store.ts';
import { lookupNameIn } from './names.ts';
import { withoutReplicas } from './replication.ts';

/** What a replica begins its own life with. */
export interface Promotion {
  /** A record that is not yet anybody's. */
  readonly id: string;
  readonly region: string;
  /** The server's own region. */
  readonly home: string;
  readonly now: number;
}

/**
 * Makes a secret of its own out of a replica. It keeps its ARN, tags, policy, labels and values, but not the rotation:
 * two secrets that rotate one credential at the same target would lock each other's applications out (AWS: rotation has
 * to be set up anew).
 *
 * @param view the secret as its replica's region sees it
 * @returns the primary as it shall be, and what to write with it
 */
export async function promoteReplica(
  store: Store,
  primary: SecretRecord,
  view: SecretRecord,
  { id, region, home, now }: Promotion,
): Promise<{ readonly secret: SecretRecord; readonly writes: readonly StoreWrite[] }> {
  const lookupName = lookupNameIn(region, view.name, home);
  const nameId = store.opaque('name', lookupName);
  const name = await store.get('name', nameId);
  const versions = keptVersions(primary.versions);
  const { lookupName: _, replication: __, ...content } = view;
  const promoted: SecretRecord = {
    ...content,
    ...(lookupName === view.name ? {} : { lookupName }),
    id,
    versions,
    rotation: null,
    changedAt: now,
  };
  const writes: StoreWrite[] = [
    { collection: 'secret', id, record: promoted, expect: 0 },
    { collection: 'name', id: nameId, record: { secretId: id }, expect: name?.revision ?? 0 },
  ];
  for (const version of versions) {
    const value = await store.getValue(primary.id, version.id);
    if (value !== null) writes.push({ collection: 'value', id: `${id}/${version.id}`, record: value });
  }
  return { secret: withoutReplicas(primary, [region]), writes };
}

/** Versions with values: those with labels, and the newest without. A value that is only proposed stays with who proposed it. */
function keptVersions(versions: readonly VersionRecord[]): readonly VersionRecord[] {
  const settled = versions
    .filter(({ hasValue, labels }) => hasValue && !(labels.length === 1 && labels[0] === PENDING))
    .map((version) => ({ ...version, labels: version.labels.filter((label) => label !== PENDING) }));
  const newest = new Set(settled.slice(-KEPT_VERSIONS));
  return settled.filter((version) => version.labels.length > 0 || newest.has(version));
}
