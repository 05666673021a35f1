import type { Clock } from '@rekey/core';

/** Time that passes only when told to. */
export class FakeClock implements Clock {
  readonly #sleepers = new Set<{ readonly at: number; wake(): void }>();
  #now: number;

  constructor(now: number = Date.UTC(2030, 0, 1)) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const sleeper = {
        at: this.#now + milliseconds,
        wake: () => {
          this.#sleepers.delete(sleeper);
          resolve();
        },
      };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', sleeper.wake, { once: true });
    });
  }

  alarm(milliseconds: number, ring: () => void): () => void {
    const sleeper = {
      at: this.#now + milliseconds,
      wake: () => {
        this.#sleepers.delete(sleeper);
        ring();
      },
    };
    this.#sleepers.add(sleeper);
    return () => this.#sleepers.delete(sleeper);
  }

  /** Time passes while whoever has this clock stands still: it tells the new time before anybody wakes up. */
  skip(milliseconds: number): void {
    this.#now += milliseconds;
  }

  /** Lets time pass, waking each sleeper at its moment and letting it do what it then does. */
  async advance(milliseconds: number): Promise<void> {
    const until = this.#now + milliseconds;
    for (;;) {
      await quiet();
      const next = [...this.#sleepers].sort((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > until) break;
      this.#now = Math.max(this.#now, next.at);
      next.wake();
    }
    this.#now = until;
    await quiet();
  }
}

/** Lets everything that can go on without time passing go on. */
export async function quiet(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise(setImmediate);
}
