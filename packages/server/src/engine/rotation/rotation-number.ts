import type { SecretRecord } from '@rekey/core';

/** The secret with the number of its rotations raised to the given one. */
export function numbered(secret: SecretRecord, number: number): SecretRecord {
  return secret.rotation === null ? secret : { ...secret, rotation: { ...secret.rotation, number } };
}
