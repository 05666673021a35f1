import { Lru, type LruLimits } from './lru.ts';

/** Ids remembered as read once. */
const REMEMBERED = 20_000;

/**
 * Read-through cache of one collection. A read that was under way when its record was forgotten is answered but not
 * kept: it may have seen the record as it was before.
 *
 * Once the cache is full, a record must be read twice before it drops another one (a "doorkeeper", Einziger et al.,
 * TinyLFU, 2017): a walk through a hundred thousand secrets then neither empties the cache nor fills the old heap.
 */
export class RecordCache<T> {
  readonly #kept: Lru<T>;
  readonly #sizeOf: (value: T) => number;
  readonly #readOnce = new Set<string>();
  readonly #reading = new Map<string, Set<object>>();

  constructor(limits: LruLimits, sizeOf: (value: T) => number) {
    this.#kept = new Lru(limits);
    this.#sizeOf = sizeOf;
  }

  find(id: string): T | undefined {
    return this.#kept.get(id);
  }

  /** Reads and keeps what is not here; the absent is not kept. */
  async load(id: string, read: () => Promise<T | null>): Promise<T | null> {
    const ticket = {};
    const tickets = this.#reading.get(id) ?? new Set();
    this.#reading.set(id, tickets.add(ticket));
    try {
      const value = await read();
      if (value !== null && tickets.has(ticket)) this.#keep(id, value);
      return value;
    } finally {
      tickets.delete(ticket);
      if (tickets.size === 0 && this.#reading.get(id) === tickets) this.#reading.delete(id);
    }
  }

  forget(id: string): void {
    this.#kept.delete(id);
    this.#reading.get(id)?.clear();
    this.#reading.delete(id);
  }

  forgetAll(): void {
    this.#kept.clear();
    for (const tickets of this.#reading.values()) tickets.clear();
    this.#reading.clear();
  }

  #keep(id: string, value: T): void {
    const size = this.#sizeOf(value);
    if (this.#kept.hasRoom(size) || this.#readOnce.delete(id)) {
      this.#kept.set(id, value, size);
      return;
    }
    if (this.#readOnce.size >= REMEMBERED) this.#readOnce.clear();
    this.#readOnce.add(id);
  }
}
