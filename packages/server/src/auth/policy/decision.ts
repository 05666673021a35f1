import type { Statement } from './statement.ts';

/** Where a deciding statement, or a missing one, belongs. */
export type PolicySource = 'identity' | 'boundary' | 'session' | 'resource' | 'trust';

/** The statement that decided; goes into audit and `rekey policy simulate`. */
export interface DecidingStatement {
  readonly source: PolicySource;
  /** Name of the policy. */
  readonly policy: string;
  /** Null where the statement has none; then the index tells which it is. */
  readonly sid: string | null;
  readonly index: number;
}

export interface Decision {
  readonly allowed: boolean;
  /** `explicit-deny`: a statement forbids it; `implicit-deny`: none that would have to allow it does. */
  readonly outcome: 'allowed' | 'explicit-deny' | 'implicit-deny';
  /** Null for an implicit deny, and for root, who needs no statement. */
  readonly decidedBy: DecidingStatement | null;
  /** Of an implicit deny: which policies lack the statement that would have been needed. */
  readonly missing: PolicySource | null;
}

/** A policy that is in play, under the name people know it by (`ReadApp`, `group developers: ReadApp`). */
export interface NamedPolicy<Document> {
  readonly name: string;
  readonly document: Document;
}

export const ALLOWED_AS_ROOT: Decision = { allowed: true, outcome: 'allowed', decidedBy: null, missing: null };

export function deciding(source: PolicySource, policy: string, statement: Statement): DecidingStatement {
  return { source, policy, sid: statement.sid, index: statement.index };
}

export function allowedBy(statement: DecidingStatement): Decision {
  return { allowed: true, outcome: 'allowed', decidedBy: statement, missing: null };
}

export function deniedBy(statement: DecidingStatement): Decision {
  return { allowed: false, outcome: 'explicit-deny', decidedBy: statement, missing: null };
}

const LACKING: Readonly<Record<PolicySource, Decision>> = {
  identity: lacking('identity'),
  boundary: lacking('boundary'),
  session: lacking('session'),
  resource: lacking('resource'),
  trust: lacking('trust'),
};

function lacking(missing: PolicySource): Decision {
  return { allowed: false, outcome: 'implicit-deny', decidedBy: null, missing };
}

/** Denied because nothing in those policies allows it. */
export function notAllowedBy(missing: PolicySource): Decision {
  return LACKING[missing];
}

const TITLES: Readonly<Record<PolicySource, string>> = {
  identity: 'identity-based policy',
  boundary: 'permissions boundary',
  session: 'session policy',
  resource: 'resource-based policy',
  trust: 'role trust policy',
};

/** The decision as audit keeps it: `allowed by the identity-based policy "ReadApp", statement ReadOne`. */
export function describeDecision(decision: Decision): string {
  const { decidedBy, missing } = decision;
  if (missing !== null) return `no ${TITLES[missing]} allows it`;
  if (decidedBy === null) return 'root may do everything';
  const verb = decision.allowed ? 'allowed' : 'denied';
  return `${verb} by the ${TITLES[decidedBy.source]} "${decidedBy.policy}", statement ${decidedBy.sid ?? decidedBy.index + 1}`;
}

/** The end of AWS's sentence `User: … is not authorized to perform: … on resource: …`; empty where it was allowed. */
export function describeDenial(decision: Decision, action: string): string {
  if (decision.missing !== null) return `because no ${TITLES[decision.missing]} allows the ${action} action`;
  if (decision.allowed || decision.decidedBy === null) return '';
  const title = TITLES[decision.decidedBy.source];
  return `with an explicit deny in ${/^[aeiou]/.test(title) ? 'an' : 'a'} ${title}`;
}
