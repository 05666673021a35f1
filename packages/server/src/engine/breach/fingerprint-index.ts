import { type Clock, RekeyError, type SecretValue } from '@rekey/core';
import { leakedTexts, partsOf } from '../../store/fingerprint-parts.ts';
import type { FingerprintPlace, FingerprintRecord } from '../../store/fingerprint-record.ts';
import { fingerprintOf, fingerprintWrites } from '../../store/fingerprints.ts';
import type { Entry, ListedEntry, Store, StoreWrite } from '../../store/store.ts';
import type { PeriodicJob } from '../schedule/worker.ts';

/** How far the values of a store that was there before fingerprints were are indexed. */
interface Progress {
  /** Which rules of {@link partsOf} it follows; others make the index anew. */
  readonly rules: number;
  /** Id of the last value indexed; null before the first. */
  readonly after: string | null;
  readonly complete: boolean;
}

const RULES = 1;
const SETTING = 'fingerprint-index';
/** Values read at once: some five milliseconds, between which requests get their turn. */
const PAGE = 40;
/** Pages one after the other; the rotations that are due wait for their commits. */
const PAGES = 5;
/** Milliseconds between two such runs. */
const INTERVAL = 250;
/**
 * Fingerprints of versions that are gone are kept for so long: what leaks is often old, and a year is how long audits
 * look back. Milliseconds.
 */
export const FINGERPRINT_RETENTION = 400 * 86_400_000;
const SWEEP_INTERVAL = 6 * 3_600_000;

export interface FingerprintIndexParts {
  readonly store: Store;
  readonly clock: Pick<Clock, 'now'>;
}

/**
 * Finds out where a text stands or stood in values, by keyed hash: nobody needs to know which secret it was, and nothing
 * keeps the text. The Store indexes what is written; the jobs here index what was there before, and forget what is long
 * gone.
 */
export class FingerprintIndex {
  readonly #parts: FingerprintIndexParts;
  #complete = false;

  constructor(parts: FingerprintIndexParts) {
    this.#parts = parts;
  }

