import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto';
import { type RandomSource, RekeyError, systemRandom } from '@rekey/core';

/** The only format so far; drawn in {@link ./seal.ts}. */
export const ENVELOPE_FORMAT = 1;
/** Bytes an envelope is longer than what it holds. */
export const ENVELOPE_OVERHEAD = 33;

const CIPHER = 'aes-256-gcm';
const HEADER = 5;
const IV = 12;
const TAG = 16;

export interface EnvelopeKey {
  /** 0 to 2³² − 1; names the key inside the envelope. */
  readonly id: number;
  /** 32 bytes. */
  readonly key: KeyObject;
}

/** Encrypts and authenticates; the additional text is authenticated only and must be given again to open. */
export function sealEnvelope(
  key: EnvelopeKey,
  additional: string,
  plain: Uint8Array,
  random: RandomSource = systemRandom,
): Uint8Array {
  // Memory of its own, not a part of Node's pool: what goes to another thread takes all of its memory along, and the pool
  // holds 8 KB of what is sealed and what is not.
  const envelope = Buffer.allocUnsafeSlow(plain.length + ENVELOPE_OVERHEAD);
  envelope[0] = ENVELOPE_FORMAT;
  envelope.writeUInt32BE(key.id, 1);
  envelope.set(random.bytes(IV), HEADER);
  const cipher = createCipheriv(CIPHER, key.key, envelope.subarray(HEADER, HEADER + IV));
  cipher.setAAD(additionalData(envelope, additional));
  envelope.set(cipher.update(plain), HEADER + IV);
  cipher.final();
  envelope.set(cipher.getAuthTag(), envelope.length - TAG);
  return envelope;
}

/**
 * Opens what {@link sealEnvelope} made.
 *
 * @throws RekeyError `decryption-failed`, always with the same sentence: which byte was wrong is nobody's business.
 */
export function openEnvelope(key: EnvelopeKey, additional: string, envelope: Uint8Array): Uint8Array {
  if (envelopeKeyId(envelope) !== key.id) throw unopenable();
  const bytes = asBuffer(envelope);
  const decipher = createDecipheriv(CIPHER, key.key, bytes.subarray(HEADER, HEADER + IV), { authTagLength: TAG });
  decipher.setAAD(additionalData(bytes, additional));
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG));
  try {
    const plain = decipher.update(bytes.subarray(HEADER + IV, bytes.length - TAG));
    decipher.final();
    return plain;
  } catch {
    throw unopenable();
  }
}

/** Id of the key that sealed the envelope; null if this is no envelope of a known format. */
export function envelopeKeyId(envelope: Uint8Array): number | null {
  if (envelope.length < ENVELOPE_OVERHEAD || envelope[0] !== ENVELOPE_FORMAT) return null;
  return asBuffer(envelope).readUInt32BE(1);
}

/** The one failure of opening. It names neither the key nor the record nor the reason. */
export function unopenable(): RekeyError {
  return new RekeyError(
    'decryption-failed',
    'Something stored cannot be opened: it was altered, moved or sealed with another key; run `rekey doctor`, then restore a backup.',
  );
}

function additionalData(header: Buffer, additional: string): Buffer {
  const data = Buffer.allocUnsafe(HEADER + Buffer.byteLength(additional));
  header.copy(data, 0, 0, HEADER);
  data.write(additional, HEADER);
  return data;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
