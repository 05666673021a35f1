import { type Clock, RekeyError } from '@rekey/core';
import { type HolderRecord, type HoldingRecord, sortable } from '../../store/collections.ts';
import type { Store, StoreWrite } from '../../store/store.ts';
import type { Sighting } from './holder-sighting.ts';

/** How long it is remembered who held a version that they have moved on from. Milliseconds. */
export const HOLDING_KEPT = 180 * 86_400_000;
/** Holdings that wait to be written; beyond it the oldest are lost: reads go on when the store does not. */
const MOST_WAITING = 20_000;
const BATCH = 100;
const ATTEMPTS = 5;
const MOST_LISTED = 5_000;

/** One holder's time with one version. */
export interface Holding extends HoldingRecord {
  /** Key of the holder; kept as a keyed hash. */
  readonly holder: string;
}

/**
 * Remembers who held which version and when, after they have moved on: a holder's record tells only of the version it
 * uses now. It is what a breach report is made of.
 */
export class HoldingHistory {
  readonly #store: Store;
  readonly #clock: Pick<Clock, 'now'>;
  #waiting = new Map<string, Holding>();

  constructor(store: Store, clock: Pick<Clock, 'now'>) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Notes that a holder has moved on from a version. Touches memory only. */
  note(holding: Holding): void {
    const key = `${holding.secretId}/${holding.versionId}/${holding.holder}`;
    const known = this.#waiting.get(key);
    this.#waiting.set(key, known === undefined ? holding : { ...holding, ...spanOf(known, holding) });
    if (this.#waiting.size <= MOST_WAITING) return;
    const [oldest] = this.#waiting.keys();
    if (oldest !== undefined) this.#waiting.delete(oldest);
  }

  /** Writes what was noted; what cannot be written now is tried again the next time. */
  async flush(): Promise<void> {
    const taken = [...this.#waiting.values()];
    this.#waiting = new Map();
    for (let from = 0; from < taken.length; from += BATCH) {
      try {
        await this.#write(taken.slice(from, from + BATCH));
      } catch (error) {
        for (const holding of taken.slice(from)) this.note(holding);
        throw error;
      }
    }
  }

  /** Everybody who moved on from a version of the secret, last seen first. */
  async list(secretId: string): Promise<readonly HoldingRecord[]> {
    await this.flush();
    const query = {
      index: 'secret',
      from: `${secretId}/`,
      until: `${secretId}0`,
      descending: true,
      limit: MOST_LISTED,
    };
    return (await this.#store.list('holding', query)).map(({ record }) => record);
  }

  async #write(batch: readonly Holding[]): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const writes = await Promise.all(batch.map((holding) => this.#writeOf(holding)));
        const secretIds = new Set(batch.map(({ secretId }) => secretId));
        const forgotten = await Promise.all([...secretIds].map((secretId) => this.#forgotten(secretId)));
        const ids = new Set(writes.map(({ id }) => id));
        await this.#store.commit([...writes, ...forgotten.flat().filter(({ id }) => !ids.has(id))]);
        return;
      } catch (error) {
        if (attempt >= ATTEMPTS || !(error instanceof RekeyError) || error.code !== 'conflict') throw error;
      }
    }
  }

  async #writeOf({ holder, ...holding }: Holding): Promise<StoreWrite> {
    const id = `${holding.secretId}/${holding.versionId}/${this.#store.opaque('holder', holder)}`;
    const known = await this.#store.get('holding', id);
    const record = known === null ? holding : { ...holding, ...spanOf(known.record, holding) };
    return { collection: 'holding', id, record, expect: known?.revision ?? 0 };
  }

  async #forgotten(secretId: string): Promise<readonly StoreWrite[]> {
    const until = `${secretId}/${sortable(this.#clock.now() - HOLDING_KEPT)}`;
    const old = await this.#store.list('holding', { index: 'secret', from: `${secretId}/`, until, limit: 20 });
    return old.map(({ id }): StoreWrite => ({ collection: 'holding', id, record: null }));
  }
}

/** What a holder held until it turned up with another version. */
export function holdingOf(seen: Sighting): Holding {
  const { secretId, holder, principal, accessKeyId, address, userAgent, versionId } = seen;
  const span = { firstSeenAt: seen.versionSince, lastSeenAt: Math.max(seen.lastAt, seen.versionSince) };
  return { secretId, holder, principal, accessKeyId, address, userAgent, versionId, ...span };
}

/** The same of one that was last seen by another server, or before a restart. */
export function holdingBefore(record: HolderRecord, { holder }: Pick<Sighting, 'holder'>): Holding {
  const { secretId, principal, accessKeyId, address, userAgent, versionId, versionSince, lastSeenAt } = record;
  const span = { firstSeenAt: versionSince, lastSeenAt };
  return { secretId, holder, principal, accessKeyId, address, userAgent, versionId, ...span };
}

/** The same of a holder that is forgotten. @param id of its record: `<secret id>/<opaque holder key>` */
export function holdingWrite(id: string, record: HolderRecord): StoreWrite {
  const { holder: _, ...holding } = holdingBefore(record, { holder: '' });
  const key = id.slice(id.indexOf('/') + 1);
  return { collection: 'holding', id: `${record.secretId}/${record.versionId}/${key}`, record: holding };
}

function spanOf(a: HoldingRecord, b: HoldingRecord): Pick<HoldingRecord, 'firstSeenAt' | 'lastSeenAt'> {
  return {
    firstSeenAt: Math.min(a.firstSeenAt, b.firstSeenAt),
    lastSeenAt: Math.max(a.lastSeenAt, b.lastSeenAt),
  };
}
