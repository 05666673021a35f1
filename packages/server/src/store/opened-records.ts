import type { CollectionName, Collections } from './collections.ts';
import type { Entry } from './entry.ts';
import { Lru } from './lru.ts';
import { deepFrozen } from './record-form.ts';

/**
 * What a scheduler looks at again and again, and a rotation writes and then reads. Of all else a second look is rare; a
 * value in clear lives only as long as the request that asked.
 */
const KEPT: ReadonlySet<CollectionName> = new Set(['secret', 'rotation']);

/** Rotations at work, those next in turn and their secrets, several times over: some megabytes. */
const MOST = 1_000;

/**
 * Records as they were last opened or written, so that one is not decrypted and decoded again while it stands in the
 * store unchanged. It is asked with the revision that the driver has just answered, and so is never behind the store.
 */
export class OpenedRecords {
  readonly #kept = new Lru<Entry<unknown>>({ entries: MOST, size: MOST });

  /** Frozen when it is first handed out: most that is written is written again before somebody reads it. */
  find<K extends CollectionName>(
    collection: K,
    { id, revision }: { readonly id: string; readonly revision: number },
  ): Entry<Collections[K]> | null {
    if (!KEPT.has(collection)) return null;
    const entry = this.#kept.get(keyOf(collection, id));
    if (entry?.revision !== revision) return null;
    deepFrozen(entry.record);
    return entry as Entry<Collections[K]>;
  }

  /** Nobody may change the record any more. */
  keep<K extends CollectionName>(collection: K, entry: Entry<Collections[K]>): Entry<Collections[K]> {
    if (!KEPT.has(collection)) return entry;
    this.#kept.set(keyOf(collection, entry.id), entry, 1);
    return entry;
  }

  clear(): void {
    this.#kept.clear();
  }
}

function keyOf(collection: CollectionName, id: string): string {
  return `${collection}/${id}`;
}
