import { RekeyError } from '@rekey/core';
import { type ClaimStanding, releaseClaim, renewClaim, takeClaim } from './claims.ts';
import { findConflict } from './conflict.ts';
import {
  type Batch,
  type Change,
  type Claim,
  type ClaimRequest,
  type CommitResult,
  type CountRange,
  KEPT_REVISIONS,
  type ListQuery,
  type StoreDriver,
  type StoredRecord,
  type Write,
} from './driver.ts';
import { changesForgotten } from './driver-errors.ts';
import { rangeOf } from './list-range.ts';
import { SortedPlaces } from './sorted-places.ts';

/** Revisions whose changes are forgotten together: each time costs a shift of all that are kept. */
const FORGOTTEN_AT_ONCE = 1_000;

interface KeptRecord {
  readonly id: string;
  readonly revision: number;
  readonly body: Uint8Array;
  readonly index: Readonly<Record<string, string>>;
}

/** The reference driver: everything in this process, gone with it. For development, tests, and to check others by. */
export class MemoryDriver implements StoreDriver {
  readonly name = 'memory';
  readonly shared: boolean = false;
  readonly #records = new Map<string, Map<string, KeptRecord>>();
  readonly #indexes = new Map<string, SortedPlaces>();
  readonly #claims = new Map<string, ClaimStanding>();
  readonly #listeners = new Set<(revision: number) => void>();
  readonly #changes: Change[] = [];
  #revision = 0;

  async get(collection: string, id: string): Promise<StoredRecord | null> {
    const kept = this.#records.get(collection)?.get(id);
    return kept === undefined ? null : toStored(kept, null);
  }

  async list(query: ListQuery): Promise<readonly StoredRecord[]> {
    const places = this.#indexes.get(indexKey(query.collection, query.index));
    const records = this.#records.get(query.collection);
    if (places === undefined || records === undefined) return [];
    const found = places.slice(rangeOf(query), query.descending === true, query.limit);
    return found.map((place) => toStored(records.get(place.id)!, query.index === null ? null : place.value));
  }

  async count(collection: string, range?: CountRange): Promise<number> {
    if (range !== undefined) {
      const places = this.#indexes.get(indexKey(collection, range.index));
      const query = { collection, ...range, limit: Number.POSITIVE_INFINITY };
      return places?.slice(rangeOf(query), false, query.limit).length ?? 0;
    }
    return this.#records.get(collection)?.size ?? 0;
  }

  async commit(batch: Batch): Promise<CommitResult> {
    const conflict = findConflict(batch, {
      revisionOf: (collection, id) => this.#records.get(collection)?.get(id)?.revision ?? 0,
      fenceOf: (key) => this.#claims.get(key)?.fence ?? 0,
    });
    if (conflict !== null) return { committed: false, conflict };
    this.#revision += 1;
    for (const write of batch.writes) this.#apply(write);
    this.#remember(batch.writes);
    const revision = this.#revision;
    for (const listener of this.#listeners) listener(revision);
    return { committed: true, revision };
  }

  async claim(request: ClaimRequest): Promise<Claim | null> {
    return this.#keepClaim(takeClaim(this.#claims.get(request.key) ?? null, request));
  }

  async renew(claim: Claim, request: { readonly now: number; readonly milliseconds: number }): Promise<Claim | null> {
    return this.#keepClaim(renewClaim(this.#claims.get(claim.key) ?? null, claim, request));
  }

  async release(claim: Claim): Promise<void> {
    const released = releaseClaim(this.#claims.get(claim.key) ?? null, claim);
    if (released !== null) this.#claims.set(claim.key, released);
  }

  async revision(): Promise<number> {
    return this.#revision;
  }

  async changes(after: number, limit: number): Promise<readonly Change[]> {
    if (after < this.#revision - KEPT_REVISIONS) throw changesForgotten(after);
    const first = this.#changes.findIndex((change) => change.revision > after);
    if (first < 0) return [];
    const last = this.#changes[Math.min(first + limit, this.#changes.length) - 1]!.revision;
    return this.#changes.slice(first).filter((change) => change.revision <= last);
  }

  watch(listener: (revision: number) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async backup(): Promise<void> {
    const message = 'A store in memory cannot be backed up; run `rekey serve` with --data for one that can.';
    throw new RekeyError('unavailable', message, { reason: 'not-supported' });
  }

  async check(): Promise<readonly string[]> {
    return [];
  }

  async close(): Promise<void> {
    this.#listeners.clear();
  }

  #apply(write: Write): void {
    const records = this.#records.get(write.collection) ?? new Map<string, KeptRecord>();
    this.#records.set(write.collection, records);
    const { id, body } = write;
    const index = { ...write.index };
    const kept = body === null ? null : { id, revision: this.#revision, body: new Uint8Array(body), index };
    this.#reindex(write.collection, id, records.get(id) ?? null, kept);
    if (kept === null) records.delete(id);
    else records.set(id, kept);
  }

  /** Most writes leave most places where they are. */
  #reindex(collection: string, id: string, before: KeptRecord | null, after: KeptRecord | null): void {
    const old = new Map(before === null ? [] : indexEntries(collection, before));
    for (const [key, value] of after === null ? [] : indexEntries(collection, after)) {
      if (old.get(key) === value) old.delete(key);
      else this.#index(key).add({ value, id });
    }
    for (const [key, value] of old) this.#index(key).remove({ value, id });
  }

  #index(key: string): SortedPlaces {
    const places = this.#indexes.get(key) ?? new SortedPlaces();
    this.#indexes.set(key, places);
    return places;
  }

  #remember(writes: readonly Write[]): void {
    const changed = new SortedPlaces();
    for (const { collection, id } of writes) changed.add({ value: collection, id });
    for (const { value, id } of changed.all()) this.#changes.push({ revision: this.#revision, collection: value, id });
    if (this.#revision % FORGOTTEN_AT_ONCE !== 0) return;
    const forgotten = this.#changes.findIndex((change) => change.revision > this.#revision - KEPT_REVISIONS);
    if (forgotten > 0) this.#changes.splice(0, forgotten);
  }

  #keepClaim(claim: Claim | null): Claim | null {
    if (claim !== null) this.#claims.set(claim.key, { holder: claim.holder, fence: claim.fence, until: claim.until });
    return claim;
  }
}

function toStored(kept: KeptRecord, indexValue: string | null): StoredRecord {
  return { id: kept.id, revision: kept.revision, body: new Uint8Array(kept.body), indexValue };
}

function* indexEntries(collection: string, kept: KeptRecord): Iterable<readonly [key: string, value: string]> {
  yield [indexKey(collection, null), kept.id];
  for (const [name, value] of Object.entries(kept.index)) yield [indexKey(collection, name), value];
}

function indexKey(collection: string, index: string | null): string {
  return index === null ? collection : `${collection}\0${index}`;
}
