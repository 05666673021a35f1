import { RekeyError, type SecretValue } from '@rekey/core';
import type { CollectionName, Collections } from './collections.ts';

/**
 * What is inside an envelope. Records are JSON. A value is its kind (`t` or `b`, one byte) and its bytes as they are:
 * it is read a thousand times for each time a record is written, and base64 would cost a third more room.
 */
export function encodeRecord<K extends CollectionName>(collection: K, record: Collections[K]): Uint8Array {
  return collection === 'value' ? encodeValue(record as SecretValue) : Buffer.from(JSON.stringify(record));
}

/** The record is frozen, so that no reader can change what the next one sees. */
export function decodeRecord<K extends CollectionName>(collection: K, plain: Uint8Array): Collections[K] {
  const bytes = Buffer.from(plain.buffer, plain.byteOffset, plain.byteLength);
  const record = collection === 'value' ? decodeValue(bytes) : decodeJson(bytes);
  return record as Collections[K];
}

const TEXT = 0x74;
const BINARY = 0x62;

function encodeValue(value: SecretValue): Uint8Array {
  if (value.kind === 'text') return Buffer.from(`t${value.text}`);
  const encoded = Buffer.allocUnsafe(1 + value.bytes.length);
  encoded[0] = BINARY;
  encoded.set(value.bytes, 1);
  return encoded;
}

function decodeValue(bytes: Buffer): SecretValue {
  if (bytes[0] === TEXT) return { kind: 'text', text: bytes.toString('utf8', 1) };
  if (bytes[0] === BINARY) return { kind: 'binary', bytes: Uint8Array.from(bytes.subarray(1)) };
  throw unknownForm();
}

function decodeJson(bytes: Buffer): unknown {
  try {
    return deepFrozen(JSON.parse(bytes.toString('utf8')));
  } catch {
    throw unknownForm();
  }
}

/** Freezes a record and all in it. What is frozen already is taken to be so to its depths, as records are made of others. */
export function deepFrozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null || !Object.isExtensible(value)) return value;
  for (const member of Object.values(value)) if (typeof member === 'object') deepFrozen(member);
  return Object.freeze(value);
}

function unknownForm(): RekeyError {
  const message =
    'A stored record opens but has a form this rekey does not know; run the rekey that wrote it, or `rekey doctor`.';
  return new RekeyError('integrity', message, { reason: 'record-form' });
}
