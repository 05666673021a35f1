import type { Keyring } from '../seal/keyring.ts';
import { type CollectionName, type Collections, INDEXES } from './collections.ts';
import type { StoredRecord, Write } from './driver.ts';
import { decodeRecord, encodeRecord } from './record-form.ts';
import type { Entry, StoreWrite } from './store.ts';

/** A write as the driver is to see it: sealed, with the index values in clear. */
export function sealWrite(keyring: Keyring, write: StoreWrite): Write {
  const { collection, id, record } = write;
  const expected = write.expect === undefined ? {} : { expect: write.expect };
  if (record === null) return { collection, id, body: null, ...expected };
  const body = keyring.seal(collection, id, encodeRecord(collection, record));
  return { collection, id, body, index: indexValues(collection, record), ...expected };
}

/** @throws RekeyError `decryption-failed` or `integrity` if what is stored was altered. */
export function openRecord<K extends CollectionName>(
  keyring: Keyring,
  collection: K,
  stored: StoredRecord,
): Entry<Collections[K]> {
  const plain = keyring.open(collection, stored.id, stored.body);
  return { id: stored.id, revision: stored.revision, record: decodeRecord(collection, plain) };
}

function indexValues<K extends CollectionName>(
  collection: K,
  record: Collections[K],
): Readonly<Record<string, string>> {
  const indexOf = INDEXES[collection] as (record: Collections[K]) => Readonly<Record<string, string>>;
  return indexOf(record);
}
