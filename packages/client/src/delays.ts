/** Uniform number in [0, 1), as `Math.random`. */
export type RandomNumber = () => number;

/** How a wait grows from one attempt to the next, in milliseconds. */
export interface Backoff {
  readonly first: number;
  readonly longest: number;
}

/**
 * Wait before the next attempt: doubles with each failure, then is drawn from its upper half, so that clients that failed
 * together do not come back together ("equal jitter", Marc Brooker, Exponential Backoff And Jitter, AWS 2015).
 *
 * @param failures attempts that failed so far, from 1.
 * @returns milliseconds in [half, whole] of `min(longest, first × 2^(failures − 1))`.
 */
export function backoffDelay(backoff: Backoff, failures: number, random: RandomNumber): number {
  const whole = Math.min(backoff.longest, backoff.first * 2 ** Math.min(failures - 1, 30));
  return whole * (0.5 + 0.5 * random());
}

/**
 * Wait before the next re-read of a value that may grow `maxAge` old: always ahead of that age, and spread over a quarter
 * of it, so that a fleet started together does not read together for ever.
 *
 * @returns milliseconds in [70 %, 95 %] of `maxAge`.
 */
export function rereadDelay(maxAge: number, random: RandomNumber): number {
  return maxAge * (0.7 + 0.25 * random());
}