  /** For the worker. */
  get jobs(): readonly PeriodicJob[] {
    return [
      { name: 'indexing values', every: INTERVAL, run: () => this.#indexPages() },
      { name: 'forgetting old fingerprints', every: SWEEP_INTERVAL, run: () => this.#sweep() },
    ];
  }

  /** Ids under which a leaked text may be known. What is looked for is kept as these, never as it is. */
  fingerprintsOf(leaked: string): readonly string[] {
    return leakedTexts(leaked).map((text) => fingerprintOf(this.#parts.store, text));
  }

  /**
   * Every place where one of the fingerprints stood, as far as it is remembered. Where the index is not whole (yet), the
   * values that are there are looked through.
   */
  async find(fingerprints: readonly string[]): Promise<readonly FingerprintPlace[]> {
    const entries = await this.#read(fingerprints);
    const found = entries.flatMap((entry) => entry?.record.places ?? []);
    const whole = !entries.some((entry) => entry?.record.more) && (await this.#isComplete());
    return withoutRepeats(whole ? found : [...found, ...(await this.#lookThrough(new Set(fingerprints)))]);
  }

  /** Remembers of what is known by these fingerprints that it leaked. */
  async markLeaked(fingerprints: readonly string[]): Promise<void> {
    const { store, clock } = this.#parts;
    for (const [at, entry] of (await this.#read(fingerprints)).entries()) {
      if (entry === null || entry.record.leakedAt !== undefined) continue;
      const record = { ...entry.record, leakedAt: clock.now() };
      const write = { collection: 'fingerprint', id: fingerprints[at]!, record, expect: entry.revision } as const;
      await store.commit([write]).catch(unlessConflict);
    }
  }

  /** Whether a version holds something that leaked and that the current one does not hold (any more). */
  async bringsBackLeaked(secretId: string, versionId: string, currentVersionId: string | null): Promise<boolean> {
    const current = new Set(currentVersionId === null ? [] : await this.ofVersion(secretId, currentVersionId));
    const gone = (await this.ofVersion(secretId, versionId)).filter((fingerprint) => !current.has(fingerprint));
    return (await this.#read(gone)).some((entry) => entry?.record.leakedAt !== undefined);
  }

  /** Fingerprints of a version's value, the whole first; none if its value is gone. */
  async ofVersion(secretId: string, versionId: string): Promise<readonly string[]> {
    const { store } = this.#parts;
    const value = await store.getValue(secretId, versionId);
    return value === null ? [] : partsOf(value).map(({ text }) => fingerprintOf(store, text));
  }

  /** The places that are indexed: all that were written since the last {@link find}, at the cost of a few reads. */
  async findIndexed(fingerprints: readonly string[]): Promise<readonly FingerprintPlace[]> {
    return withoutRepeats((await this.#read(fingerprints)).flatMap((entry) => entry?.record.places ?? []));
  }

  #read(fingerprints: readonly string[]): Promise<readonly (Entry<FingerprintRecord> | null)[]> {
    return Promise.all(fingerprints.map((id) => this.#parts.store.get('fingerprint', id)));
  }

  async #isComplete(): Promise<boolean> {
    if (this.#complete) return true;
    const progress = (await this.#progress())?.record as Progress | undefined;
    this.#complete = progress?.rules === RULES && progress.complete;
    return this.#complete;
  }

  #progress(): Promise<Entry<Readonly<Record<string, unknown>>> | null> {
    return this.#parts.store.get('setting', SETTING);
  }

  async #indexPages(): Promise<void> {
    for (let page = 0; page < PAGES && !(await this.#isComplete()); page += 1) await this.#indexPage();
  }

  async #indexPage(): Promise<void> {
    const { store, clock } = this.#parts;
    const known = await this.#progress();
    const progress = known?.record as Progress | undefined;
    const after = progress?.rules === RULES ? progress.after : null;
    const page = await this.#page(after);
    const source = {
      opaque: (namespace: string, text: string) => store.opaque(namespace, text),
      findFingerprint: (id: string) => store.get('fingerprint', id),
    };
    const values = page.map(({ id, record }) => ({ id, value: record }));
    const reached: Progress = { rules: RULES, after: page.at(-1)?.id ?? after, complete: page.length < PAGE };
    const moved: StoreWrite = {
      collection: 'setting',
      id: SETTING,
      record: { ...reached },
      expect: known?.revision ?? 0,
    };
    const writes = [...(await fingerprintWrites(source, values, clock.now())), moved];
    await store.commit(writes).catch(unlessConflict);
  }

  #page(after: string | null): Promise<readonly ListedEntry<SecretValue>[]> {
    const cursor = after === null ? {} : { after: { value: after, id: after } };
    return this.#parts.store.list('value', { index: null, limit: PAGE, ...cursor });
  }

  async #lookThrough(fingerprints: ReadonlySet<string>): Promise<readonly FingerprintPlace[]> {
    const { store, clock } = this.#parts;
    const found: FingerprintPlace[] = [];
    for (let page = await this.#page(null); page.length > 0; page = await this.#page(page.at(-1)!.id)) {
      for (const { id, record } of page) {
        const part = partsOf(record).find(({ text }) => fingerprints.has(fingerprintOf(store, text)));
        const [secretId = '', versionId = ''] = id.split('/');
        if (part !== undefined) found.push({ secretId, versionId, part: part.part, at: clock.now() });
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    return found;
  }

  /** What stands in no value any more and was last written before the retention is forgotten. */
  async #sweep(): Promise<void> {
    const { store, clock } = this.#parts;
    const until = String(Math.max(0, clock.now() - FINGERPRINT_RETENTION)).padStart(16, '0');
    let after: { readonly value: string; readonly id: string } | undefined;
    for (;;) {
      const page = await store.list('fingerprint', { index: 'seen', until, limit: PAGE, ...(after && { after }) });
      for (const { id, record, revision } of page) {
        const stands = await Promise.all(
          record.places.map(({ secretId, versionId }) => store.getValue(secretId, versionId)),
        );
        if (stands.every((value) => value === null))
          await store.commit([{ collection: 'fingerprint', id, record: null, expect: revision }]).catch(unlessConflict);
      }
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE) return;
      after = { value: last.indexValue ?? '', id: last.id };
    }
  }
}

/** Somebody wrote the same at the same time; the next turn sees to it. */
function unlessConflict(error: unknown): void {
  if (!(error instanceof RekeyError) || error.code !== 'conflict') throw error;
}

function withoutRepeats(places: readonly FingerprintPlace[]): readonly FingerprintPlace[] {
  return [...new Map(places.map((place) => [`${place.secretId}/${place.versionId}`, place])).values()];
}
