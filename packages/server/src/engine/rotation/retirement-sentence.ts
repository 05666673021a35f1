import type { HolderRecord } from '../../store/collections.ts';
import { nameOf } from '../holders/holder-state.ts';
import type { RetirementDecision } from '../holders/retirement-gate.ts';

/** Holders named in one sentence; the rest is counted. */
const NAMED = 3;
/** Holders put on record when they are left behind. */
const RECORDED = 50;

export function validUntil(retireAt: number): string {
  return `The old value stays valid until ${iso(retireAt)}.`;
}

/** Whom the retirement waits for, and until when at the latest. */
export function retirementSentence(
  { waitsFor, sessions }: RetirementDecision<HolderRecord> & { readonly retire: false },
  retireBy: number,
): string {
  const whom = waitsFor.length > 0 ? named(waitsFor.map(nameOf)) : sessionsOf(sessions);
  return `The old value stays valid for ${whom}, at the latest until ${iso(retireBy)}.`;
}

/** Who is left behind when the deadline is reached, as it is put on record. */
export function leftBehind({
  leftBehind: holders,
  sessions,
}: RetirementDecision<HolderRecord> & { readonly retire: true }): readonly string[] {
  if (holders.length > RECORDED)
    return [...holders.slice(0, RECORDED).map(nameOf), `${holders.length - RECORDED} more`];
  const open = typeof sessions === 'number' && sessions > 0 ? [sessionsOf(sessions)] : [];
  return [...holders.map(nameOf), ...open];
}

/** A list for a sentence: the first few, and how many more. */
export function named(names: readonly string[]): string {
  if (names.length <= NAMED) return names.join(', ');
  return `${names.slice(0, NAMED).join(', ')} and ${names.length - NAMED} more`;
}

function sessionsOf(sessions: RetirementDecision['sessions']): string {
  if (sessions === 'unreachable') return 'sessions that may be open at the target, which could not be asked';
  return sessions === 1 ? 'one session open at the target' : `${sessions ?? 0} sessions open at the target`;
}

function iso(time: number): string {
  return new Date(time).toISOString();
}
