import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../clock.ts';

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

/** A clock that stands still until it is told to go on. */
export class FakeClock implements Clock {
  #time: number;
  readonly #timers = new Set<Timer>();

  /** @param start milliseconds since the epoch. */
  constructor(start = Date.UTC(2026, 0, 1)) {
    this.#time = start;
  }

  now(): number {
    return this.#time;
  }

  elapsed(): number {
    return this.#time;
  }

  after(milliseconds: number, run: () => void, _background: boolean): () => void {
    const timer = { at: this.#time + milliseconds, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** How many timers wait; 0 after everything was closed. */
  get waiting(): number {
    return this.#timers.size;
  }

  /** Milliseconds until the next timer; null if none waits. */
  get untilNext(): number | null {
    const next = this.#next();
    return next === null ? null : next.at - this.#time;
  }

  /** Goes on by some milliseconds: timers run in their order, each with its moment as the time, and what they start is awaited as far as it goes without I/O. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.#time + milliseconds;
    await settle();
    for (let next = this.#next(); next !== null && next.at <= end; next = this.#next()) {
      this.#time = Math.max(this.#time, next.at);
      this.#timers.delete(next);
      next.run();
      await settle();
    }
    this.#time = end;
    await settle();
  }

  #next(): Timer | null {
    let next: Timer | null = null;
    for (const timer of this.#timers) if (next === null || timer.at < next.at) next = timer;
    return next;
  }
}

/** Promise chains run dry between turns of the event loop. */
async function settle(): Promise<void> {
  for (let turns = 0; turns < 3; turns++) await turn();
}
