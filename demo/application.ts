import { setTimeout as delay } from 'node:timers/promises';
import type { LatencyBook } from './latency.ts';

/** What the application needs of a pool; that of `@rekey/client/pg` and `pg`'s own both have it. */
export interface QueryPool {
  query(text: string, values: readonly unknown[]): Promise<unknown>;
}

const WORKERS = 16;
const QUERIES_PER_SECOND = 400;
/** Each worker's time from one query to the next. */
const PERIOD_MS = (WORKERS / QUERIES_PER_SECOND) * 1000;

/** The application under load: it knows a pool and nothing of rotation. */
export class Application {
  queries = 0;
  failedQueries = 0;
  /** Kind of the last failure, never its text: drivers quote what they were given. */
  lastFailure: string | null = null;
  readonly #pool: QueryPool;
  readonly #latency: LatencyBook;

  constructor(pool: QueryPool, latency: LatencyBook) {
    this.#pool = pool;
    this.#latency = latency;
  }

  /** Queries until the signal aborts; resolves when the last query has been answered. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(Array.from({ length: WORKERS }, (_, worker) => this.#work(worker, signal)));
  }

  /** A worker that falls behind goes on at once but does not catch up: a modest pace, not a flood after a pause. */
  async #work(worker: number, signal: AbortSignal): Promise<void> {
    let next = performance.now() + (worker / WORKERS) * PERIOD_MS;
    while (!signal.aborted) {
      const wait = next - performance.now();
      if (wait > 0) await delay(wait, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      next = Math.max(next + PERIOD_MS, performance.now());
      await this.#queryOnce();
    }
  }

  async #queryOnce(): Promise<void> {
    const startedAt = Date.now();
    const began = performance.now();
    try {
      await this.#pool.query(...this.#nextQuery());
    } catch (error) {
      this.failedQueries++;
      this.lastFailure = kindOf(error);
    }
    this.queries++;
    this.#latency.record(startedAt, performance.now() - began);
  }

  /** Three reads, then a write. */
  #nextQuery(): [text: string, values: readonly unknown[]] {
    const order = (this.queries % 1000) + 1;
    return this.queries % 4 === 3
      ? ['UPDATE orders SET amount = amount % 7 + 1 WHERE id = $1', [order]]
      : ['SELECT item, amount FROM orders WHERE id = $1', [order]];
  }
}

function kindOf(error: unknown): string {
  const { code, name } = error as { code?: string; name?: string };
  return code ?? name ?? 'unknown';
}
