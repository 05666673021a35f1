import { RekeyError } from '@rekey/core';
import type { Batch, Change, Claim, CommitResult, CountRange, ListQuery, StoreDriver, StoredRecord } from './driver.ts';

/** A record as it shall be: its sealed body, or null where it is deleted. */
interface Staged {
  readonly collection: string;
  readonly id: string;
  /** Revision the record beneath had when it was first looked at; 0: absent. */
  readonly base: number;
  /** Null until it is written. */
  readonly write: { readonly body: Uint8Array | null; readonly revision: number } | null;
}

/** Revisions of what is staged; above all that a store reaches, so that none is taken for one beneath. */
const FIRST_REVISION = 2 ** 52;

/**
 * Lies over another driver: reads through to it, keeps what is committed to itself, and remembers at which revision each
 * record was first seen. So use cases can be run for real, and what they wrote be committed at once or not at all.
 */
export class StagedDriver implements StoreDriver {
  readonly name = 'staged';
  readonly shared = false;
  readonly #beneath: StoreDriver;
  readonly #seen = new Map<string, Staged>();
  #revision = FIRST_REVISION;

  constructor(beneath: StoreDriver) {
    this.#beneath = beneath;
  }

  /** What is to be written, and the revision each record must still have; a record made and deleted again is left out. */
  writes(): readonly (Pick<Staged, 'collection' | 'id' | 'base'> & { readonly stored: StoredRecord | null })[] {
    return [...this.#seen.values()].flatMap(({ collection, id, base, write }) =>
      write === null || (write.body === null && base === 0)
        ? []
        : [{ collection, id, base, stored: storedFrom(id, write) }],
    );
  }

  async get(collection: string, id: string): Promise<StoredRecord | null> {
    const staged = this.#seen.get(keyOf(collection, id));
    if (staged?.write) return storedFrom(id, staged.write);
    const found = await this.#beneath.get(collection, id);
    if (staged === undefined) this.#remember({ collection, id, base: found?.revision ?? 0, write: null });
    return found;
  }

  /** Only of collections in which nothing is staged: those a list would have to be merged with. */
  async list(query: ListQuery): Promise<readonly StoredRecord[]> {
    if (this.#stagedIn(query.collection).length > 0) throw impossible('listed behind what is staged');
    return this.#beneath.list(query);
  }

  /** Of a range only where nothing is staged, as {@link list}. */
  async count(collection: string, range?: CountRange): Promise<number> {
    if (range !== undefined) {
      if (this.#stagedIn(collection).length > 0) throw impossible('counted by an index');
      return this.#beneath.count(collection, range);
    }
    const changes = this.#stagedIn(collection).map(
      ({ base, write }) => Number(write !== null && write.body !== null) - Number(base !== 0),
    );
    return changes.reduce((sum, change) => sum + change, await this.#beneath.count(collection));
  }

  async commit({ writes, checks = [], fences = [] }: Batch): Promise<CommitResult> {
    if (fences.length > 0) throw impossible('fenced');
    for (const { collection, id, revision } of [...checks, ...writes.map(expected)]) {
      const found = await this.get(collection, id);
      if (revision !== undefined && (found?.revision ?? 0) !== revision)
        return { committed: false, conflict: `${collection} ${id}` };
    }
    this.#revision += 1;
    for (const { collection, id, body } of writes) {
      const base = this.#seen.get(keyOf(collection, id))?.base ?? 0;
      this.#remember({ collection, id, base, write: { body, revision: this.#revision } });
    }
    return { committed: true, revision: this.#revision };
  }

  async revision(): Promise<number> {
    return this.#revision;
  }

  async changes(): Promise<readonly Change[]> {
    return [];
  }

  watch(): () => void {
    return () => {};
  }

  async check(): Promise<readonly string[]> {
    return [];
  }

  async claim(): Promise<Claim | null> {
    throw impossible('claimed');
  }

  async renew(): Promise<Claim | null> {
    throw impossible('claimed');
  }

  async release(): Promise<void> {
    throw impossible('claimed');
  }

  async backup(): Promise<void> {
    throw impossible('backed up');
  }

  /** What lies beneath belongs to somebody else. */
  async close(): Promise<void> {}

  #remember(staged: Staged): void {
    this.#seen.set(keyOf(staged.collection, staged.id), staged);
  }

  #stagedIn(collection: string): readonly Staged[] {
    return [...this.#seen.values()].filter((staged) => staged.collection === collection && staged.write !== null);
  }
}

function expected({ collection, id, expect: revision }: Batch['writes'][number]) {
  return { collection, id, revision };
}

function storedFrom(id: string, { body, revision }: NonNullable<Staged['write']>): StoredRecord | null {
  return body === null ? null : { id, revision, body, indexValue: null };
}

function keyOf(collection: string, id: string): string {
  return `${collection}\0${id}`;
}

function impossible(what: string): RekeyError {
  return new RekeyError('bug', `Staged changes cannot be ${what}.`);
}
