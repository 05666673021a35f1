import { type Caller, type Clock, type Logger, messageOf, RekeyError } from '@rekey/core';
import { type HolderRecord, sortable } from '../../store/collections.ts';
import type { Store, StoreWrite } from '../../store/store.ts';
import { holderOf, noteSighting, type Sighting, withSighting } from './holder-sighting.ts';
import { HoldingHistory, holdingBefore, holdingOf, holdingWrite } from './holding-history.ts';
import { KeptTexts } from './kept-texts.ts';
import { LastAccess } from './last-access.ts';

export interface HoldersParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
}

/** New holders, new versions and new days are in the store within this time. Milliseconds. */
export const HOLDER_FLUSH = 1_000;
/**
 * A holder that goes on reading the same version is written no more often than this: a write per read would cost more
 * than the read. A crash sets its `lastSeenAt` and `reads` back by so much, never its version. Milliseconds.
 */
export const HOLDER_REPEAT = 30_000;
/** Holders kept in memory; some 500 bytes each. Beyond it the one that came first makes room. */
export const HOLDERS_REMEMBERED = 20_000;
/** A holder not seen for so long is forgotten when another of the same secret turns up. Milliseconds. */
export const HOLDER_FORGOTTEN = 30 * 86_400_000;

const DAY = 86_400_000;
const BATCH = 200;
const ATTEMPTS = 5;

/**
 * Remembers who was handed which version of which secret, off the path of the read: {@link Holders.saw} touches memory
 * only, a flush a second later writes what is new.
 */
export class Holders {
  /** Who held which version before. */
  readonly history: HoldingHistory;
  readonly #parts: HoldersParts;
  readonly #lastAccess: LastAccess;
  readonly #seen = new Map<string, Sighting>();
  readonly #unwritten = new Set<Sighting>();
  readonly #texts = new KeptTexts();
  readonly #closing = new AbortController();
  #scheduled = false;
  #flushing: Promise<void> = Promise.resolve();

  constructor(parts: HoldersParts) {
    this.#parts = parts;
    this.history = new HoldingHistory(parts.store, parts.clock);
    this.#lastAccess = new LastAccess(parts.store);
  }

  /** Notes a delivery. Part of every read: no waiting, no failure, next to no memory. */
  saw(caller: Caller, secretId: string, versionId: string): void {
    const now = this.#parts.clock.now();
    const holder = holderOf(caller);
    const key = `${secretId}\n${holder}`;
    const seen = this.#seen.get(key) ?? this.#newSighting(key, caller, secretId, versionId, holder, now);
    if (seen === null) return;
    if (seen.versionId !== versionId) this.history.note(holdingOf(seen));
    noteSighting(seen, now);
    if (seen.userAgent !== caller.userAgent) seen.userAgent = this.#texts.kept(caller.userAgent);
    const day = Math.floor(now / DAY);
    if (seen.versionId !== versionId || seen.day !== day) noteNews(seen, versionId, day, now);
    this.#unwritten.add(seen);
    if (!this.#scheduled) this.#schedule();
  }

  /** Holders of a secret, last seen first. */
  async list(secretId: string): Promise<HolderRecord[]> {
    await this.flush().catch((error) => this.#complain(error));
    const range = { from: `${secretId}/`, until: `${secretId}0` };
    const entries = await this.#parts.store.list('holder', {
      index: 'secret',
      ...range,
      descending: true,
      limit: 1_000,
    });
    return entries.map(({ record }) => record);
  }

  /** Writes everything that was seen. */
  flush(): Promise<void> {
    return this.#inTurn(() => this.#write([...this.#unwritten]));
  }

  /** Writes everything that was seen, and schedules nothing more. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.flush();
  }

  #newSighting(
    key: string,
    caller: Caller,
    secretId: string,
    versionId: string,
    holder: string,
    now: number,
  ): Sighting | null {
    if (this.#seen.size >= HOLDERS_REMEMBERED && !this.#makeRoom()) return null;
    const seen: Sighting = {
      secretId,
      holder: this.#texts.kept(holder),
      principal: caller.principal.arn,
      accessKeyId: this.#texts.kept(caller.accessKeyId),
      address: this.#texts.kept(caller.address),
      userAgent: this.#texts.kept(caller.userAgent),
      versionId,
      firstAt: now,
      lastAt: now,
      versionSince: now,
      reads: 0,
      countedAt: now,
      sightings: 1,
      pause: 0,
      day: Math.floor(now / DAY),
      news: true,
      writtenAt: 0,
    };
    this.#seen.set(key, seen);
    return seen;
  }

  /** Forgets the oldest that is written; false if none of the oldest is: the store does not keep up, and reads go on. */
  #makeRoom(): boolean {
    let looked = 0;
    for (const [key, seen] of this.#seen) {
      if (!this.#unwritten.has(seen)) return this.#seen.delete(key);
      looked += 1;
      if (looked === 10) return false;
    }
    return false;
  }

