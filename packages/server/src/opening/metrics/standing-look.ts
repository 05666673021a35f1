import type { Clock, RotationRecord } from '@rekey/core';
import { isQuarantined } from '../../engine/quarantine/quarantine-state.ts';
import { PROMOTED } from '../../engine/rotation/rotation-change.ts';
import { sortable } from '../../store/collections.ts';
import type { ListedEntry, Store } from '../../store/store.ts';
import { findNote } from '../backup/backup-schedule.ts';

/** What stands in the store at one moment; counts, never names. */
export interface Standing {
  readonly quarantined: boolean;
  readonly secrets: number;
  readonly due: number;
  readonly postponed: number;
  readonly overdue: number;
  /** How far the deadline lies back that was passed first; 0 where none was. Milliseconds. */
  readonly longestOverdue: number;
  readonly rotations: Readonly<Record<StandingState, number>>;
  readonly alerts: number;
  readonly outbox: number;
  /** Age of the last backup found good; null where there is none. Milliseconds. */
  readonly backupAge: number | null;
}

/** As `rekey status` lists them. */
export type StandingState = 'running' | 'waiting' | 'blocked' | 'retiring' | 'leftover';

/** Scrapes within this time share a look: however many ask, the store is not read for each. Milliseconds. */
const SHARED_FOR = 5_000;
/** Shorter than the ten seconds a scrape is given by default, so that there is an answer without the store. Milliseconds. */
const PATIENCE = 2_000;
/** Rotations read at a time, so that requests have their turns in between, and at most. */
const PAGE = 200;
const PAGES = 100;

export interface StandingLookParts {
  readonly store: Store;
  readonly clock: Clock;
}

/** Looks at what stands in the store; one look at a time, and none that keeps a scrape waiting. */
export class StandingLook {
  readonly #parts: StandingLookParts;
  #last: { readonly at: number; readonly standing: Standing } | null = null;
  #looking: Promise<Standing | null> | null = null;

  constructor(parts: StandingLookParts) {
    this.#parts = parts;
  }

  /** Null where the store does not answer. */
  async find(): Promise<Standing | null> {
    const { clock } = this.#parts;
    const age = this.#last === null ? Number.POSITIVE_INFINITY : clock.now() - this.#last.at;
    if (this.#last !== null && age >= 0 && age < SHARED_FOR) return this.#last.standing;
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null;
    });
    const answered = new AbortController();
    const outOfPatience = clock.sleep(PATIENCE, answered.signal).then(() => null);
    try {
      return await Promise.race([this.#looking, outOfPatience]);
    } finally {
      answered.abort();
    }
  }

  async #look(): Promise<Standing | null> {
    const { store, clock } = this.#parts;
    const at = clock.now();
    try {
      const standing = await standingOf(store, at);
      this.#last = { at, standing };
      return standing;
    } catch {
      return null;
    }
  }
}

async function standingOf(store: Store, now: number): Promise<Standing> {
  const until = sortable(now);
  const [quarantined, secrets, due, postponed, overdue, first, blocked, alerts, outbox, backup, goingOn] =
    await Promise.all([
      isQuarantined(store),
      store.count('secret'),
      store.count('secret', { index: 'planned', until: sortable(now + 1) }),
      store.count('secret', { index: 'postponed' }),
      store.count('secret', { index: 'deadline', until }),
      store.list('secret', { index: 'deadline', until, limit: 1 }),
      store.count('rotation', { index: 'blocked' }),
      store.count('alert'),
      store.count('outbox'),
      findNote(store),
      lookAtRotations(store),
    ]);
  const deadline = first[0]?.record.rotation?.deadlineAt ?? now;
  return {
    ...{ quarantined, secrets, due, postponed, overdue, alerts, outbox },
    longestOverdue: now - deadline,
    rotations: { ...goingOn, blocked },
    backupAge: backup?.goodAt == null ? null : Math.max(0, now - backup.goodAt),
  };
}

async function lookAtRotations(store: Store) {
  const rotations = { running: 0, waiting: 0, retiring: 0, leftover: 0 };
  let after: { readonly value: string; readonly id: string } | null = null;
  for (let page = 0; page < PAGES; page += 1) {
    const query = { index: 'next', limit: PAGE, ...(after === null ? {} : { after }) };
    const listed: readonly ListedEntry<RotationRecord>[] = await store.list('rotation', query);
    for (const { record } of listed) rotations[standingStateOf(record)] += 1;
    const last = listed.at(-1);
    if (last === undefined || listed.length < PAGE) break;
    after = { value: last.indexValue ?? '', id: last.id };
    await new Promise((resolve) => setImmediate(resolve));
  }
  return rotations;
}

function standingStateOf({ leftover, state, waitingFor }: RotationRecord): Exclude<StandingState, 'blocked'> {
  if (leftover !== undefined) return 'leftover';
  if (PROMOTED.has(state)) return 'retiring';
  return waitingFor === null ? 'running' : 'waiting';
}
