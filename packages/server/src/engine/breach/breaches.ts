import { type Clock, type RandomSource, RekeyError } from '@rekey/core';
import type {
  BreachCase,
  BreachHolder,
  BreachRecord,
  BreachSettings,
  BreachSource,
} from '../../store/breach-record.ts';
import { sortable } from '../../store/collections.ts';
import type { Entry, Store, StoreWrite } from '../../store/store.ts';
import { newCase } from './breach-case.ts';
import type { BreachHolders } from './breach-holders.ts';

export interface BreachesParts {
  readonly store: Store;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: RandomSource;
  readonly holders: BreachHolders;
  /** What is done where the reporter does not say. */
  readonly settings: BreachSettings;
  /** Told when one was reported, so that the work begins at once. */
  readonly onReported?: () => void;
}

/** A breach as it is reported. */
export interface BreachReport {
  readonly source: BreachSource;
  readonly askedBy: string;
  readonly note?: string | null;
  readonly settings?: Partial<BreachSettings>;
  /** What leaked, as keyed hashes ({@link ./fingerprint-index.ts FingerprintIndex.fingerprintsOf}). */
  readonly fingerprints?: readonly string[];
  /** Where what leaked can be fetched. */
  readonly fetch?: BreachRecord['fetch'];
  /** The secret that leaked, and the versions of it. */
  readonly secret?: { readonly id: string; readonly name: string; readonly versionIds: readonly string[] };
  /** The same again is the same breach: a repeated delivery, the same value told of by several. */
  readonly sameAs?: string;
}

/** The same value, told of again within this time, is the same breach: it is dead, or dying. Milliseconds. */
export const SAME_WITHIN = 3_600_000;
const MOST_LISTED = 200;

/** Breaches as others see them: reported, looked at, listed. What works on them is {@link ./breach-work.ts}. */
export class Breaches {
  readonly #parts: BreachesParts;

  constructor(parts: BreachesParts) {
    this.#parts = parts;
  }

  /** Makes the reports durable, all or none, before anything is done. Returns them as they are kept. */
  async report(reports: readonly BreachReport[]): Promise<readonly BreachRecord[]> {
    const { store, onReported } = this.#parts;
    for (;;) {
      const made = await Promise.all(reports.map((report) => this.#recordOf(report)));
      const fresh = new Map(made.filter(({ revision }) => revision === 0).map(({ record }) => [record.id, record]));
      const writes = [...fresh.values()].map(
        (record): StoreWrite => ({ collection: 'breach', id: record.id, record, expect: 0 }),
      );
      try {
        if (writes.length > 0) await store.commit(writes);
      } catch (error) {
        if (error instanceof RekeyError && error.code === 'conflict') continue;
        throw error;
      }
      if (writes.length > 0) onReported?.();
      return made.map(({ record }) => record);
    }
  }

  /** With who held what leaked, as far as is known now. Null if there is none. */
  async find(id: string): Promise<BreachRecord | null> {
    const found = await this.#parts.store.get('breach', id);
    if (found === null) return null;
    const cases = await Promise.all(found.record.cases.map((one) => this.#withHolders(one)));
    return { ...found.record, cases };
  }

  /** Newest first. */
  async list(limit: number = MOST_LISTED): Promise<readonly BreachRecord[]> {
    const query = { index: 'created', descending: true, limit: Math.min(limit, MOST_LISTED) };
    return (await this.#parts.store.list('breach', query)).map(({ record }) => record);
  }

  async #withHolders(one: BreachCase): Promise<BreachCase> {
    if (one.holders !== null) return one;
    const holders: readonly BreachHolder[] = await this.#parts.holders.of(one.secretId, one.versionIds);
    return { ...one, holders };
  }

  async #recordOf(report: BreachReport): Promise<Entry<BreachRecord>> {
    const { store, clock } = this.#parts;
    const now = clock.now();
    const period = Math.floor(now / SAME_WITHIN);
    const id = report.sameAs === undefined ? this.#newId(now) : store.opaque('breach', `${period}/${report.sameAs}`);
    const known =
      report.sameAs === undefined
        ? null
        : ((await store.get('breach', id)) ?? (await this.#before(report.sameAs, period)));
    return known ?? { id, revision: 0, record: this.#made(id, report, now) };
  }

  /** Told of just before the hour struck. */
  #before(sameAs: string, period: number): Promise<Entry<BreachRecord> | null> {
    return this.#parts.store.get('breach', this.#parts.store.opaque('breach', `${period - 1}/${sameAs}`));
  }

  #made(id: string, report: BreachReport, now: number): BreachRecord {
    const { source, askedBy, note = null, fingerprints = null, fetch = null, secret } = report;
    return {
      id,
      source,
      askedBy,
      note,
      createdAt: now,
      settings: { ...this.#parts.settings, ...report.settings },
      fingerprints,
      fetch,
      state: secret === undefined ? 'looking' : 'at-work',
      trouble: null,
      attempts: 0,
      cases: secret === undefined ? [] : [newCase(secret, secret.versionIds, 'value', now)],
      nextLookAt: now,
      finishedAt: null,
    };
  }

  #newId(now: number): string {
    return `${sortable(now)}-${Buffer.from(this.#parts.random.bytes(6)).toString('hex')}`;
  }
}
