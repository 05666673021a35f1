import { compileGlob, globParts, type TextTest } from './glob.ts';
import { type Place, quoted } from './problems.ts';
import { stringsOf } from './shape.ts';

/** An Action or NotAction element. */
export interface ActionClause {
  readonly negated: boolean;
  /** As written. */
  readonly patterns: readonly string[];
  readonly exact: ReadonlySet<string>;
  readonly wild: readonly TextTest[];
}

const ACTION = /^(?:\*|[a-z0-9-]+:[A-Za-z0-9*?]+)$/i;
/** What a trust policy may be about. */
const TRUST_ACTION = /^sts:/i;

export function parseActions(written: unknown, negated: boolean, trust: boolean, place: Place): ActionClause | null {
  const patterns = stringsOf(written, place);
  if (patterns === null) return null;
  for (const pattern of patterns) refuseAction(pattern, trust, place);
  const folded = patterns.map((pattern) => pattern.toLowerCase());
  return {
    negated,
    patterns,
    exact: new Set(folded.filter((pattern) => !isWild(pattern))),
    wild: folded.filter(isWild).map((pattern) => compileGlob(globParts(pattern))),
  };
}

function refuseAction(pattern: string, trust: boolean, place: Place): void {
  if (!ACTION.test(pattern)) {
    place.refuse(
      `${quoted(pattern)} is no action; write a service and a name such as secretsmanager:GetSecretValue, or "*".`,
    );
  } else if (trust && !TRUST_ACTION.test(pattern)) {
    place.refuse(`A trust policy is about assuming its role: its actions begin with sts:, unlike ${quoted(pattern)}.`);
  }
}

function isWild(pattern: string): boolean {
  return pattern.includes('*') || pattern.includes('?');
}

/** @param action in lower case: actions are case-insensitive */
export function coversAction(clause: ActionClause, action: string): boolean {
  return (clause.exact.has(action) || clause.wild.some((test) => test(action))) !== clause.negated;
}
