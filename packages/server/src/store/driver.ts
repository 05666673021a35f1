/**
 * The StoreDriver port. A driver is hostile by assumption: it sees sealed bodies, opaque ids and index values that
 * give nothing away (times, states), never a name or a value. The concrete {@link ./store.ts Store} above it seals,
 * validates and caches; nothing of that is repeated in a driver.
 *
 * Obligations: a commit is all or nothing and durable when it resolves; a read that starts after a commit resolved
 * sees it; revisions grow by every commit and are never reused; a driver fails with a `RekeyError` only
 * (`unavailable`, `storage-full`, `integrity`).
 */
export interface StoreDriver {
  /** Kebab-case name for logs and `doctor`. */
  readonly name: string;
  /** Whether other processes may commit to the same store: what is cached above it then has to be kept fresh. */
  readonly shared: boolean;

  get(collection: string, id: string): Promise<StoredRecord | null>;
  /** In index order, ties broken by id. Never scans more than it returns, where an index is named. */
  list(query: ListQuery): Promise<readonly StoredRecord[]>;
  /** Number of records, for status and bounds; of a range of an index, those in it. May count, and reads no body. */
  count(collection: string, range?: CountRange): Promise<number>;
  commit(batch: Batch): Promise<CommitResult>;

  /** Takes the claim if it is free, expired or already ours; each taking by somebody new raises its fence. */
  claim(request: ClaimRequest): Promise<Claim | null>;
  /** Lengthens a claim that is still ours; null if somebody else has it. */
  renew(claim: Claim, request: { readonly now: number; readonly milliseconds: number }): Promise<Claim | null>;
  /** Frees the claim if it is still ours; of a lost one: nothing happens. */
  release(claim: Claim): Promise<void>;

  /** Revision of the last commit; 0 before the first. */
  revision(): Promise<number>;
  /**
   * Changes after the given revision, oldest first; collections and ids only. Never cuts a revision in two, so the
   * last one may go over the limit. Only the last {@link KEPT_REVISIONS} are remembered: who asks for older ones gets
   * `unavailable` (reason `changes-forgotten`) and must forget all that it knew.
   */
  changes(after: number, limit: number): Promise<readonly Change[]>;
  /**
   * Tells of each commit of any server, perhaps late, perhaps twice, never not at all while connected. A revision that is
   * told stands for all before it.
   */
  watch(listener: (revision: number) => void): () => void;

  /** Writes a consistent copy to a new file while running; refuses to overwrite. */
  backup(file: string): Promise<void>;
  /** Sentences about what is wrong with the stored data; empty if sound. */
  check(): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** Revisions a change feed goes back. A reader that stays away for longer starts afresh, which costs it its cache. */
export const KEPT_REVISIONS = 10_000;

export interface StoredRecord {
  readonly id: string;
  /** Revision of the commit that wrote it. */
  readonly revision: number;
  readonly body: Uint8Array;
  /** Value under the index the list was asked by; null in `get` and in lists by id. */
  readonly indexValue: string | null;
}

export interface ListQuery {
  readonly collection: string;
  /** Null: by id. Only records that have a value under the index are listed. */
  readonly index: string | null;
  /** First value, inclusive. */
  readonly from?: string;
  /** Last value, exclusive. */
  readonly until?: string;
  /** Go on behind this place: value and id of the last record seen. */
  readonly after?: { readonly value: string; readonly id: string };
  readonly descending?: boolean;
  readonly limit: number;
}

/** The records that have a value below a bound under an index. */
export interface CountRange {
  readonly index: string;
  /** Exclusive; left out: whatever the value. */
  readonly until?: string;
}

export interface Write {
  readonly collection: string;
  readonly id: string;
  /** Null deletes; of the absent: nothing happens. */
  readonly body: Uint8Array | null;
  /** Index name → value; replaces all index values of the record. Compared as text, byte by byte. */
  readonly index?: Readonly<Record<string, string>>;
  /** Revision the record must have; 0: must be absent; left out: whatever is there. */
  readonly expect?: number;
}

export interface Batch {
  readonly writes: readonly Write[];
  /** Records that must stand at these revisions (0: absent), though the batch does not write them. */
  readonly checks?: readonly { readonly collection: string; readonly id: string; readonly revision: number }[];
  /** The batch is refused if one of these claims has been taken by somebody else since. */
  readonly fences?: readonly Pick<Claim, 'key' | 'fence'>[];
}

export type CommitResult =
  | { readonly committed: true; readonly revision: number }
  /** The sentence begins with the collection of the record that stands against it, or with `claim`. */
  | { readonly committed: false; readonly conflict: string };

export interface ClaimRequest {
  readonly key: string;
  /** Id of the worker that asks. */
  readonly holder: string;
  /**
   * Milliseconds since the epoch. Drivers shared by several servers go by the store's own clock, and tell `until` in the
   * asker's time all the same, counted from this moment.
   */
  readonly now: number;
  readonly milliseconds: number;
}

export interface Claim {
  readonly key: string;
  readonly holder: string;
  /** Grows with each new holder, for ever, also across releases. */
  readonly fence: number;
  readonly until: number;
}

export interface Change {
  readonly revision: number;
  readonly collection: string;
  readonly id: string;
}
