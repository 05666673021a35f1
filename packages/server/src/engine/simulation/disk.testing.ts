import { type ClaimStanding, releaseClaim, renewClaim, takeClaim } from '../../store/claims.ts';
import type { CollectionName, Collections } from '../../store/collections.ts';
import { findConflict } from '../../store/conflict.ts';
import type { Batch, Change, Claim, ClaimRequest, CommitResult, ListQuery, StoredRecord } from '../../store/driver.ts';
import { compareText, rangeOf } from '../../store/list-range.ts';
import { recordIn } from './plain-keyring.testing.ts';

interface Kept {
  readonly id: string;
  readonly revision: number;
  readonly body: Uint8Array;
  readonly index: Readonly<Record<string, string>>;
}

/** All records of a moment: what a backup holds. */
export type Snapshot = ReadonlyMap<string, ReadonlyMap<string, Kept>>;

/** What a store would have to break for the promises to break with it; for tests of the simulation itself. */
export interface DiskDefects {
  /** Commits are made whoever holds the claim. */
  readonly ignoresFences?: boolean;
  /** Commits are made whatever was written meanwhile. */
  readonly ignoresExpectations?: boolean;
  /** A value that is written takes the place of those before the last one. */
  readonly losesValues?: boolean;
}

/** What outlives every server: records, claims and the revision. Synchronous, and open to whoever checks the promises. */
export class SimulatedDisk {
  revision = 0;
  /** The store's own clock, where several servers share it; null: claims go by the clock of whoever asks. */
  clock: (() => number) | null = null;
  onCommitted: (batch: Batch) => void = () => {};
  readonly #defects: DiskDefects;
  readonly #records = new Map<string, Map<string, Kept>>();
  readonly #claims = new Map<string, ClaimStanding>();
  readonly #changes: Change[] = [];

  constructor(defects: DiskDefects = {}) {
    this.#defects = defects;
  }

  get(collection: string, id: string): StoredRecord | null {
    const kept = this.#records.get(collection)?.get(id);
    return kept === undefined ? null : { id, revision: kept.revision, body: kept.body, indexValue: null };
  }

  /** The record itself, for those who look from outside. */
  record<K extends CollectionName>(collection: K, id: string): Collections[K] | null {
    const kept = this.#records.get(collection)?.get(id);
    return kept === undefined ? null : recordIn(collection, kept.body);
  }

