import { type Caller, type Clock, type Logger, messageOf, RekeyError } from '@rekey/core';
import { type HolderRecord, sortable } from '../../store/collections.ts';
import type { Store, StoreWrite } from '../../store/store.ts';
import type { Attendance } from './attendance.ts';
import { holderOf, noteSighting, type Sighting, withSighting } from './holder-sighting.ts';
import { HoldingHistory, holdingBefore, holdingOf, holdingWrite } from './holding-history.ts';
import { KeptTexts } from './kept-texts.ts';
import { LastAccess } from './last-access.ts';

export interface HoldersParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  /** Left out: from now on, without a pause. */
  readonly attendance?: Pick<Attendance, 'since'>;
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

/** Holders of one secret beyond which nobody new may acknowledge. */
export const HOLDERS_OF_SECRET = 1_000;

/** What an instance says of itself. */
export interface Acknowledgement {
  /** The oldest version that it still uses. */
  readonly versionId: string;
  /** What it calls itself; at most {@link LONGEST_INSTANCE} characters. */
  readonly instance: string;
  /** How often it means to say so again, in milliseconds; null where it does not say. */
  readonly every: number | null;
}

export const LONGEST_INSTANCE = 128;

type About = Omit<Acknowledgement, 'versionId'>;

interface NewSighting {
  readonly caller: Caller;
  readonly secretId: string;
  readonly versionId: string;
  readonly holder: string;
  readonly about: About | null;
}

const DAY = 86_400_000;
/** Holders listed at once. */
const PAGE = HOLDERS_OF_SECRET;
const BATCH = 200;
const ATTEMPTS = 5;

/**
 * Remembers who was handed which version of which secret, off the path of the read: {@link Holders.saw} touches memory
 * only, a flush a second later writes what is new.
 */
export class Holders {
  /** Who held which version before. */
  readonly history: HoldingHistory;
  readonly attendance: Pick<Attendance, 'since'>;
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
    this.attendance = parts.attendance ?? { since: parts.clock.now() };
    this.history = new HoldingHistory(parts.store, parts.clock);
    this.#lastAccess = new LastAccess(parts.store);
  }

  /** Notes a delivery. Part of every read: no waiting, no failure, next to no memory. */
  saw(caller: Caller, secretId: string, versionId: string): void {
    this.#note(caller, secretId, versionId, null);
  }

  /**
   * Notes which version an instance says that it uses. As durable as what is seen: within {@link HOLDER_FLUSH}, and said
   * again by whoever keeps using it.
   *
   * @throws RekeyError `limit-exceeded` beyond {@link HOLDERS_OF_SECRET} holders of the secret
   */
  async acknowledged(caller: Caller, secretId: string, { versionId, ...about }: Acknowledgement): Promise<void> {
    const holder = holderOf(caller, about.instance);
    if (!this.#seen.has(`${secretId}\n${holder}`)) await this.#makeSureOfRoom(secretId, holder);
    if (!this.#note(caller, secretId, versionId, about))
      throw new RekeyError('unavailable', 'Holders cannot be written at the moment; acknowledge again later.', {
        reason: 'holders-unwritten',
      });
  }

  /** Forgets an instance that uses no version any more. Of the absent: nothing happens. */
  async released(caller: Caller, secretId: string, instance: string): Promise<void> {
    const holder = holderOf(caller, instance);
    const seen = this.#seen.get(`${secretId}\n${holder}`);
    if (seen !== undefined) {
      this.history.note(holdingOf(seen));
      this.#seen.delete(`${secretId}\n${holder}`);
      this.#unwritten.delete(seen);
    }
    const id = this.#idOf(secretId, holder);
    await this.#inTurn(async () => {
      const { store } = this.#parts;
      const known = await store.get('holder', id);
      if (known !== null) this.history.note(holdingBefore(known.record, { holder }));
      await this.history.flush();
      if (known !== null) await store.commit([{ collection: 'holder', id, record: null }]);
    });
  }

  /** All holders of a secret, last seen first. */
  async list(secretId: string): Promise<HolderRecord[]> {
    await this.flush().catch((error) => this.#complain(error));
    const found: HolderRecord[] = [];
    let after: { readonly value: string; readonly id: string } | undefined;
    for (;;) {
      const entries = await this.#page(secretId, after);
      found.push(...entries.map(({ record }) => record));
      const last = entries.at(-1);
      if (last === undefined || entries.length < PAGE) return found;
      after = { value: last.indexValue ?? '', id: last.id };
    }
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

  /** False if there is no room for one more. */
  #note(caller: Caller, secretId: string, versionId: string, about: About | null): boolean {
    const now = this.#parts.clock.now();
    const holder = about === null ? holderOf(caller) : holderOf(caller, about.instance);
    const key = `${secretId}\n${holder}`;
    const seen = this.#seen.get(key) ?? this.#newSighting(key, { caller, secretId, versionId, holder, about }, now);
    if (seen === null) return false;
    if (seen.versionId !== versionId) this.history.note(holdingOf(seen));
    noteSighting(seen, now);
    if (seen.userAgent !== caller.userAgent) seen.userAgent = this.#texts.kept(caller.userAgent);
    const day = Math.floor(now / DAY);
    if (seen.versionId !== versionId || seen.day !== day) noteNews(seen, versionId, day, now);
    if (about !== null && seen.every !== about.every) {
      seen.every = about.every;
      seen.news = true;
    }
    this.#unwritten.add(seen);
    if (!this.#scheduled) this.#schedule();
    return true;
  }

  #page(secretId: string, after?: { readonly value: string; readonly id: string }) {
    const range = { from: `${secretId}/`, until: `${secretId}0`, ...(after === undefined ? {} : { after }) };
    return this.#parts.store.list('holder', { index: 'secret', ...range, descending: true, limit: PAGE });
  }

  /** Whoever may acknowledge could otherwise fill the store with names. */
  async #makeSureOfRoom(secretId: string, holder: string): Promise<void> {
    const { store } = this.#parts;
    if ((await store.get('holder', this.#idOf(secretId, holder))) !== null) return;
    if ((await this.#page(secretId)).length < HOLDERS_OF_SECRET) return;
    const sentence = `The secret has ${HOLDERS_OF_SECRET} holders: one more cannot acknowledge. Close clients that are done, or wait until those that are gone are forgotten.`;
    throw new RekeyError('limit-exceeded', sentence, { reason: 'too-many-holders' });
  }

  #idOf(secretId: string, holder: string): string {
    return `${secretId}/${this.#parts.store.opaque('holder', holder)}`;
  }

  #newSighting(key: string, { caller, secretId, versionId, holder, about }: NewSighting, now: number): Sighting | null {
    if (this.#seen.size >= HOLDERS_REMEMBERED && !this.#makeRoom()) return null;
    const seen: Sighting = {
      secretId,
      holder: this.#texts.kept(holder),
      principal: caller.principal.arn,
      accessKeyId: this.#texts.kept(caller.accessKeyId),
      address: this.#texts.kept(caller.address),
      userAgent: this.#texts.kept(caller.userAgent),
      instance: about === null ? null : this.#texts.kept(about.instance),
      every: about === null ? null : about.every,
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
    const id = this.#idOf(seen.secretId, seen.holder);
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
