import type { Clock } from '@rekey/core';

interface Sleeper {
  readonly at: number;
  readonly clock: SimulatedClock;
  wake(): void;
}

/** Turns of the queue of promises after which everything has come to rest that one sleeper set going. */
const TURNS = 40;

/** The time of a simulated world. It passes only when told to, and costs no real time: nothing here leaves the queue of promises. */
export class SimulatedTime {
  now: number;
  /** Told when the end has come, at each attempt to pass it. */
  onEnd: () => void = () => {};
  readonly #end: number;
  readonly #sleepers = new Set<Sleeper>();

  /** @param end time never passes beyond it, so that whoever waits for something that never happens is found out */
  constructor(now: number, end: number) {
    this.now = now;
    this.#end = end;
  }

  /** Lets time pass for everybody; sleepers wake at their moments, one after the other. */
  async pass(milliseconds: number): Promise<void> {
    const until = Math.min(this.now + milliseconds, this.#end);
    if (until === this.#end) this.onEnd();
    for (let next = this.#next(until); next !== null; next = this.#next(until)) {
      this.now = Math.max(this.now, next.at);
      next.wake();
      for (let turn = 0; turn < TURNS; turn += 1) await null;
    }
    this.now = Math.max(this.now, until);
  }

  /** Resolves after so much time, for the world outside of all servers. */
  later(milliseconds: number): Promise<void> {
    return new SimulatedClock(this).sleep(milliseconds);
  }

  add(sleeper: Sleeper): void {
    this.#sleepers.add(sleeper);
  }

  remove(sleeper: Sleeper): void {
    this.#sleepers.delete(sleeper);
  }

  #next(until: number): Sleeper | null {
    let first: Sleeper | null = null;
    for (const sleeper of this.#sleepers)
      if (!sleeper.clock.stopped && sleeper.at <= until && (first === null || sleeper.at < first.at)) first = sleeper;
    return first;
  }
}

/** The clock of one server: it may be wrong, and it stands still with its server. */
export class SimulatedClock implements Clock {
  /** Milliseconds by which it is ahead of the world. */
  offset = 0;
  stopped = false;
  readonly #time: SimulatedTime;

  constructor(time: SimulatedTime) {
    this.#time = time;
  }

  now(): number {
    return this.#time.now + this.offset;
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const sleeper: Sleeper = {
        at: this.#time.now + milliseconds,
        clock: this,
        wake: () => {
          this.#time.remove(sleeper);
          resolve();
        },
      };
      this.#time.add(sleeper);
      signal?.addEventListener('abort', sleeper.wake, { once: true });
      return undefined;
    });
  }

  alarm(milliseconds: number, ring: () => void): () => void {
    const sleeper: Sleeper = {
      at: this.#time.now + milliseconds,
      clock: this,
      wake: () => {
        this.#time.remove(sleeper);
        ring();
      },
    };
    this.#time.add(sleeper);
    return () => this.#time.remove(sleeper);
  }
}
