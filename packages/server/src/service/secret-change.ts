import { RekeyError, type SecretRecord } from '@rekey/core';
import type { Store, StoreWrite } from '../store/store.ts';
import { secretNotFound } from './refusals.ts';

/** The secret as it shall be, what else to write with it, and what to answer. The same record: nothing is written. */
export interface SecretChange<T> {
  readonly secret: SecretRecord | null;
  readonly writes?: readonly StoreWrite[];
  readonly answer: T;
}

/**
 * Tries when other servers or the engine write the same secret. Callers in this process wait for each other instead,
 * so that a crowd of them cannot use the tries up.
 */
const ATTEMPTS = 10;

/** Read, change, compare-and-set; again if somebody else was faster. */
export class SecretChanges {
  readonly #store: Store;
  readonly #last = new Map<string, Promise<unknown>>();

  constructor(store: Store) {
    this.#store = store;
  }

  /**
   * @param decide asked anew on each try; it may throw to refuse
   * @throws RekeyError `conflict` if others kept writing through all tries
   */
  async change<T>(
    secretId: string,
    decide: (secret: SecretRecord) => SecretChange<T> | Promise<SecretChange<T>>,
  ): Promise<T> {
    const before = this.#last.get(secretId);
    const turn = before === undefined ? this.#try(secretId, decide) : before.then(() => this.#try(secretId, decide));
    const settled = turn.then(ignore, ignore);
    this.#last.set(secretId, settled);
    try {
      return await turn;
    } finally {
      if (this.#last.get(secretId) === settled) this.#last.delete(secretId);
    }
  }

  async #try<T>(
    secretId: string,
    decide: (secret: SecretRecord) => SecretChange<T> | Promise<SecretChange<T>>,
  ): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      const found = await this.#store.get('secret', secretId);
      if (found === null) throw secretNotFound(secretId);
      const { secret, writes = [], answer } = await decide(found.record);
      if (secret === found.record) return answer;
      try {
        const own: StoreWrite = { collection: 'secret', id: secretId, record: secret, expect: found.revision };
        await this.#store.commit([own, ...writes]);
        return answer;
      } catch (error) {
        if (attempt >= ATTEMPTS || !(error instanceof RekeyError) || error.code !== 'conflict') throw error;
      }
    }
  }
}

function ignore(): void {}