  *all<K extends CollectionName>(collection: K): Iterable<readonly [id: string, record: Collections[K]]> {
    for (const [id, { body }] of this.#records.get(collection) ?? []) yield [id, recordIn(collection, body)];
  }

  list(query: ListQuery): readonly StoredRecord[] {
    const { lower, upper } = rangeOf(query);
    const found: { readonly kept: Kept; readonly value: string }[] = [];
    for (const kept of this.#records.get(query.collection)?.values() ?? []) {
      const value = query.index === null ? kept.id : kept.index[query.index];
      if (value === undefined) continue;
      if (
        lower !== null &&
        (lower.id === null ? comparePlaces(value, kept.id, lower) < 0 : comparePlaces(value, kept.id, lower) <= 0)
      )
        continue;
      if (upper !== null && comparePlaces(value, kept.id, upper) >= 0) continue;
      found.push({ kept, value });
    }
    if (found.length > 1) found.sort((a, b) => compareText(a.value, b.value) || compareText(a.kept.id, b.kept.id));
    if (query.descending === true) found.reverse();
    if (found.length > query.limit) found.length = query.limit;
    return found.map(({ kept: { id, revision, body }, value }) => ({
      id,
      revision,
      body,
      indexValue: query.index === null ? null : value,
    }));
  }

  count(collection: string): number {
    return this.#records.get(collection)?.size ?? 0;
  }

  commit(batch: Batch): CommitResult {
    const { ignoresFences = false, ignoresExpectations = false } = this.#defects;
    const judged: Batch = {
      writes: ignoresExpectations ? [] : batch.writes,
      checks: ignoresExpectations ? [] : (batch.checks ?? []),
      fences: ignoresFences ? [] : (batch.fences ?? []),
    };
    const conflict = findConflict(judged, {
      revisionOf: (collection, id) => this.#records.get(collection)?.get(id)?.revision ?? 0,
      fenceOf: (key) => this.fenceOf(key),
    });
    if (conflict !== null) return { committed: false, conflict };
    this.revision += 1;
    const writes = this.#defects.losesValues ? [...batch.writes, ...this.#lost(batch)] : batch.writes;
    for (const { collection, id, body, index = {} } of writes) {
      const records = this.#records.get(collection) ?? new Map<string, Kept>();
      this.#records.set(collection, records);
      if (body === null) records.delete(id);
      else records.set(id, { id, revision: this.revision, body, index });
      this.#changes.push({ revision: this.revision, collection, id });
    }
    this.onCommitted({ ...batch, writes });
    return { committed: true, revision: this.revision };
  }

  #lost({ writes }: Batch): Batch['writes'] {
    const written = writes.find(({ collection, body }) => collection === 'value' && body !== null)?.id;
    const before = [...(this.#records.get('value')?.keys() ?? [])].filter((id) => id.startsWith('secret-app/'));
    return written === undefined ? [] : before.slice(0, -1).map((id) => ({ collection: 'value', id, body: null }));
  }

  /** The fence of whoever took the claim last; 0 if nobody did. */
  fenceOf(key: string): number {
    return this.#claims.get(key)?.fence ?? 0;
  }

  changes(after: number, limit: number): readonly Change[] {
    const first = this.#changes.findIndex(({ revision }) => revision > after);
    if (first < 0) return [];
    const last = this.#changes[Math.min(first + limit, this.#changes.length) - 1]!.revision;
    return this.#changes.slice(first).filter(({ revision }) => revision <= last);
  }

  claim(request: ClaimRequest): Claim | null {
    const now = this.clock?.() ?? request.now;
    const taken = takeClaim(this.#claims.get(request.key) ?? null, { ...request, now });
    return this.#keep(taken, request.now - now);
  }

  renew(claim: Claim, request: { readonly now: number; readonly milliseconds: number }): Claim | null {
    const now = this.clock?.() ?? request.now;
    return this.#keep(renewClaim(this.#claims.get(claim.key) ?? null, claim, { ...request, now }), request.now - now);
  }

  release(claim: Claim): void {
    const released = releaseClaim(this.#claims.get(claim.key) ?? null, claim);
    if (released !== null) this.#claims.set(claim.key, released);
  }

  snapshot(): Snapshot {
    return new Map([...this.#records].map(([collection, records]) => [collection, new Map(records)]));
  }

  /** A disk as another was in the beginning, after its first commit. */
  static begun(snapshot: Snapshot, defects: DiskDefects = {}): SimulatedDisk {
    const disk = new SimulatedDisk(defects);
    disk.revision = 1;
    for (const [collection, records] of snapshot) {
      disk.#records.set(collection, new Map(records));
      for (const id of records.keys()) disk.#changes.push({ revision: 1, collection, id });
    }
    return disk;
  }

  /** A disk with what a backup holds: revisions start again, claims and changes are gone. */
  static restored(snapshot: Snapshot): SimulatedDisk {
    const disk = new SimulatedDisk();
    disk.revision = 1;
    for (const [collection, records] of snapshot)
      disk.#records.set(collection, new Map([...records].map(([id, kept]) => [id, { ...kept, revision: 1 }])));
    return disk;
  }

  /** What is told is the asker's time; what stands is the store's. */
  #keep(claim: Claim | null, ahead: number): Claim | null {
    if (claim === null) return null;
    this.#claims.set(claim.key, { holder: claim.holder, fence: claim.fence, until: claim.until });
    return ahead === 0 ? claim : { ...claim, until: claim.until + ahead };
  }
}

function comparePlaces(
  value: string,
  id: string,
  place: { readonly value: string; readonly id: string | null },
): number {
  return compareText(value, place.value) || (place.id === null ? 1 : compareText(id, place.id));
}
