import type { CollectionName, Collections } from './collections.ts';
import type { Batch } from './driver.ts';

/** A record as it was read. */
export interface Entry<T> {
  readonly id: string;
  /** Revision of the commit that wrote it; give it back as `expect`. */
  readonly revision: number;
  readonly record: T;
}

/** A record to put (or, with null, to delete), and optionally the revision it must have: 0 for absent. */
export type StoreWrite = {
  [K in CollectionName]: {
    readonly collection: K;
    readonly id: string;
    readonly record: Collections[K] | null;
    readonly expect?: number;
  };
}[CollectionName];

/** A listed record with the value it is sorted by; null in lists by id. */
export type ListedEntry<T> = Entry<T> & { readonly indexValue: string | null };

/** What must hold besides the writes' own expectations. */
export interface CommitOptions {
  readonly checks?: Batch['checks'];
  readonly fences?: Batch['fences'];
}
