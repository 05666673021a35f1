import { type Clock, RekeyError, type RotationRecord, type SecretRecord } from '@rekey/core';
import { sortable } from '../../store/collections.ts';
import type { ListedEntry, Store } from '../../store/store.ts';
import type { PeriodicJob } from '../schedule/worker.ts';
import type { Freezes } from './freezes.ts';
import type { Hold, Holds } from './hold.ts';
import { listPostponed, postponed } from './postponement.ts';

/** How soon a change of the freezes is noticed. Milliseconds. */
const INTERVAL = 2_000;
const PAGE = 100;
/** Pages gone through in one run; what is left has its turn in the next. */
const PAGES = 10;

type Place = { readonly value: string; readonly id: string } | null;

export interface FreezeWatchParts {
  readonly store: Store;
  readonly clock: Pick<Clock, 'now'>;
  readonly freezes: Freezes;
  readonly holds: Holds;
}

/**
 * Plans anew what waits for the end of a freeze when freezes have changed: one was lifted, moved, or left out of the
 * configuration with which this server was started. As long as they stay the same it reads nothing but them.
 */
export class FreezeWatch {
  readonly #parts: FreezeWatchParts;
  #seen: string | null = null;
  #under: string | null = null;
  #secretPlace: Place = null;
  #rotationPlace: Place = null;
  #secretsDone = false;

  constructor(parts: FreezeWatchParts) {
    this.#parts = parts;
  }

  get job(): PeriodicJob {
    return { name: 'freezes', every: INTERVAL, run: () => this.run() };
  }

  async run(): Promise<void> {
    const now = await this.#parts.freezes.fingerprint();
    if (now === this.#seen) return;
    if (now !== this.#under) this.#beginAnew(now);
    for (let page = 0; page < PAGES; page += 1) {
      if (!this.#secretsDone) await this.#secrets();
      else if (await this.#rotations()) {
        this.#seen = now;
        return;
      }
    }
  }

  #beginAnew(fingerprint: string): void {
    this.#under = fingerprint;
    this.#secretPlace = null;
    this.#rotationPlace = null;
    this.#secretsDone = false;
  }

  async #secrets(): Promise<void> {
    const listed = await listPostponed(this.#parts.store, PAGE, this.#secretPlace);
    this.#secretPlace = placeAfter(listed);
    this.#secretsDone = this.#secretPlace === null;
    await Promise.all(listed.map((entry) => this.#replan(entry)));
  }

  async #replan({ id, record, revision }: ListedEntry<SecretRecord>): Promise<void> {
    const { store, clock, holds } = this.#parts;
    const { rotation } = record;
    const now = clock.now();
    if (rotation?.postponed?.by !== 'freeze') return;
    const over: Hold = { by: 'freeze', until: now, sentence: 'The freeze was lifted.' };
    const hold = (await holds.onBegin(record, { now, rotation: { cause: 'schedule' } })) ?? over;
    if (hold.sentence === rotation.postponed.sentence) return;
    const planned = { ...record, rotation: postponed(rotation, id, hold, now) };
    await orConflict(store.commit([{ collection: 'secret', id, record: planned, expect: revision }]));
  }

  /** @returns whether it has gone through all that wait */
  async #rotations(): Promise<boolean> {
    const { store, clock } = this.#parts;
    const now = clock.now();
    const after = this.#rotationPlace === null ? {} : { after: this.#rotationPlace };
    const listed: readonly ListedEntry<RotationRecord>[] = await store.list('rotation', {
      index: 'next',
      from: sortable(now + 1),
      limit: PAGE,
      ...after,
    });
    this.#rotationPlace = placeAfter(listed);
    const held = listed.filter(({ record }) => record.heldBy === 'freeze');
    const looks = held.map(({ id, record, revision }) =>
      orConflict(
        store.commit([{ collection: 'rotation', id, record: { ...record, nextAttemptAt: now }, expect: revision }]),
      ),
    );
    await Promise.all(looks);
    return this.#rotationPlace === null;
  }
}

function placeAfter(listed: readonly ListedEntry<unknown>[]): Place {
  const last = listed.at(-1);
  return last === undefined || listed.length < PAGE ? null : { value: last.indexValue ?? '', id: last.id };
}

/** Somebody else wrote it meanwhile, another server most likely: then it is looked at when its time comes. */
async function orConflict(commit: Promise<unknown>): Promise<void> {
  await commit.catch((error: unknown) => {
    if (!(error instanceof RekeyError) || error.code !== 'conflict') throw error;
  });
}
