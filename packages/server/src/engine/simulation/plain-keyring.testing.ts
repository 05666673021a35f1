import { Keyring } from '../../seal/keyring.ts';
import type { CollectionName, Collections } from '../../store/collections.ts';
import type { Write } from '../../store/driver.ts';
import { decodeRecord, encodeRecord } from '../../store/record-form.ts';
import { type RecordForm, type RecordSeal, sealWrite } from '../../store/sealed-record.ts';
import type { StoreWrite } from '../../store/store.ts';

/** A keyring that seals nothing: what encryption costs is not what is simulated. */
function plainKeyring(form: RecordForm): RecordSeal {
  return Object.assign(Keyring.create('simulation', 0), {
    seal: (_purpose: string, _additional: string, plain: Uint8Array) => plain,
    open: (_purpose: string, _additional: string, plain: Uint8Array) => plain,
    opaque: (namespace: string, text: string) => `${namespace} ${text}`,
    knows: () => true,
    isOutdated: () => false,
    form,
  });
}

/** A body that stands for its record instead of holding it; real bytes are dear to make. */
class HandedOver {
  readonly record: object;
  readonly length = 0;

  constructor(record: object) {
    this.record = record;
  }

  static body(record: object): Uint8Array {
    return new HandedOver(record) as unknown as Uint8Array;
  }
}

const decoded = new WeakMap<Uint8Array, object>();

/** The record in a body; remembered, since those who check look at the same ones again and again. */
export function recordIn<K extends CollectionName>(collection: K, body: Uint8Array): Collections[K] {
  if (body.constructor === HandedOver) return (body as unknown as HandedOver).record as Collections[K];
  const known = decoded.get(body);
  if (known !== undefined) return known as Collections[K];
  const record = decodeRecord(collection, body);
  decoded.set(body, record);
  return record;
}

/** Records are handed over as they are, frozen: encoding and decoding are most of what a simulated history costs. */
export const handedOver = plainKeyring({
  encode: (_, record) => HandedOver.body(deepFrozen(record)),
  decode: recordIn,
});
/** Records go the whole way to bytes and back; slower, and the same comes of each history. */
export const written = plainKeyring({ encode: encodeRecord, decode: decodeRecord });

/** Writes as a driver takes them. */
export function plainWrites(keyring: RecordSeal, writes: readonly StoreWrite[]): readonly Write[] {
  return writes.map((write) => sealWrite(keyring, write));
}

function deepFrozen<T extends object>(value: T): T {
  if (Object.isFrozen(value) || ArrayBuffer.isView(value)) return value;
  Object.freeze(value);
  for (const name in value) {
    const member = value[name];
    if (typeof member === 'object' && member !== null) deepFrozen(member);
  }
  return value;
}
