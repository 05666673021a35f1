import { hash, timingSafeEqual } from 'node:crypto';
import type { SecretValue } from '@rekey/core';

/** Compares two values in a time that tells nothing of where they differ, nor of their lengths. */
export function isSameValue(one: SecretValue, other: SecretValue): boolean {
  return timingSafeEqual(digestOf(one), digestOf(other)) && one.kind === other.kind;
}

function digestOf(value: SecretValue): Buffer {
  return hash('sha256', value.kind === 'text' ? value.text : value.bytes, 'buffer');
}
