import { createHmac, type KeyObject } from 'node:crypto';
import type { EnvelopeKey } from './envelope.ts';

/** Four bytes of a keyed hash name the KEK in what it wraps: a wrong key is told apart from altered bytes. */
export function identify(key: KeyObject): EnvelopeKey {
  return { id: createHmac('sha256', key).update('rekey key id').digest().readUInt32BE(0), key };
}
