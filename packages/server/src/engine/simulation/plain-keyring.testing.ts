import { Keyring } from '../../seal/keyring.ts';
import type { CollectionName, Collections } from '../../store/collections.ts';
import type { Write } from '../../store/driver.ts';
import { decodeRecord } from '../../store/record-form.ts';
import { sealWrite } from '../../store/sealed-record.ts';
import type { StoreWrite } from '../../store/store.ts';

/**
 * A keyring that seals nothing: what encryption costs is not what is simulated. Everything else of the store's way from
 * record to body and back is the real one.
 */
export const plainKeyring: Keyring = Object.assign(Keyring.create('simulation', 0), {
  seal: (_purpose: string, _additional: string, plain: Uint8Array) => plain,
  open: (_purpose: string, _additional: string, plain: Uint8Array) => plain,
  opaque: (namespace: string, text: string) => `${namespace} ${text}`,
  knows: () => true,
  isOutdated: () => false,
});

const decoded = new WeakMap<Uint8Array, unknown>();

/** The record in a body; remembered, since those who check look at the same ones again and again. */
export function recordIn<K extends CollectionName>(collection: K, body: Uint8Array): Collections[K] {
  const known = decoded.get(body);
  if (known !== undefined) return known as Collections[K];
  const record = decodeRecord(collection, body);
  decoded.set(body, record);
  return record;
}

/** Writes as a driver takes them. */
export function plainWrites(writes: readonly StoreWrite[]): readonly Write[] {
  return writes.map((write) => sealWrite(plainKeyring, write));
}
