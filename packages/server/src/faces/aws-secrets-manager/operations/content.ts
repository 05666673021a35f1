import type { SecretValue } from '@rekey/core';
import { invalidParameter } from '../refusal.ts';

interface Content {
  readonly SecretString: string | undefined;
  readonly SecretBinary: Uint8Array | undefined;
}

/** The value a request brings: text or bytes; undefined if neither. */
export function readContent({ SecretString: text, SecretBinary: bytes }: Content): SecretValue | undefined {
  if (text !== undefined && bytes !== undefined)
    throw invalidParameter(
      "You can't specify both a binary secret value and a string secret value in the same secret.",
    );
  if (text !== undefined) return { kind: 'text', text };
  return bytes === undefined ? undefined : { kind: 'binary', bytes };
}
