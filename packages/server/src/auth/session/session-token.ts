import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Session } from './session.ts';

/** What seals the tokens. */
export interface SessionSeal {
  seal(purpose: string, additional: string, plain: Uint8Array): Uint8Array;
  /** @throws for anything but what {@link seal} made of the same purpose and additional data */
  open(purpose: string, additional: string, envelope: Uint8Array): Uint8Array;
}

const PURPOSE = 'session';
const FORM = /^[A-Za-z0-9_-]{40,12000}$/;
/** A session is a few thousand bytes; what we sealed ourselves is never more than this. */
const LARGEST = 256 * 1024;

/**
 * The session as its own token: sealed, bound to its access key id, so that neither can be exchanged
 * and nothing needs to be kept. Compressed first, since it goes along with every request.
 */
export function sealSession(session: Session, seal: SessionSeal): string {
  const plain = deflateRawSync(JSON.stringify(session));
  return Buffer.from(seal.seal(PURPOSE, session.accessKeyId, plain)).toString('base64url');
}

/** The bytes of a token; null for what cannot be one. Base64 has several spellings of the same bytes; only ours is a token. */
export function envelopeOf(token: string): Uint8Array | null {
  const envelope = Buffer.from(token, 'base64url');
  return FORM.test(token) && envelope.toString('base64url') === token ? envelope : null;
}

/** @returns null for what is no token of ours, or the token of another access key */
export function openSession(accessKeyId: string, envelope: Uint8Array, seal: SessionSeal): Session | null {
  let plain: Uint8Array;
  try {
    plain = seal.open(PURPOSE, accessKeyId, envelope);
  } catch {
    return null;
  }
  return JSON.parse(inflateRawSync(plain, { maxOutputLength: LARGEST }).toString('utf8')) as Session;
}

/**
 * Bytes that policies and tags may take in a token once they are packed. With the rest and as base64 that stays within
 * what servers and proxies take as one header.
 */
const PACKED_LIMIT = 4096;

/** How much of the room for policies and tags is used, in percent (AWS: PackedPolicySize); above 100 is too much. */
export function packedSize({ policies, tags }: Pick<Session, 'policies' | 'tags'>): number {
  const packed = deflateRawSync(JSON.stringify([policies, tags])).length;
  return Math.ceil((packed * 100) / PACKED_LIMIT);
}
