import { randomBytes, randomInt } from 'node:crypto';
import type { RandomSource } from './rotator.ts';

/** Cryptographic randomness of the machine. */
export const systemRandom: RandomSource = {
  bytes: (length) => randomBytes(length),
  below: (limit) => randomInt(limit),
};
