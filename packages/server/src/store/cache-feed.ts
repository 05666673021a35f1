import { RekeyError } from '@rekey/core';
import type { StoreDriver } from './driver.ts';

export interface ForgetfulCache {
  forget(collection: string, id: string): void;
  forgetAll(): void;
}

export interface CacheFeedOptions {
  readonly driver: StoreDriver;
  readonly cache: ForgetfulCache;
  /** How old what is cached may be at most, where other servers write too. Milliseconds. */
  readonly bound: number;
  /** How old it may be while the store cannot be reached; 0: no older than ever. Milliseconds. */
  readonly staleFor?: number;
  /** Milliseconds of a clock that never jumps; it goes on while the process is stopped. */
  readonly monotonic: () => number;
}

/** Changes read at a time. */
const PAGE = 1_000;
/** Looks at the store within the bound, so that one that is late or lost does not cost the cache. */
const LOOKS = 4;

/**
 * Keeps a cache coherent with commits of other servers. Own commits are forgotten by the store itself and only told
 * here, so that a server that is alone never reads the feed.
 *
 * Being told is quick but proves nothing: a connection may be dead, a process may have been stopped. Where others write,
 * the store is therefore asked several times within the bound how far it is, and what is cached counts as fresh only so
 * long after the last question whose answer the cache has followed.
 */
export class CacheFeed {
  readonly #options: CacheFeedOptions;
  readonly #own = new Set<number>();
  readonly #unwatch: () => void;
  /** Every change up to here has been forgotten; null until the feed's beginning is known. */
  #seen: number | null = null;
  /** The newest revision heard of. */
  #told = 0;
  /** Everything committed before this moment has been followed. */
  #freshAt = Number.NEGATIVE_INFINITY;
  /** When the outcome of an own commit was last unknown. */
  #doubtedAt = Number.NEGATIVE_INFINITY;
  /** The last look at the store failed. */
  #lost = false;
  #running = false;
  #stopped = false;
  #nextLook: NodeJS.Timeout | null = null;

  constructor(options: CacheFeedOptions) {
    this.#options = options;
    this.#unwatch = options.driver.watch((revision) => this.#tell(revision));
    if (options.driver.shared) void this.#keepLooking();
    else void this.#run();
  }

  /** Milliseconds that the cache may be behind the store; 0 where nobody else writes. */
  get age(): number {
    return this.#options.driver.shared ? this.#options.monotonic() - this.#freshAt : 0;
  }

  get isFresh(): boolean {
    return this.age <= this.#options.bound && !this.#isInDoubt;
  }

  /** Whether the last look at the store failed. */
  get isLost(): boolean {
    return this.#lost;
  }

  /** Whether what is cached answers instead of a store that cannot be reached: it was looked for, and was not there. */
  get isStale(): boolean {
    return this.#lost && !this.isFresh && this.age <= (this.#options.staleFor ?? 0);
  }

  /**
   * An own commit may have been made or not. Until the next look that begins from now on tells, nothing that is cached
   * counts as fresh; forgetting it would leave nothing to serve if it is the store that was lost.
   */
  doubt(): void {
    this.#doubtedAt = this.#options.monotonic();
  }

  get #isInDoubt(): boolean {
    return this.#options.driver.shared && this.#doubtedAt >= this.#freshAt;
  }

  /** A commit of this store, whose records the cache has forgotten already. */
  sawOwn(revision: number): void {
    this.#own.add(revision);
    this.#skipOwn();
  }

  /** Brings the cache up to all that is committed now; while it cannot be told what is, nothing counts as fresh. */
  async refresh(): Promise<void> {
    if (!this.#options.driver.shared) return;
    await this.#look().catch(() => this.doubt());
  }

  stop(): void {
    this.#stopped = true;
    if (this.#nextLook !== null) clearTimeout(this.#nextLook);
    this.#unwatch();
  }

  /** While the store cannot be asked, what is cached grows old by itself. */
  async #keepLooking(): Promise<void> {
    await this.#look().catch(() => {
      this.#lost = true;
    });
    if (this.#stopped) return;
    this.#nextLook = setTimeout(() => void this.#keepLooking(), this.#options.bound / LOOKS).unref();
  }

  async #look(): Promise<void> {
    const { driver, monotonic } = this.#options;
    const asked = monotonic();
    const revision = await driver.revision();
    this.#told = Math.max(this.#told, revision);
    while (this.#seen === null || this.#seen < revision) await this.#catchUp();
    this.#freshAt = Math.max(this.#freshAt, asked);
    this.#lost = false;
  }

  #tell(revision: number): void {
    this.#told = Math.max(this.#told, revision);
    if (!this.#running) void this.#run();
  }

  /** Waits a turn first: an own commit is told before it is answered, and {@link sawOwn} is to take it off. */
  async #run(): Promise<void> {
    this.#running = true;
    try {
      do {
        await new Promise((resolve) => setImmediate(resolve));
        await this.#catchUp();
      } while (!this.#stopped && this.#seen !== null && this.#told > this.#seen);
    } catch {
      // The store cannot be asked: the next look tries again, and until then nothing that is cached counts as fresh.
    }
    this.#running = false;
  }

  /** What cannot be followed is answered by forgetting everything: slower, never wrong. */
  async #catchUp(): Promise<void> {
    const told = this.#told;
    const seen = this.#seen;
    try {
      this.#reach(seen === null ? await this.#begin() : await this.#follow(seen));
    } catch (error) {
      if (this.#options.driver.shared && !isForgotten(error)) throw error;
      this.#options.cache.forgetAll();
      this.#reach(told);
    }
    this.#skipOwn();
  }

  async #begin(): Promise<number> {
    const revision = await this.#options.driver.revision();
    this.#options.cache.forgetAll();
    return revision;
  }

  async #follow(seen: number): Promise<number> {
    if (seen >= this.#told) return seen;
    const told = this.#told;
    const changes = await this.#options.driver.changes(seen, PAGE);
    for (const { collection, id } of changes) this.#options.cache.forget(collection, id);
    return changes.at(-1)?.revision ?? told;
  }

  /** Two may catch up at once; the slower one does not take back what the faster one has followed. */
  #reach(revision: number): void {
    this.#seen = Math.max(this.#seen ?? 0, revision);
  }

  #skipOwn(): void {
    if (this.#seen === null) return;
    while (this.#own.delete(this.#seen + 1)) this.#seen += 1;
    for (const revision of this.#own) if (revision <= this.#seen) this.#own.delete(revision);
  }
}

function isForgotten(error: unknown): boolean {
  return error instanceof RekeyError && error.reason === 'changes-forgotten';
}
