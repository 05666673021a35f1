import type { RandomSource } from '@rekey/core';

/** Numbers that look random, are the same for the same seed on every machine, and cost a few nanoseconds each. */
export class SeededRandom implements RandomSource {
  #state: number;

  /** @param seed any whole number; near seeds give unlike streams */
  constructor(seed: number) {
    this.#state = mixed((seed >>> 0) ^ mixed(Math.floor(seed / 2 ** 32)));
  }

  /** 0 to limit - 1. */
  below(limit: number): number {
    return Math.floor((this.#next() / 2 ** 32) * limit);
  }

  /** True once in `times` on average. */
  once(times: number): boolean {
    return this.below(times) === 0;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }

  bytes(length: number): Uint8Array {
    const made = new Uint8Array(length);
    for (let at = 0; at < length; at += 1) made[at] = this.#next() >>> 24;
    return made;
  }

  /** SplitMix32: a counter through a mixing function (Steele et al., "Fast splittable pseudorandom number generators", 2014). */
  #next(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    return mixed(this.#state);
  }
}

function mixed(word: number): number {
  let mixing = word | 0;
  mixing = Math.imul(mixing ^ (mixing >>> 16), 0x21f0aaad);
  mixing = Math.imul(mixing ^ (mixing >>> 15), 0x735a2d97);
  return (mixing ^ (mixing >>> 15)) >>> 0;
}
