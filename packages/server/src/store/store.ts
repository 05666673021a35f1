/**
 * The room `store`: everything rekey keeps, sealed before a driver sees it.
 *
 * ```
 *   Store ── seals, validates, caches ──► StoreDriver   memory · sqlite · (postgres)
 *
 *   record as a driver sees it
 *     collection   one of ./collections.ts, in clear
 *     id           random, or keyed hash of what must not be told (names, targets): Keyring.opaque
 *     index        times, states and opaque ids only: INDEXES of ./collections.ts
 *     body         envelope (see seal/seal.ts) with purpose = collection and additional = id, around
 *                    value        kind byte `t` or `b`, then the bytes
 *                    all others   JSON, UTF-8
 *
 *   the one record that is not in an envelope (it is wrapped by the seal itself)
 *     collection `keyring`, id `keyring`: JSON KeyringRecord; every commit checks that the one in hand still stands there
 * ```
 *
 * What the envelope does not bind is the revision: whoever can write the store's files can put an older body of the
 * same record back. The audit log, whose head is signed, is what shows it.
 */
import { RekeyError, type SecretRecord, type SecretValue } from '@rekey/core';
import type { Keyring } from '../seal/keyring.ts';
import { CacheFeed, type ForgetfulCache } from './cache-feed.ts';
import type { CollectionName, Collections } from './collections.ts';
import type {
  Change,
  Claim,
  ClaimRequest,
  CommitResult,
  CountRange,
  ListQuery,
  StoreDriver,
  StoredRecord,
} from './driver.ts';
import { type DurationCounts, Durations } from './durations.ts';
import type { CommitOptions, Entry, ListedEntry, StoreWrite } from './entry.ts';
import { fingerprintWrites, type PlacedValue } from './fingerprints.ts';
import { Lru } from './lru.ts';
import type { RecordCache } from './record-cache.ts';
import { findUnopenable } from './record-check.ts';
import { SealedDriver } from './sealed-driver.ts';
import { openRecord } from './sealed-record.ts';
import type { Soon } from './soon.ts';
import { StagedDriver } from './staged-driver.ts';
import { NAME_CACHE, type SizedEntry, StoreCache } from './store-cache.ts';
import type { StoreKeys } from './store-keys.ts';

export type { CommitOptions, Entry, ListedEntry, StoreWrite } from './entry.ts';

/** A group commit on a common disk takes some milliseconds. Seconds. */
const COMMIT_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];

/** The first one guesses; the others read. Only who writes the same value at the same moment is in the way. */
const INDEX_ATTEMPTS = 6;

export interface StoreOptions {
  readonly driver: StoreDriver;
  readonly keyring: Keyring;
  /** How the keyring stands in the store; left out where it lives and dies with this object. */
  readonly keys?: StoreKeys;
  /** How old what is read may be, where other servers write too; {@link DEFAULT_STALENESS}. Milliseconds. */
  readonly staleness?: number;
  /** How old it may be while the store cannot be reached; by default no older than ever. Milliseconds. */
  readonly staleReads?: number;
  /** Milliseconds of a clock that never jumps; the machine's by default. */
  readonly monotonic?: () => number;
  /** Dates fingerprints; milliseconds since the epoch, the machine's by default. */
  readonly now?: () => number;
}

/**
 * A second: what a person does on one server is seen on another before they can look. Shorter costs more questions to
 * the store, four a second of each server; longer is how long a permission that was taken away may still be used.
 */
export const DEFAULT_STALENESS = 1_000;

/** Changes that are made in one commit, or not at all. */
export interface Staging {
  /** Shows the changes committed to it, on top of the store beneath. */
  readonly store: Store;
  /**
   * Commits them beneath; null where there are none.
   *
   * @throws RekeyError `conflict` if a record they write was written by somebody else since it was first looked at here
   */
  land(): Promise<number | null>;
}

/**
 * The concrete store. Every read of one record sees every commit of this process that was resolved before it, and every
 * commit of another server that was made more than the bound of staleness before; who has taken a claim sees every
 * commit that was made before it was taken.
 */
export class Store {
  readonly storeId: string;
  /** For what is sealed outside the store: escrow journal, audit signing key. */
  readonly keyring: Keyring;
  /** The keyring as it is kept and as it changes; null where it lives and dies with this object. */
  readonly keys: StoreKeys | null;
  readonly #driver: StoreDriver;
  readonly #sealed: SealedDriver;
  readonly #opaqueNames = new Lru<string>(NAME_CACHE);
  readonly #cache: StoreCache;
  readonly #feed: CacheFeed;
  readonly #now: () => number;
  readonly #monotonic: () => number;
  readonly #commitTimes = new Durations(COMMIT_BOUNDS);

