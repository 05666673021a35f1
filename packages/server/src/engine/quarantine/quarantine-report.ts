/**
 * What became of one secret after a restore:
 *
 * - `in-sync`: its current value logs in.
 * - `promoted`: another known value logs in, and is current now.
 * - `repaired`: its target was given a known value, which is current now and logs in.
 * - `recreated`: it was made after the backup and brought back from the escrow journal.
 * - `not-probed`: nothing can look whether it logs in.
 * - `unknown`: looking was not possible (yet); it is tried again.
 * - `refused`: no known value logs in, and repair was not possible.
 * - `damaged`: part of the escrow journal could not be read.
 */
export type QuarantineOutcome =
  | 'in-sync'
  | 'promoted'
  | 'repaired'
  | 'recreated'
  | 'not-probed'
  | 'unknown'
  | 'refused'
  | 'damaged';

export interface QuarantineRow {
  /** Id of the secret; null for what concerns none. */
  readonly secretId: string | null;
  readonly name: string;
  readonly outcome: QuarantineOutcome;
  /** What was found and what to do. */
  readonly sentence: string;
}

/** What hinders the end of the quarantine: a person must have seen it. */
export const HINDERING: ReadonlySet<QuarantineOutcome> = new Set(['unknown', 'refused', 'damaged']);

export interface QuarantineReport {
  /** One sentence; null if the store is not in quarantine. */
  readonly quarantine: string | null;
  /** True when every secret was looked at. */
  readonly looked: boolean;
  readonly counts: Readonly<Partial<Record<QuarantineOutcome, number>>>;
  /** What is worth a person's time: everything but `in-sync`; hindering ones first. */
  readonly report: readonly QuarantineRow[];
}

/** Rows kept; the counts know of the others. */
const MOST_ROWS = 2_000;

/** Setting that {@link ../store/restore.ts} leaves behind. */
export interface QuarantineSetting {
  readonly since: number;
  readonly cause: string;
  readonly backup: string;
}

export function reportOf(
  setting: QuarantineSetting | null,
  rows: readonly QuarantineRow[],
  facts: { readonly looked: boolean },
): QuarantineReport {
  const counts: Partial<Record<QuarantineOutcome, number>> = {};
  for (const { outcome } of rows) counts[outcome] = (counts[outcome] ?? 0) + 1;
  const worth = rows.filter(({ outcome }) => outcome !== 'in-sync');
  const hindering = worth.filter(({ outcome }) => HINDERING.has(outcome));
  const others = worth.filter(({ outcome }) => !HINDERING.has(outcome));
  return {
    quarantine: setting === null ? null : sentenceOf(setting, hindering.length, facts),
    looked: facts.looked,
    counts,
    report: [...hindering, ...others].slice(0, MOST_ROWS),
  };
}

function sentenceOf(
  { backup, since }: QuarantineSetting,
  hindering: number,
  { looked }: { readonly looked: boolean },
): string {
  const origin = `Restored from ${backup} at ${new Date(since).toISOString()}; nothing rotates.`;
  if (!looked) return `${origin} Current values are being looked at.`;
  if (hindering > 0) return `${origin} ${needing(hindering)}; see to what is found, then end the quarantine.`;
  return `${origin} Every current value that can be looked at logs in: end the quarantine with \`rekey quarantine end\`.`;
}

/** `1 finding needs a person`, `2 findings need a person`. */
export function needing(findings: number): string {
  return findings === 1 ? '1 finding needs a person' : `${findings} findings need a person`;
}
