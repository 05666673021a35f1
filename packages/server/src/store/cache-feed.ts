import type { StoreDriver } from './driver.ts';

export interface ForgetfulCache {
  forget(collection: string, id: string): void;
  forgetAll(): void;
}

/** Changes read at a time. */
const PAGE = 1_000;

/**
 * Keeps a cache coherent with commits of other servers. Own commits are forgotten by the store itself and only told
 * here, so that a server that is alone never reads the feed.
 */
export class CacheFeed {
  readonly #driver: StoreDriver;
  readonly #cache: ForgetfulCache;
  readonly #own = new Set<number>();
  readonly #unwatch: () => void;
  /** Every change up to here has been forgotten; null until the feed's beginning is known. */
  #seen: number | null = null;
  /** The newest revision heard of. */
  #told = 0;
  #running = false;
  #stopped = false;

  constructor(driver: StoreDriver, cache: ForgetfulCache) {
    this.#driver = driver;
    this.#cache = cache;
    this.#unwatch = driver.watch((revision) => this.#tell(revision));
    void this.#run();
  }

  /** A commit of this store, whose records the cache has forgotten already. */
  sawOwn(revision: number): void {
    this.#own.add(revision);
    this.#skipOwn();
  }

  stop(): void {
    this.#stopped = true;
    this.#unwatch();
  }

  #tell(revision: number): void {
    this.#told = Math.max(this.#told, revision);
    if (!this.#running) void this.#run();
  }

  /** Waits a turn first: an own commit is told before it is answered, and {@link sawOwn} is to take it off. */
  async #run(): Promise<void> {
    this.#running = true;
    do {
      await new Promise((resolve) => setImmediate(resolve));
      await this.#catchUp();
    } while (!this.#stopped && this.#seen !== null && this.#told > this.#seen);
    this.#running = false;
  }

  /** What cannot be followed is answered by forgetting everything: slower, never wrong. */
  async #catchUp(): Promise<void> {
    const told = this.#told;
    try {
      this.#seen = this.#seen === null ? await this.#begin() : await this.#follow(this.#seen);
    } catch {
      this.#cache.forgetAll();
      this.#seen = told;
    }
    this.#skipOwn();
  }

  async #begin(): Promise<number> {
    const revision = await this.#driver.revision();
    this.#cache.forgetAll();
    return revision;
  }

  async #follow(seen: number): Promise<number> {
    if (seen >= this.#told) return seen;
    const told = this.#told;
    const changes = await this.#driver.changes(seen, PAGE);
    for (const { collection, id } of changes) this.#cache.forget(collection, id);
    return changes.at(-1)?.revision ?? told;
  }

  #skipOwn(): void {
    if (this.#seen === null) return;
    while (this.#own.delete(this.#seen + 1)) this.#seen += 1;
    for (const revision of this.#own) if (revision <= this.#seen) this.#own.delete(revision);
  }
}