  #schedule(): void {
    const { clock } = this.#parts;
    const { signal } = this.#closing;
    if (signal.aborted) return;
    this.#scheduled = true;
    void clock.sleep(HOLDER_FLUSH, signal).then(async () => {
      if (!signal.aborted) await this.#flushDue().catch((error) => this.#complain(error));
      this.#scheduled = false;
      if (this.#unwritten.size > 0) this.#schedule();
    });
  }

  #flushDue(): Promise<void> {
    const repeatedBefore = this.#parts.clock.now() - HOLDER_REPEAT;
    const due = [...this.#unwritten].filter(({ news, writtenAt }) => news || writtenAt <= repeatedBefore);
    return this.#inTurn(() => this.#write(due));
  }

  async #write(sightings: readonly Sighting[]): Promise<void> {
    for (let from = 0; from < sightings.length; from += BATCH) {
      const batch = sightings.slice(from, from + BATCH).filter((seen) => this.#unwritten.has(seen));
      await this.#lastAccess.note(batch);
      await this.#writeBatch(batch);
    }
    await this.history.flush();
  }

  async #writeBatch(batch: readonly Sighting[]): Promise<void> {
    const taken = batch.map((seen) => ({ ...seen }));
    for (let attempt = 1; ; attempt += 1) {
      try {
        const writes = await Promise.all(taken.map((seen) => this.#writesOf(seen)));
        await this.#parts.store.commit(withoutRepeats(writes.flat()));
        break;
      } catch (error) {
        if (attempt >= ATTEMPTS || !(error instanceof RekeyError) || error.code !== 'conflict') throw error;
      }
    }
    const now = this.#parts.clock.now();
    for (const [index, seen] of batch.entries()) this.#settle(seen, taken[index]!, now);
  }

  async #writesOf(seen: Sighting): Promise<readonly StoreWrite[]> {
    const { store } = this.#parts;
    const id = `${seen.secretId}/${store.opaque('holder', seen.holder)}`;
    const known = await store.get('holder', id);
    const record = withSighting(known?.record ?? null, seen);
    if (known !== null && known.record.versionId !== record.versionId)
      this.history.note(holdingBefore(known.record, seen));
    const write: StoreWrite = { collection: 'holder', id, record, expect: known?.revision ?? 0 };
    return known === null ? [write, ...(await this.#forgotten(seen.secretId))] : [write];
  }

  async #forgotten(secretId: string): Promise<readonly StoreWrite[]> {
    const until = `${secretId}/${sortable(this.#parts.clock.now() - HOLDER_FORGOTTEN)}`;
    const entries = await this.#parts.store.list('holder', { index: 'secret', from: `${secretId}/`, until, limit: 20 });
    return entries.flatMap(({ id, record }): StoreWrite[] => [
      { collection: 'holder', id, record: null },
      holdingWrite(id, record),
    ]);
  }

  /** What was read while the batch was written stays to be written. */
  #settle(seen: Sighting, written: Sighting, now: number): void {
    seen.reads -= written.reads;
    seen.sightings -= written.sightings;
    if (seen.pause === written.pause) seen.pause = 0;
    seen.writtenAt = now;
    if (seen.versionId === written.versionId && seen.day === written.day) seen.news = false;
    if (seen.reads > 0) seen.firstAt = written.lastAt;
    else this.#unwritten.delete(seen);
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const mine = this.#flushing.then(work, work);
    this.#flushing = mine.catch(() => {});
    return mine;
  }

  #complain(error: unknown): void {
    const fields = { reason: messageOf(error), waiting: this.#unwritten.size };
    this.#parts.log.warn(fields, 'Who holds which version could not be written; it is tried again every second');
  }
}

function noteNews(seen: Sighting, versionId: string, day: number, now: number): void {
  if (seen.versionId !== versionId) seen.versionSince = now;
  seen.versionId = versionId;
  seen.day = day;
  seen.news = true;
}

/** A forgotten holder that was just seen again is written, not deleted. */
function withoutRepeats(writes: readonly StoreWrite[]): readonly StoreWrite[] {
  const byId = new Map<string, StoreWrite>();
  for (const write of writes) if (write.record !== null || !byId.has(write.id)) byId.set(write.id, write);
  return [...byId.values()];
}