  constructor(options: StoreOptions) {
    const { driver, keyring, staleness: bound = DEFAULT_STALENESS, monotonic = () => performance.now() } = options;
    this.#driver = driver;
    this.#now = options.now ?? Date.now;
    this.#monotonic = monotonic;
    this.keyring = keyring;
    this.keys = options.keys ?? null;
    this.#sealed = new SealedDriver(driver, keyring, this.keys);
    this.storeId = keyring.storeId;
    const cache = new StoreCache(this.keys);
    this.#cache = cache;
    this.#feed = new CacheFeed({ driver, cache, bound, monotonic, staleFor: options.staleReads ?? 0 });
  }

  /**
   * Whether what is cached may answer: it is within the bound of staleness, or the store cannot be reached and what is
   * stale may be served. Reads go to the driver while it may not. For caches that {@link follow} the store: the same
   * holds for them.
   */
  get isFresh(): boolean {
    return this.#feed.isFresh || this.#feed.isStale;
  }

  /** How old what is read may be while the store cannot be reached; null while it can. Milliseconds. */
  get staleAge(): number | null {
    return this.#feed.isStale ? this.#feed.age : null;
  }

  /** How old what is read from the caches may be, whether that is allowed or not; 0 where no other server writes. Milliseconds. */
  get readAge(): number {
    return this.#feed.age;
  }

  /** Whether the last look at a shared store was answered; of others: true. */
  get isReachable(): boolean {
    return !this.#feed.isLost;
  }

  /** How long commits took that were made. */
  get commitTimes(): DurationCounts {
    return this.#commitTimes.counts;
  }

  /** Keyed hash, 32 characters of base64url, stable for the store's life: for ids that must not tell a name. */
  opaque(namespace: string, text: string): string {
    return this.keyring.opaque(namespace, text);
  }

