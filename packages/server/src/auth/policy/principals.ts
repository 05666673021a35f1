import type { Tag } from '@rekey/core';
import { type Place, quoted } from './problems.ts';
import { isObject, membersOf, stringsOf } from './shape.ts';

/** Who asks, as policies see them. */
export interface PolicyPrincipal {
  /**
   * - `root`, `user`: by their own keys or a session of GetSessionToken
   * - `role-session`: somebody who assumed a role
   * - `federated`: bearer of a web identity token, who asks to assume a role; `service`: a service that does
   */
  readonly kind: 'root' | 'user' | 'role-session' | 'federated' | 'service';
  /** ARN; of a session the assumed-role ARN, of a bearer the ARN of the OIDC provider, of a service its name. */
  readonly arn: string;
  readonly accountId: string;
  /** Unique id: `AIDA…`, `AROA…:session`, of root the account's id. */
  readonly id: string;
  /** Name of the user; null for everybody else. */
  readonly name: string | null;
  /** The role assumed; null for everybody else. */
  readonly role: { readonly arn: string; readonly id: string } | null;
  /** Tags of user or role, and of the session where it brought its own. */
  readonly tags: readonly Tag[];
  /** Null for long-term keys. */
  readonly session: PolicySession | null;
}

export interface PolicySession {
  /** Milliseconds since the epoch. */
  readonly issuedAt: number;
  readonly sourceIdentity: string | null;
  /** ARN of the OIDC provider whose token opened the session. */
  readonly federatedProvider: string | null;
}

/**
 * How closely a statement names somebody. `directly` (the user, the very session, everybody) gives by itself;
 * `through-role` gives what boundary and session policies leave of it; `through-account` gives nothing but lets the
 * account's own identity policies give.
 */
export type Naming = 'directly' | 'through-role' | 'through-account';

/** A Principal or NotPrincipal element. */
export interface PrincipalClause {
  readonly negated: boolean;
  readonly everybody: boolean;
  readonly accounts: ReadonlySet<string>;
  /** ARNs and unique ids of users, roles and sessions; names of services. */
  readonly names: ReadonlySet<string>;
  /** ARNs of providers of web identities, or their hosts (`accounts.google.com`). */
  readonly providers: ReadonlySet<string>;
}

const ACCOUNT = /^(?:arn:[a-z0-9-]+:iam::)?(\d{12})(?::root)?$/;
const NAMED =
  /^arn:[a-z0-9-]+:(?:iam::\d{12}:(?:user|role)\/[\w+=,.@/-]+|sts::\d{12}:(?:assumed-role\/[\w+=,.@-]+\/[\w+=,.@-]+|federated-user\/[\w+=,.@-]+))$/;
const UNIQUE_ID = /^(?:AIDA|AROA)[A-Z0-9]{12,124}$/;
const PROVIDER = /^(?:arn:[a-z0-9-]+:iam::\d{12}:(?:oidc|saml)-provider\/[^*?\s]+|[a-z0-9.-]+\.[a-z]+)$/;
const SERVICE = /^[a-z0-9.-]+\.[a-z]+$/;

const FORMS: Readonly<Record<string, { readonly form: RegExp; readonly expected: string }>> = {
  Federated: { form: PROVIDER, expected: 'the ARN of an OIDC provider' },
  Service: { form: SERVICE, expected: 'a service such as secretsmanager.amazonaws.com' },
};

/** Reads a Principal or NotPrincipal element; null, after noting why, where it is not one. */
export function parsePrincipals(written: unknown, negated: boolean, place: Place): PrincipalClause | null {
  const clause = {
    negated,
    everybody: written === '*',
    accounts: new Set<string>(),
    names: new Set<string>(),
    providers: new Set<string>(),
  };
  if (written === '*') return clause;
  if (!isObject(written)) return place.refuse('Principal is "*" or an object with AWS, Federated or Service.');
  const members = membersOf(written, place);
  if (members.length === 0)
    return place.refuse('Principal names nobody; name somebody under AWS, Federated or Service.');
  for (const [type, value] of members) {
    const here = place.member(type);
    for (const name of stringsOf(value, here) ?? []) addPrincipal(clause, type, name, here);
  }
  return clause;
}

interface OpenClause extends PrincipalClause {
  everybody: boolean;
  readonly accounts: Set<string>;
  readonly names: Set<string>;
  readonly providers: Set<string>;
}

function addPrincipal(clause: OpenClause, type: string, name: string, place: Place): void {
  const other = Object.hasOwn(FORMS, type) ? FORMS[type] : undefined;
  if (other !== undefined) {
    if (other.form.test(name)) (type === 'Federated' ? clause.providers : clause.names).add(name);
    else place.refuse(`${quoted(name)} is not ${other.expected}.`);
  } else if (type === 'AWS') {
    addAwsPrincipal(clause, name, place);
  } else {
    place.refuse('Principals are named under AWS, Federated or Service.');
  }
}

function addAwsPrincipal(clause: OpenClause, name: string, place: Place): void {
  const account = ACCOUNT.exec(name)?.[1];
  if (name === '*') clause.everybody = true;
  else if (account !== undefined) clause.accounts.add(account);
  else if (NAMED.test(name) || UNIQUE_ID.test(name)) clause.names.add(name);
  else
    place.refuse(
      `${quoted(name)} is no principal; name an account, user, role or session by its whole ARN, or everybody by "*".`,
    );
}

/** How a Principal element names somebody; null if it does not. */
export function namingOf(clause: PrincipalClause, principal: PolicyPrincipal): Naming | null {
  if (clause.everybody || namesItself(clause, principal)) return 'directly';
  if (namesRole(clause, principal)) return 'through-role';
  return namesAccount(clause, principal) ? 'through-account' : null;
}

/**
 * Whether a NotPrincipal element leaves somebody out of its Deny. AWS asks for the account, the role and the session in
 * turn, so that all of them must be written; somebody with a boundary is never left out (IAM User Guide, "NotPrincipal").
 */
export function isExcepted(clause: PrincipalClause, principal: PolicyPrincipal, bounded: boolean): boolean {
  if (clause.everybody) return true;
  if (bounded) return false;
  if (principal.kind === 'federated' || principal.kind === 'service') return namesItself(clause, principal);
  if (!namesAccount(clause, principal)) return false;
  return (
    principal.kind === 'root' ||
    (namesItself(clause, principal) && (principal.role === null || namesRole(clause, principal)))
  );
}

function namesItself(clause: PrincipalClause, principal: PolicyPrincipal): boolean {
  if (principal.kind === 'federated')
    return clause.providers.has(principal.arn) || clause.providers.has(providerHost(principal.arn));
  return clause.names.has(principal.arn) || (principal.kind === 'user' && clause.names.has(principal.id));
}

/** As AWS names the providers it knows by itself: `accounts.google.com`. */
function providerHost(arn: string): string {
  return arn.slice(arn.indexOf('/') + 1);
}

function namesRole(clause: PrincipalClause, principal: PolicyPrincipal): boolean {
  return principal.role !== null && (clause.names.has(principal.role.arn) || clause.names.has(principal.role.id));
}

function namesAccount(clause: PrincipalClause, principal: PolicyPrincipal): boolean {
  return principal.kind !== 'federated' && principal.kind !== 'service' && clause.accounts.has(principal.accountId);
}
