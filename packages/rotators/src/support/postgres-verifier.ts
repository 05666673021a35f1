import { createHash, createHmac, pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';
import { type RandomSource, RotatorError } from '@rekey/core';

const derive = promisify(pbkdf2);

/** PostgreSQL's own salt length; bytes. */
const SALT_LENGTH = 16;
/** Of SHA-256; bytes. */
const KEY_LENGTH = 32;
/** PostgreSQL's default, and the only count servers before 16 make themselves. */
export const DEFAULT_ITERATIONS = 4096;

/**
 * What PostgreSQL keeps instead of a password: `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>` (RFC 5802,
 * RFC 7677; PostgreSQL manual, pg_authid). Sent in place of the password, so that no statement, log or memory of the
 * server ever holds the password itself.
 *
 * Only printable ASCII passes: there SASLprep (RFC 4013) changes nothing, so client and server cannot disagree on it.
 */
export async function scramVerifier(password: string, random: RandomSource, iterations = DEFAULT_ITERATIONS) {
  if (!/^[\x20-\x7e]+$/.test(password))
    throw new RotatorError('rejected-value', 'The pending password has characters outside printable ASCII', {
      nextAction: 'Let rekey make the password, or put one of printable ASCII characters.',
    });
  const salt = random.bytes(SALT_LENGTH);
  const salted = await derive(password, salt, iterations, KEY_LENGTH, 'sha256');
  const storedKey = createHash('sha256').update(hmac(salted, 'Client Key')).digest();
  return verifier(salt, storedKey, hmac(salted, 'Server Key'), iterations);
}

/**
 * A verifier that no password leads to: its StoredKey is no hash of anything anybody knows, so that not even who made it
 * can log in. Costs no key derivation.
 */
export function verifierOfNoPassword(random: RandomSource, iterations = DEFAULT_ITERATIONS): string {
  return verifier(random.bytes(SALT_LENGTH), random.bytes(KEY_LENGTH), random.bytes(KEY_LENGTH), iterations);
}

function verifier(salt: Uint8Array, storedKey: Uint8Array, serverKey: Uint8Array, iterations: number): string {
  const [saltText, stored, server] = [salt, storedKey, serverKey].map((bytes) => Buffer.from(bytes).toString('base64'));
  return `SCRAM-SHA-256$${iterations}:${saltText}$${stored}:${server}`;
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
