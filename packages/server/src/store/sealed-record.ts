import type { Keyring } from '../seal/keyring.ts';
import { type CollectionName, type Collections, INDEXES } from './collections.ts';
import type { StoredRecord, Write } from './driver.ts';
import type { Entry, StoreWrite } from './entry.ts';
import { decodeRecord, encodeRecord } from './record-form.ts';

/** How a record becomes bytes to be sealed, and one again. */
export interface RecordForm {
  encode<K extends CollectionName>(collection: K, record: Collections[K]): Uint8Array;
  decode<K extends CollectionName>(collection: K, plain: Uint8Array): Collections[K];
}

/** A keyring, with the form of what it seals where that is not the one that is written to disks. */
export type RecordSeal = Keyring & { readonly form?: RecordForm };

const WRITTEN: RecordForm = { encode: encodeRecord, decode: decodeRecord };

/** A write as the driver is to see it: sealed, with the index values in clear. */
export function sealWrite(keyring: RecordSeal, write: StoreWrite): Write {
  const { collection, id, record } = write;
  const { form = WRITTEN } = keyring;
  const expected = write.expect === undefined ? {} : { expect: write.expect };
  if (record === null) return { ...expected, collection, id, body: null };
  const body = keyring.seal(collection, id, form.encode(collection, record));
  return { ...expected, collection, id, body, index: indexValues(collection, record) };
}

/** @throws RekeyError `decryption-failed` or `integrity` if what is stored was altered. */
export function openRecord<K extends CollectionName>(
  keyring: RecordSeal,
  collection: K,
  stored: StoredRecord,
): Entry<Collections[K]> {
  const { form = WRITTEN } = keyring;
  const plain = keyring.open(collection, stored.id, stored.body);
  return { id: stored.id, revision: stored.revision, record: form.decode(collection, plain) };
}

function indexValues<K extends CollectionName>(
  collection: K,
  record: Collections[K],
): Readonly<Record<string, string>> {
  const indexOf = INDEXES[collection] as (record: Collections[K]) => Readonly<Record<string, string>>;
  return indexOf(record);
}
