export interface LruLimits {
  readonly entries: number;
  /** Sum of the sizes given to {@link Lru.set}. */
  readonly size: number;
}

interface KeptEntry<V> {
  readonly value: V;
  readonly size: number;
  used: boolean;
}

/**
 * Keeps what was used lately, within both limits. An entry that was used since the last time round gets a second
 * chance (Corbató's "clock"): unlike strict order of use, that costs a hit nothing but a mark.
 */
export class Lru<V> {
  readonly #limits: LruLimits;
  readonly #entries = new Map<string, KeptEntry<V>>();
  #size = 0;

  constructor(limits: LruLimits) {
    this.#limits = limits;
  }

  get(key: string): V | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    entry.used = true;
    return entry.value;
  }

  set(key: string, value: V, size: number): void {
    this.delete(key);
    if (size > this.#limits.size) return;
    this.#makeRoom(size);
    this.#entries.set(key, { value, size, used: false });
    this.#size += size;
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#size -= entry.size;
  }

  clear(): void {
    this.#entries.clear();
    this.#size = 0;
  }

  /** Whether something of this size fits without dropping anything. */
  hasRoom(size: number): boolean {
    return this.#entries.size < this.#limits.entries && this.#size + size <= this.#limits.size;
  }

  get size(): number {
    return this.#size;
  }

  #makeRoom(size: number): void {
    for (const [key, entry] of this.#entries) {
      if (this.hasRoom(size)) return;
      this.#entries.delete(key);
      if (entry.used) this.#entries.set(key, { ...entry, used: false });
      else this.#size -= entry.size;
    }
  }
}
