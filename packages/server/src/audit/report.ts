/** What can be wrong with an audit log. */
export type AuditProblemKind =
  /** The bytes of a line do not come to its hash: somebody changed at least one. */
  | 'altered'
  /** Not a line of an audit log at all. */
  | 'malformed'
  /** Lines are not there whose successors are. */
  | 'dropped'
  /** A line stands at another place than it was written. */
  | 'swapped'
  /** A line stands there more than once. */
  | 'repeated'
  /** A line is sound in itself but does not follow from the one before it: one of the two was written anew. */
  | 'relinked'
  /** The log ends before a line that a signed checkpoint says was there. */
  | 'truncated'
  /** A signed checkpoint says that another line stood there. */
  | 'rewritten'
  /** A checkpoint that the owner of the key did not sign. */
  | 'forged-checkpoint'
  /** An earlier chain was found broken and set aside. */
  | 'set-aside';

export interface AuditProblem {
  readonly kind: AuditProblemKind;
  /** Name inside the audit folder. */
  readonly file: string;
  /** Counted from 1; null where no one line is meant. */
  readonly line: number | null;
  /** Sequence of the (first) line concerned, as far as known. */
  readonly sequence: number | null;
  readonly sentence: string;
}

export interface AuditReport {
  /** No contradiction was found. How much that proves is {@link provenUpTo}. */
  readonly sound: boolean;
  readonly files: number;
  readonly lines: number;
  readonly firstSequence: number | null;
  readonly lastSequence: number | null;
  /** Up to here a signature proves that every line is as it was written; 0 if nothing is proven. */
  readonly provenUpTo: number;
  /** When that was signed, ISO 8601; null if nothing is proven. */
  readonly provenAt: string | null;
  /** Up to here the lines chain without a gap from the first one. */
  readonly chainedUpTo: number;
  /** In the order found; the first hundred. */
  readonly problems: readonly AuditProblem[];
  /** How many there are altogether. */
  readonly problemCount: number;
  /** What is no problem but good to know: lines torn by a crash, lines not yet covered by a checkpoint. */
  readonly notes: readonly string[];
  /** The whole in one sentence. */
  readonly sentence: string;
}

/** The report's one sentence. */
export function summarise(report: Omit<AuditReport, 'sentence'>): string {
  const { lines, provenUpTo, provenAt, lastSequence, problems, problemCount } = report;
  const proven = provenUpTo === 0 ? 'nothing is proven' : `proven up to sequence ${provenUpTo}, signed at ${provenAt}`;
  const first = problems[0];
  if (first !== undefined) {
    const place = first.line === null ? first.file : `${first.file} line ${first.line}`;
    const more = problemCount > 1 ? ` (and ${problemCount - 1} more)` : '';
    return `broken at ${place}: ${first.sentence}${more}; ${proven}.`;
  }
  if (lines === 0) return 'The audit log is empty.';
  const open = lastSequence! - provenUpTo;
  const rest = open > 0 ? `; ${open} later lines chain on but no checkpoint covers them yet` : '';
  return `${lines} lines, no break; ${proven}${rest}.${noted(report.notes)}`;
}

function noted(notes: readonly string[]): string {
  if (notes.length === 0) return '';
  const more = notes.length > 1 ? ` (and ${notes.length - 1} more)` : '';
  return ` Note: ${notes[0]}${more}`;
}
