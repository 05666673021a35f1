import type { SecretValue } from '@rekey/core';
import type { Entry, StoreWrite } from './entry.ts';
import { partsOf } from './fingerprint-parts.ts';
import type { FingerprintPlace, FingerprintRecord } from './fingerprint-record.ts';

/** The record is read and written as one, and a value that so many versions share is no secret worth more room. */
export const MOST_PLACES = 64;

/** What it takes to hash and to look up: a store, or a part of one. */
export interface FingerprintSource {
  opaque(namespace: string, text: string): string;
  findFingerprint(id: string): Promise<Entry<FingerprintRecord> | null>;
}

/** A value, under the id of its record: `<secret id>/<version id>`. */
export interface PlacedValue {
  readonly id: string;
  readonly value: SecretValue;
}

/** Id of the record for a text: HMAC under a key that never leaves the keyring. */
export function fingerprintOf(source: Pick<FingerprintSource, 'opaque'>, text: string): string {
  return source.opaque('fingerprint', text);
}

/** The writes by which these values are found again; none for places that are known already. */
export async function fingerprintWrites(
  source: FingerprintSource,
  values: readonly PlacedValue[],
  now: number,
): Promise<readonly StoreWrite[]> {
  const places = new Map<string, FingerprintPlace[]>();
  for (const { id, value } of values) {
    const [secretId = '', versionId = ''] = id.split('/');
    for (const { part, text } of partsOf(value)) {
      const fingerprint = fingerprintOf(source, text);
      places.set(fingerprint, [...(places.get(fingerprint) ?? []), { secretId, versionId, part, at: now }]);
    }
  }
  const writes = await Promise.all([...places].map(([id, added]) => writeOf(source, id, added)));
  return writes.filter((write) => write !== null);
}

async function writeOf(
  source: FingerprintSource,
  id: string,
  added: readonly FingerprintPlace[],
): Promise<StoreWrite | null> {
  const known = await source.findFingerprint(id);
  const record = withPlaces(known?.record ?? null, added);
  if (record === known?.record) return null;
  return { collection: 'fingerprint', id, record, expect: known?.revision ?? 0 };
}

/** The record with further places; the same one where all of them are known. Pure. */
export function withPlaces(record: FingerprintRecord | null, added: readonly FingerprintPlace[]): FingerprintRecord {
  const known = new Set(record?.places.map(keyOf));
  const fresh = added.filter((place) => !known.has(keyOf(place)));
  if (record !== null && fresh.length === 0) return record;
  const places = [...(record?.places ?? []), ...fresh];
  const more = (record?.more ?? false) || places.length > MOST_PLACES;
  return { ...record, places: places.slice(-MOST_PLACES), more };
}

function keyOf({ secretId, versionId, part }: FingerprintPlace): string {
  return `${secretId}/${versionId}/${part}`;
}