  /** @throws RekeyError `decryption-failed` or `integrity` if what is stored was altered. */
  async get<K extends CollectionName>(collection: K, id: string): Promise<Entry<Collections[K]> | null> {
    if (collection === 'secret') return (await this.#getSecret(id)) as Entry<Collections[K]> | null;
    const stored = await this.#driver.get(collection, id);
    if (stored === null) return null;
    if (!this.#sealed.hasKeyOf(stored)) await this.#sealed.fetchKeys();
    return this.#open(collection, stored);
  }

  /** In index order, at most `limit`; go on with `after` from the last one's value (its id for lists by id) and id. */
  async list<K extends CollectionName>(
    collection: K,
    query: Omit<ListQuery, 'collection'>,
  ): Promise<readonly ListedEntry<Collections[K]>[]> {
    const stored = await this.#driver.list({ ...query, collection });
    if (!stored.every((record) => this.#sealed.hasKeyOf(record))) await this.#sealed.fetchKeys();
    return stored.map((record) => ({ ...this.#open(collection, record), indexValue: record.indexValue }));
  }

  /** See {@link StoreDriver.count}. */
  count(collection: CollectionName, range?: CountRange): Promise<number> {
    return this.#driver.count(collection, range);
  }

  /**
   * All or nothing, durable when resolved. Returns the revision. After any failure but `conflict` the writes may have
   * been made or not: read again. Values are indexed by their fingerprints in the same commit, whoever writes them.
   *
   * @throws RekeyError `conflict` when an expectation, check or fence does not hold.
   */
  async commit(writes: readonly StoreWrite[], options: CommitOptions = {}): Promise<number> {
    refuseRepeats(writes);
    // What nobody could write is not forgotten: it is what is served until the store is back.
    if (this.#feed.isStale) throw storeAway();
    const values = valuesIn(writes);
    const begun = this.#monotonic();
    try {
      const result = await (values.length === 0
        ? this.#sealed.write(writes, options)
        : this.#writeIndexed(writes, values, options));
      if (!result.committed) throw conflicting(result.conflict);
      this.#commitTimes.took(this.#monotonic() - begun);
      this.#feed.sawOwn(result.revision);
      this.#forgetThoseOf(writes, options);
      this.#cache.keepWritten(writes, result.revision);
      return result.revision;
    } catch (error) {
      // Lost with the store: it may be what has to be served until the store is back.
      if (this.#driver.shared && isUnavailable(error)) this.#feed.doubt();
      else this.#forgetThoseOf(writes, options);
      throw error;
    }
  }

  #forgetThoseOf(writes: readonly StoreWrite[], { checks = [] }: CommitOptions): void {
    for (const { collection, id } of writes) this.#cache.forget(collection, id);
    for (const { collection, id } of checks) this.#cache.forget(collection, id);
  }

  /** A store over this one that keeps to itself what is committed to it, until that is landed. */
  stage(): Staging {
    const driver = new StagedDriver(this.#driver);
    const land = async () => {
      const writes = driver.writes().map(({ collection, id, base, stored }) => {
        const name = collection as CollectionName;
        const record = stored === null ? null : openRecord(this.keyring, name, stored).record;
        return { collection: name, id, record, expect: base } as StoreWrite;
      });
      return writes.length === 0 ? null : this.commit(writes);
    };
    return { store: new Store({ driver, keyring: this.keyring }), land };
  }

  /** By exact name, through the collection `name`. At once where it is cached. */
  findSecret(name: string): Soon<Entry<SecretRecord> | null> {
    const nameId = this.#opaqueName(name);
    const named = this.#fresh(this.#cache.names, nameId);
    if (named !== undefined) return this.#getSecret(named.entry.record.secretId);
    return this.#load('name', nameId, this.#cache.names).then((loaded) =>
      loaded === null ? null : this.#getSecret(loaded.entry.record.secretId),
    );
  }

  /** Content of a version; null if there is none (yet). At once where it is cached. */
  getValue(secretId: string, versionId: string): Soon<SecretValue | null> {
    const id = `${secretId}/${versionId}`;
    const stored = this.#fresh(this.#cache.values, id);
    if (stored !== undefined && this.keyring.knows(stored.body)) return this.#openValue(stored);
    return this.#cache.values
      .load(id, () => this.#driver.get('value', id))
      .then(async (loaded) => {
        if (loaded === null) return null;
        if (!this.#sealed.hasKeyOf(loaded)) await this.#sealed.fetchKeys();
        return this.#openValue(loaded);
      });
  }

  /** Records of a collection as they are stored, by id; for {@link Store.reseal}. */
  sealed(collection: CollectionName, after: string | null, limit: number): Promise<readonly StoredRecord[]> {
    return this.#sealed.page(collection, after, limit);
  }

  /** A record as it is stored. */
  findSealed(collection: CollectionName, id: string): Promise<StoredRecord | null> {
    return this.#driver.get(collection, id);
  }

  /** See {@link SealedDriver.reseal}. Returns how many were sealed again. */
  async reseal(collection: CollectionName, records: readonly StoredRecord[]): Promise<number> {
    try {
      const done = await this.#sealed.reseal(collection, records);
      for (const { revision } of done) this.#feed.sawOwn(revision);
      return done.reduce((count, { ids }) => count + ids.length, 0);
    } finally {
      for (const { id } of records) this.#cache.forget(collection, id);
    }
  }

  /** See {@link StoreDriver.claim}. Whoever gets the claim then reads what its last holder left. */
  async claim(request: ClaimRequest): Promise<Claim | null> {
    const claim = await this.#driver.claim(request);
    if (claim !== null) await this.#feed.refresh();
    return claim;
  }

  /** See {@link StoreDriver.renew}. */
  renew(claim: Claim, request: { readonly now: number; readonly milliseconds: number }): Promise<Claim | null> {
    return this.#driver.renew(claim, request);
  }

  /** See {@link StoreDriver.release}. */
  release(claim: Claim): Promise<void> {
    return this.#driver.release(claim);
  }

  /** Whether other servers may write to it too. */
  get isShared(): boolean {
    return this.#driver.shared;
  }

  /** Revision of the newest commit. */
  revision(): Promise<number> {
    return this.#driver.revision();
  }

  /** See {@link StoreDriver.changes}. */
  changes(after: number, limit: number): Promise<readonly Change[]> {
    return this.#driver.changes(after, limit);
  }

  /**
   * Keeps somebody's own cache as coherent as the store's: it is told to forget what a commit of this process writes
   * before the commit is answered, and what other servers write as soon as that is known here.
   */
  follow(cache: ForgetfulCache): void {
    this.#cache.follow(cache);
  }

  /** See {@link StoreDriver.watch}. */
  watch(listener: (revision: number) => void): () => void {
    return this.#driver.watch(listener);
  }

  /** Writes a consistent copy to a new file while running; it never holds the KEK. */
  backup(file: string): Promise<void> {
    return this.#driver.backup(file);
  }

  /** Sentences about what is wrong with the stored data; empty if sound. Reads and opens every record. */
  async check(): Promise<readonly string[]> {
    const damage = await this.#driver.check();
    return damage.length > 0 ? damage : findUnopenable(this.#driver, this.keyring);
  }

  /** Commits under way are finished first. */
  async close(): Promise<void> {
    this.#feed.stop();
    this.#cache.forgetAll();
    await this.#driver.close();
  }

  /**
   * Most values are new to the store, so that their fingerprints are taken to be: looking first would cost a question
   * to the store for each. Where one is known, or somebody writes it at the same time, the commit is made again.
   */
  async #writeIndexed(
    writes: readonly StoreWrite[],
    values: readonly PlacedValue[],
    options: CommitOptions,
  ): Promise<CommitResult> {
    const written = new Set(writes.map(({ collection, id }) => `${collection}/${id}`));
    const opaque = (namespace: string, text: string) => this.opaque(namespace, text);
    const nothing = { opaque, findFingerprint: async () => null };
    const known = { opaque, findFingerprint: (id: string) => this.get('fingerprint', id) };
    for (let attempt = 1; ; attempt += 1) {
      const index = await fingerprintWrites(attempt === 1 ? nothing : known, values, this.#now());
      const fresh = index.filter(({ collection, id }) => !written.has(`${collection}/${id}`));
      const result = await this.#sealed.write([...writes, ...fresh], options);
      const contested = !result.committed && result.conflict.startsWith('fingerprint ');
      if (!contested || attempt === INDEX_ATTEMPTS) return result;
    }
  }

  #getSecret(id: string): Soon<Entry<SecretRecord> | null> {
    const cached = this.#fresh(this.#cache.secrets, id);
    return cached?.entry ?? this.#load('secret', id, this.#cache.secrets).then((loaded) => loaded?.entry ?? null);
  }

  #open<K extends CollectionName>(collection: K, stored: StoredRecord): Entry<Collections[K]> {
    const known = this.#cache.opened.find(collection, stored);
    return known ?? this.#cache.opened.keep(collection, openRecord(this.keyring, collection, stored));
  }

  #openValue(stored: StoredRecord): SecretValue {
    return openRecord(this.keyring, 'value', stored).record;
  }

  #fresh<T>(cache: RecordCache<T>, id: string): T | undefined {
    return this.isFresh ? cache.find(id) : undefined;
  }

  #load<K extends CollectionName>(collection: K, id: string, cache: RecordCache<SizedEntry<K>>) {
    return cache.load(id, async () => {
      const stored = await this.#driver.get(collection, id);
      if (stored === null) return null;
      if (!this.#sealed.hasKeyOf(stored)) await this.#sealed.fetchKeys();
      return { entry: this.#open(collection, stored), size: stored.body.length };
    });
  }

  #opaqueName(name: string): string {
    const known = this.#opaqueNames.get(name);
    if (known !== undefined) return known;
    const made = this.opaque('name', name);
    this.#opaqueNames.set(name, made, 1);
    return made;
  }
}

function valuesIn(writes: readonly StoreWrite[]): readonly PlacedValue[] {
  return writes.flatMap((write) =>
    write.collection === 'value' && write.record !== null ? [{ id: write.id, value: write.record }] : [],
  );
}

function refuseRepeats(writes: readonly StoreWrite[]): void {
  if (writes.length < 2) return;
  const seen = new Set(writes.map(({ collection, id }) => `${collection}\0${id}`));
  if (seen.size < writes.length) throw new RekeyError('bug', 'A commit writes the same record twice.');
}

function conflicting(conflict: string): RekeyError {
  return new RekeyError('conflict', `Something changed meanwhile (${conflict}); read again and retry.`);
}

function storeAway(): RekeyError {
  const message = 'The store cannot be reached: only reads are answered, from what was read before; repeat later.';
  return new RekeyError('unavailable', message, { reason: 'store-unreachable' });
}

function isUnavailable(error: unknown): boolean {
  return error instanceof RekeyError && error.code === 'unavailable';
}
