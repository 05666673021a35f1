import type { ProbeResult } from '@rekey/core';

/** The values of which a target may hold one, in the order in which they are tried. */
export type Candidate = 'pending' | 'current' | 'previous';
export const CANDIDATES: readonly Candidate[] = ['pending', 'current', 'previous'];

/**
 * What logins said, as far as they were made. `absent`: there is no such value. Everything but `accepted` and `refused`
 * (unreachable, odd answers, a spent budget) is no answer: it could not be looked.
 */
export type Evidence = Readonly<Partial<Record<Candidate, ProbeResult['outcome'] | 'absent'>>>;

/** What a doubtful outcome came to. */
export type Verdict =
  /** The target holds the new value: go on with it. */
  | 'taken'
  /** The target holds what it held before: nothing was changed, *current* logs in. */
  | 'not-taken'
  /** The target refuses the new value; whether *current* logs in is not known. */
  | 'refused'
  /** The target holds the value before the current one: it was put back, from a backup perhaps. */
  | 'put-back'
  /** The target refuses every value that is known: somebody changed it. */
  | 'lost'
  /** Nothing was learnt: look again later. */
  | 'could-not-look';

interface Row {
  readonly pending: 'accepted' | 'refused' | 'no-answer' | 'any';
  readonly current: 'accepted' | 'refused' | 'no-answer' | 'any';
  readonly previous: 'accepted' | 'refused' | 'no-answer' | 'any';
  readonly verdict: Verdict;
}

/** The first row that fits decides. What a row calls `any` need not be tried. */
export const VERDICTS: readonly Row[] = [
  { pending: 'accepted', current: 'any', previous: 'any', verdict: 'taken' },
  { pending: 'no-answer', current: 'any', previous: 'any', verdict: 'could-not-look' },
  { pending: 'refused', current: 'accepted', previous: 'any', verdict: 'not-taken' },
  { pending: 'refused', current: 'no-answer', previous: 'any', verdict: 'refused' },
  { pending: 'refused', current: 'refused', previous: 'accepted', verdict: 'put-back' },
  { pending: 'refused', current: 'refused', previous: 'no-answer', verdict: 'refused' },
  { pending: 'refused', current: 'refused', previous: 'refused', verdict: 'lost' },
];

/** What the evidence says, or which value to try next. Pure. */
export function weigh(evidence: Evidence): { readonly verdict: Verdict } | { readonly tryNext: Candidate } {
  for (const row of VERDICTS) {
    const open = CANDIDATES.find((candidate) => row[candidate] !== 'any' && evidence[candidate] === undefined);
    const fits = CANDIDATES.every((candidate) => isFitting(row[candidate], evidence[candidate]));
    if (!fits) continue;
    return open === undefined ? { verdict: row.verdict } : { tryNext: open };
  }
  return { verdict: 'could-not-look' };
}

/** A value that is not there is one that does not log in. */
function isFitting(wanted: Row[Candidate], seen: Evidence[Candidate]): boolean {
  if (wanted === 'any' || seen === undefined) return true;
  if (seen === 'accepted') return wanted === 'accepted';
  return wanted === (seen === 'refused' || seen === 'absent' ? 'refused' : 'no-answer');
}
