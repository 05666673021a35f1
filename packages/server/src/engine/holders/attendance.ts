import type { Clock } from '@rekey/core';

/** Longer between two looks than a busy server takes: it stood still, or the machine did. Milliseconds. */
const ABSENCE = 60_000;
const LOOK_EVERY = 10_000;

/**
 * Since when holders could have come by. Silence during a maintenance, a crash or a suspended machine says nothing about a
 * holder: it may have come again and again, and found nobody. In a cluster others may have answered it meanwhile; then
 * what is waited for it is waited in vain, which costs nobody a login.
 */
export class Attendance {
  readonly #clock: Clock;
  #since: number;
  #lookedAt: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#since = clock.now();
    this.#lookedAt = this.#since;
  }

  /**
   * Milliseconds since the epoch. Who stood still in the middle of something and asks first of all, is told of the end of
   * that pause.
   */
  get since(): number {
    const now = this.#clock.now();
    if (now - this.#lookedAt > ABSENCE) this.#since = now;
    this.#lookedAt = now;
    return this.#since;
  }

  /** To be run by whoever runs while the server answers: nobody else tells a pause from a quiet hour. */
  readonly job = { name: 'attendance', every: LOOK_EVERY, run: async () => void this.since };
}
