import { RekeyError } from '@rekey/core';
import type { CommitOptions, Store, StoreWrite } from '../../store/store.ts';

/** What to write, and what to answer once it is written. No writes: nothing had to change. */
export interface AccessChange<T> {
  readonly writes: readonly StoreWrite[];
  readonly checks?: CommitOptions['checks'];
  readonly answer: T;
}

/** Tries when another server writes the same records; callers in this process wait for each other instead. */
const ATTEMPTS = 10;

/** Read, decide, compare-and-set; again if somebody else was faster. */
export class AccessChanges {
  readonly #store: Store;
  readonly #last = new Map<string, Promise<unknown>>();

  constructor(store: Store) {
    this.#store = store;
  }

  /**
   * @param concerned ids of everything that is written; changes with one in common take turns
   * @param decide reads and decides anew on each try; it may throw to refuse
   * @throws RekeyError `conflict` if others kept writing through all tries
   */
  async change<T>(concerned: readonly string[], decide: () => Promise<AccessChange<T>>): Promise<T> {
    const before = Promise.all(concerned.map((id) => this.#last.get(id)));
    const turn = before.then(() => this.#try(decide));
    const settled = turn.then(ignore, ignore);
    for (const id of concerned) this.#last.set(id, settled);
    try {
      return await turn;
    } finally {
      for (const id of concerned) if (this.#last.get(id) === settled) this.#last.delete(id);
    }
  }

  async #try<T>(decide: () => Promise<AccessChange<T>>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      const { writes, checks = [], answer } = await decide();
      if (writes.length === 0) return answer;
      try {
        await this.#store.commit(writes, { checks });
        return answer;
      } catch (error) {
        if (attempt >= ATTEMPTS || !(error instanceof RekeyError) || error.code !== 'conflict') throw error;
      }
    }
  }
}

function ignore(): void {}
