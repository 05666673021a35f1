import { Lru, type LruLimits } from './lru.ts';

/**
 * Read-through cache of one collection. A read that was under way when its record was forgotten is answered but not
 * kept: it may have seen the record as it was before.
 */
export class RecordCache<T> {
  readonly #kept: Lru<T>;
  readonly #sizeOf: (value: T) => number;
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
      if (value !== null && tickets.has(ticket)) this.#kept.set(id, value, this.#sizeOf(value));
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
}
