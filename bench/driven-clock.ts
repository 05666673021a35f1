import type { Clock } from '@rekey/core';

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

/** Turns of the event loop in which what a wake set going comes to rest: what the engine waits for is promises only. */
const TURNS = 3;

/** Time that passes only when told to, so that a night takes a minute. */
export class DrivenClock implements Clock {
  /** Sleepers woken so far. */
  wakes = 0;
  /** Few at a time: the next one is looked for among all. */
  readonly #sleepers = new Set<Sleeper>();
  #now: number;

  constructor(now: number) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const wake = () => {
        this.#sleepers.delete(sleeper);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      const sleeper = { at: this.#now + milliseconds, wake };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', wake, { once: true });
    });
  }

  alarm(milliseconds: number, ring: () => void): () => void {
    const wake = () => {
      this.#sleepers.delete(sleeper);
      ring();
    };
    const sleeper = { at: this.#now + milliseconds, wake };
    this.#sleepers.add(sleeper);
    return () => this.#sleepers.delete(sleeper);
  }

  /** Lets time pass, waking each sleeper at its moment and letting it do what it then does. */
  async advance(milliseconds: number): Promise<void> {
    const until = this.#now + milliseconds;
    for (;;) {
      await quiet();
      const next = this.#next();
      if (next === null || next.at > until) break;
      this.#now = Math.max(this.#now, next.at);
      this.wakes += 1;
      next.wake();
    }
    this.#now = until;
  }

  #next(): Sleeper | null {
    let first: Sleeper | null = null;
    for (const sleeper of this.#sleepers) if (first === null || sleeper.at < first.at) first = sleeper;
    return first;
  }
}

/** What it costs to wake as many sleepers that do nothing. Milliseconds of CPU. */
export async function costOfDriving(wakes: number, atOnce: number, sleep: number): Promise<number> {
  const clock = new DrivenClock(0);
  const idle = async () => {
    while (clock.wakes < wakes) await clock.sleep(sleep);
  };
  const before = process.cpuUsage();
  const all = Promise.all(Array.from({ length: atOnce }, idle));
  while (clock.wakes < wakes) await clock.advance(sleep);
  await clock.advance(sleep);
  await all;
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

async function quiet(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn += 1) await new Promise(setImmediate);
}
