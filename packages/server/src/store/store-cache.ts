import type { ForgetfulCache } from './cache-feed.ts';
import type { Collections } from './collections.ts';
import type { StoredRecord } from './driver.ts';
import type { Entry, StoreWrite } from './entry.ts';
import { OpenedRecords } from './opened-records.ts';
import { RecordCache } from './record-cache.ts';
import { KEYRING, type StoreKeys } from './store-keys.ts';

/** An entry with the bytes of its body, by which the cache is bounded. */
export interface SizedEntry<K extends keyof Collections> {
  readonly entry: Entry<Collections[K]>;
  readonly size: number;
}

/**
 * Bounds of the caches, in bytes of sealed bodies (decoded, a secret takes about a third more): ten thousand common
 * secrets fit, in some 30 MB. Beyond them a read costs a look into the driver and a decryption, some 30 µs.
 */
const SECRET_CACHE = { entries: 20_000, size: 16 << 20 };
const VALUE_CACHE = { entries: 20_000, size: 8 << 20 };
export const NAME_CACHE = { entries: 20_000, size: 20_000 };

/** What one store remembers of its records, and whoever else must forget with it. */
export class StoreCache implements ForgetfulCache {
  readonly names = new RecordCache<SizedEntry<'name'>>(NAME_CACHE, () => 1);
  readonly secrets = new RecordCache<SizedEntry<'secret'>>(SECRET_CACHE, (cached) => cached.size);
  /** Values stay sealed in the cache: what is in clear lives only as long as the request that asked. */
  readonly values = new RecordCache<StoredRecord>(VALUE_CACHE, (stored) => stored.body.length);
  readonly opened = new OpenedRecords();
  readonly #keys: StoreKeys | null;
  readonly #followers: ForgetfulCache[] = [];

  constructor(keys: StoreKeys | null) {
    this.#keys = keys;
  }

  /** Tells somebody else's cache whenever this one has to forget. */
  follow(cache: ForgetfulCache): void {
    this.#followers.push(cache);
  }

  forget(collection: string, id: string): void {
    if (collection === 'secret') this.secrets.forget(id);
    else if (collection === 'name') this.names.forget(id);
    else if (collection === 'value') this.values.forget(id);
    // Where it cannot follow, that is told when something needs it; the upkeep of the keys tries again, too.
    else if (collection === KEYRING) void this.#keys?.reload().catch(() => {});
    for (const follower of this.#followers) follower.forget(collection, id);
  }

  forgetAll(): void {
    this.secrets.forgetAll();
    this.names.forgetAll();
    this.values.forgetAll();
    this.opened.clear();
    for (const follower of this.#followers) follower.forgetAll();
  }

  /** What a commit has just written need not be opened again to be read. */
  keepWritten(writes: readonly StoreWrite[], revision: number): void {
    for (const { collection, id, record } of writes)
      if (record !== null) this.opened.keep(collection, { id, revision, record });
  }
}
