import type { Keyring } from '../seal/keyring.ts';
import type { CollectionName } from './collections.ts';
import type { CommitResult, StoreDriver, StoredRecord } from './driver.ts';
import type { CommitOptions, StoreWrite } from './entry.ts';
import { openRecord, sealWrite } from './sealed-record.ts';
import { KEYRING, type StoreKeys } from './store-keys.ts';

/** Keyrings that may change under one commit; each change is a step of a rotation of keys, minutes apart. */
const KEYRING_ATTEMPTS = 3;

/** Seals what goes to a driver, with the keyring that stands in the store at that moment. */
export class SealedDriver {
  readonly #driver: StoreDriver;
  readonly #keyring: Keyring;
  readonly #keys: StoreKeys | null;

  constructor(driver: StoreDriver, keyring: Keyring, keys: StoreKeys | null) {
    this.#driver = driver;
    this.#keyring = keyring;
    this.#keys = keys;
  }

  /**
   * Refused by the driver while another keyring stands in the store than the one in hand: a server that was paused must
   * not seal with a DEK that the others have dropped. It takes the new one over and seals again.
   */
  async write(writes: readonly StoreWrite[], { checks = [], fences = [] }: CommitOptions): Promise<CommitResult> {
    for (let attempt = 1; ; attempt += 1) {
      const revision = this.#keys?.revision;
      const standing = revision === undefined ? [] : [{ collection: KEYRING, id: KEYRING, revision }];
      const sealed = writes.map((write) => sealWrite(this.#keyring, write));
      const result = await this.#driver.commit({ writes: sealed, checks: [...standing, ...checks], fences });
      if (result.committed || attempt === KEYRING_ATTEMPTS || this.#keys === null) return result;
      if (!result.conflict.startsWith(`${KEYRING} ${KEYRING} `)) return result;
      await this.#keys.reload();
    }
  }

  hasKeyOf({ body }: StoredRecord): boolean {
    return this.#keys === null || this.#keyring.knows(body);
  }

  /** A DEK that is not known here was made by another server meanwhile. */
  async fetchKeys(): Promise<void> {
    await this.#keys?.reload();
  }

  /** Records as they are stored, by id. */
  page(collection: CollectionName, after: string | null, limit: number): Promise<readonly StoredRecord[]> {
    const place = after === null ? {} : { after: { value: after, id: after } };
    return this.#driver.list({ collection, index: null, limit, ...place });
  }

  /**
   * Seals records again with the active DEK; what they hold stays the same. Those that somebody changes meanwhile are
   * left alone: whoever writes seals with the active one anyhow.
   *
   * @returns ids and revisions of what was written
   */
  async reseal(
    collection: CollectionName,
    records: readonly StoredRecord[],
  ): Promise<readonly { readonly ids: readonly string[]; readonly revision: number }[]> {
    if (records.length === 0) return [];
    const writes = records.map((stored): StoreWrite => {
      const { id, revision, record } = openRecord(this.#keyring, collection, stored);
      return { collection, id, record, expect: revision } as StoreWrite;
    });
    const result = await this.write(writes, {});
    if (result.committed) return [{ ids: writes.map(({ id }) => id), revision: result.revision }];
    if (records.length === 1) return [];
    const done = [];
    for (const stored of records) done.push(...(await this.reseal(collection, [stored])));
    return done;
  }
}
