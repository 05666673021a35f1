import { goneAt, type HolderFacts } from './holder-state.ts';

/** What retirement is decided from. Times are milliseconds since the epoch. */
export interface RetirementFacts<Holder extends HolderFacts = HolderFacts> {
  readonly now: number;
  /** The version that is to be retired. */
  readonly versionId: string;
  /** End of the overlap: never before. */
  readonly retireAt: number;
  /** The deadline: never later. */
  readonly retireBy: number;
  /** False where only the overlap counts, whoever is left behind (a breach). */
  readonly gated: boolean;
  /** Since when holders could have come by; left out: they always could. */
  readonly attendedSince?: number;
  /** Everybody who was ever seen with any version. */
  readonly holders: readonly Holder[];
  /** Sessions open at the target that were begun with the old value: null where nobody can tell, `unreachable` where nobody could look. */
  readonly sessions: number | null | 'unreachable';
}

export type RetirementDecision<Holder extends HolderFacts = HolderFacts> =
  /** It is not time, or somebody still needs the old value. */
  | {
      readonly retire: false;
      /** When to look again. */
      readonly until: number;
      readonly waitsFor: readonly Holder[];
      readonly sessions: RetirementFacts['sessions'];
    }
  /** Nobody needs it any more; or its time is over, and these are left behind. */
  | {
      readonly retire: true;
      readonly leftBehind: readonly Holder[];
      readonly sessions: RetirementFacts['sessions'];
    };

/** The pause between two looks is this share of the time that was waited so far, within the two bounds. */
const PACE = 0.1;
/** Soon after the overlap a holder that is late by a moment is to be noticed; milliseconds. */
const SHORTEST_PAUSE = 1_000;
/** Ten thousand secrets that wait for somebody cost 33 looks a second; milliseconds. */
const LONGEST_PAUSE = 5 * 60_000;

/**
 * May the old value die? Not before the overlap is over; then as soon as nobody holds it any more; at the deadline in any
 * case. Pure.
 */
export function decideRetirement<Holder extends HolderFacts>(
  facts: RetirementFacts<Holder>,
): RetirementDecision<Holder> {
  const { now, retireAt, retireBy, gated, holders, sessions } = facts;
  if (now < retireAt) return { retire: false, until: retireAt, waitsFor: [], sessions: null };
  const waitsFor = gated ? holders.filter((holder) => holdsOn(holder, facts)) : [];
  const isHeld = waitsFor.length > 0 || (gated && isOpen(sessions));
  if (!isHeld) return { retire: true, leftBehind: [], sessions };
  if (now >= retireBy) return { retire: true, leftBehind: waitsFor, sessions };
  return { retire: false, until: Math.min(retireBy, nextLook(facts)), waitsFor, sessions };
}

/** Whether a holder keeps the old value alive: last seen with it, and not gone. */
export function holdsOn(
  holder: HolderFacts,
  { versionId, now, attendedSince }: Pick<RetirementFacts, 'versionId' | 'now' | 'attendedSince'>,
): boolean {
  return holder.versionId === versionId && goneAt(holder, attendedSince) > now;
}

/** What could not be looked at may be open. */
function isOpen(sessions: RetirementFacts['sessions']): boolean {
  return sessions === 'unreachable' || (sessions ?? 0) > 0;
}

function nextLook({ now, retireAt }: RetirementFacts): number {
  return now + Math.min(LONGEST_PAUSE, Math.max(SHORTEST_PAUSE, Math.ceil((now - retireAt) * PACE)));
}
