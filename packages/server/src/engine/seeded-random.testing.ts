import { createHash } from 'node:crypto';
import type { RandomSource } from '@rekey/core';

/** Bytes that look random and are the same for the same seed. */
export function seededRandom(seed: string): RandomSource {
  let drawn = 0;
  const bytes = (length: number): Uint8Array => {
    drawn += 1;
    const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, block) =>
      createHash('sha256').update(`${seed}/${drawn}/${block}`).digest(),
    );
    return Buffer.concat(blocks).subarray(0, length);
  };
  return { bytes, below: (limit) => Buffer.from(bytes(6)).readUIntBE(0, 6) % limit };
}
