import type { ReadVersion } from './read-version.ts';

/** Called with the version that is current now; may return a promise. */
export type ChangeListener<T> = (version: ReadVersion<T>) => unknown;

interface Place<T> {
  readonly listener: ChangeListener<T>;
  told: string;
  busy: boolean;
}

/**
 * Tells listeners of changes by level, not by edge: each hears of the latest version once, and one that is still busy
 * with an older version hears of the latest when it is done; versions in between are left out. One that fails harms nobody.
 */
export class ChangeListeners<T> {
  readonly #places = new Set<Place<T>>();
  readonly #onFailure: (error: unknown) => void;
  #latest: ReadVersion<T> | null = null;

  constructor(onFailure: (error: unknown) => void) {
    this.#onFailure = onFailure;
  }

  /** @returns a function that takes the listener off. */
  add(listener: ChangeListener<T>, told: string): () => void {
    const place: Place<T> = { listener, told, busy: false };
    this.#places.add(place);
    return () => this.#places.delete(place);
  }

  tell(latest: ReadVersion<T>): void {
    this.#latest = latest;
    for (const place of [...this.#places]) if (!place.busy) void this.#serve(place);
  }

  clear(): void {
    this.#places.clear();
  }

  async #serve(place: Place<T>): Promise<void> {
    place.busy = true;
    while (this.#latest !== null && place.told !== this.#latest.versionId && this.#places.has(place)) {
      const latest = this.#latest;
      place.told = latest.versionId;
      try {
        const outcome = place.listener(latest);
        if (isThenable(outcome)) await outcome;
      } catch (error) {
        this.#onFailure(error);
      }
    }
    place.busy = false;
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
}
