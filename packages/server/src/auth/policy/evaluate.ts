import type { RequestContext } from './context.ts';
import {
  ALLOWED_AS_ROOT,
  allowedBy,
  type DecidingStatement,
  type Decision,
  deciding,
  deniedBy,
  type NamedPolicy,
  notAllowedBy,
  type PolicySource,
} from './decision.ts';
import type { PolicyDocument } from './document.ts';
import { isExcepted, type Naming, namingOf, type PolicyPrincipal } from './principals.ts';
import { coversResource } from './resources.ts';
import type { Statement } from './statement.ts';

export type AttachedPolicy = NamedPolicy<PolicyDocument>;

/** The policies that have a say in one request. What is left out is not there; an empty list allows nothing. */
export interface PoliciesInPlay {
  /** Of the user or role itself. */
  readonly identity: readonly AttachedPolicy[];
  /** Of the groups the user is in; worth the same. */
  readonly groups?: readonly AttachedPolicy[];
  readonly boundary?: AttachedPolicy;
  /** Given when the session was opened; together they say the most that it may do. */
  readonly session?: readonly AttachedPolicy[];
  /** Of the secret. */
  readonly resource?: AttachedPolicy;
  /** Of the role somebody asks to assume; where it is in play it must allow, an identity policy is not enough. */
  readonly trust?: AttachedPolicy;
}

/** One question: may this principal do this to that? */
export interface PolicyRequest {
  readonly principal: PolicyPrincipal;
  /** `secretsmanager:GetSecretValue`, in any case. */
  readonly action: string;
  /** ARN; `*` for an action that concerns no resource. Always the role's ARN for a trust policy. */
  readonly resource: string;
  readonly context: RequestContext;
  readonly policies: PoliciesInPlay;
}

/**
 * A policy of a secret binds root too, as in AWS, except in these: the owner can always mend what locks everybody out.
 */
const ROOT_ALWAYS_MAY: ReadonlySet<string> = new Set([
  'secretsmanager:DeleteResourcePolicy',
  'secretsmanager:GetResourcePolicy',
  'secretsmanager:PutResourcePolicy',
]);

/** What has been found so far in one walk through all policies. */
class Findings {
  deny: DecidingStatement | null = null;
  identity: DecidingStatement | null = null;
  boundary: DecidingStatement | null = null;
  session: DecidingStatement | null = null;
  /** From the resource's or the role's own policy, by how closely it names who asks. */
  directly: DecidingStatement | null = null;
  throughRole: DecidingStatement | null = null;
  throughAccount: DecidingStatement | null = null;
}

/**
 * Decides a request within one account. Source: IAM User Guide, "How AWS enforcement code logic evaluates requests to
 * allow or deny access", and its table of resource-based policies and implicit denies:
 *
 * 1. A Deny that applies, in any policy, decides.
 * 2. Root may do the rest, except assume roles.
 * 3. A resource policy that names the user, the session or everybody decides, whatever boundary and session policies say.
 * 4. Else an identity policy, or a resource policy that names the role, must allow, and the boundary and the session
 *    policies, where there are any, must allow too.
 */
export function evaluate(request: PolicyRequest): Decision {
  const { principal, policies } = request;
  const found = gather(request);
  if (found.deny !== null) return deniedBy(found.deny);
  if (principal.kind === 'root') return policies.trust === undefined ? ALLOWED_AS_ROOT : notAllowedBy('trust');
  if (found.directly !== null) return allowedBy(found.directly);
  const granted = found.throughRole ?? grantedByIdentity(found, policies);
  if (granted === null) return notAllowedBy(missingGrant(found, policies));
  if (policies.boundary !== undefined && found.boundary === null) return notAllowedBy('boundary');
  if (policies.session !== undefined && found.session === null) return notAllowedBy('session');
  return allowedBy(granted);
}

/** A role's trust policy must let the account's identity policies decide before they can. */
function grantedByIdentity(found: Findings, policies: PoliciesInPlay): DecidingStatement | null {
  return policies.trust === undefined || found.throughAccount !== null ? found.identity : null;
}

function missingGrant(found: Findings, policies: PoliciesInPlay): PolicySource {
  return policies.trust !== undefined && found.throughAccount === null ? 'trust' : 'identity';
}

/** Walks all policies; stops at the first Deny that applies. */
function gather(request: PolicyRequest): Findings {
  const { policies } = request;
  const found = new Findings();
  const { boundary, resource, trust } = policies;
  if (resource !== undefined && isBoundByResource(request)) readNaming('resource', resource, request, found);
  if (trust !== undefined) readNaming('trust', trust, request, found);
  readAll('identity', policies.identity, request, found);
  if (policies.groups !== undefined) readAll('identity', policies.groups, request, found);
  if (boundary !== undefined) readAttached('boundary', boundary, request, found);
  if (policies.session !== undefined) readAll('session', policies.session, request, found);
  return found;
}

function isBoundByResource({ principal, action }: PolicyRequest): boolean {
  return principal.kind !== 'root' || !ROOT_ALWAYS_MAY.has(action);
}

type AttachedSource = 'identity' | 'boundary' | 'session';

function readAll(
  source: AttachedSource,
  policies: readonly AttachedPolicy[],
  request: PolicyRequest,
  found: Findings,
): void {
  for (const policy of policies) {
    if (found.deny !== null) return;
    readAttached(source, policy, request, found);
  }
}

/** Policies that name no principals, being attached to who asks. An Allow that would add nothing is not looked at. */
function readAttached(source: AttachedSource, policy: AttachedPolicy, request: PolicyRequest, found: Findings): void {
  if (found.deny !== null) return;
  for (const statement of policy.document.about(request.action)) {
    if (statement.effect === 'Allow' && found[source] !== null) continue;
    if (!applies(statement, request)) continue;
    if (statement.effect === 'Allow') {
      found[source] = deciding(source, policy.name, statement);
    } else {
      found.deny = deciding(source, policy.name, statement);
      return;
    }
  }
}

/** Policies of a secret or a role, which name whom they are about. */
function readNaming(
  source: 'resource' | 'trust',
  policy: AttachedPolicy,
  request: PolicyRequest,
  found: Findings,
): void {
  for (const statement of policy.document.about(request.action)) {
    const naming = howNamed(statement, request);
    if (naming === null || isKnown(statement, naming, found) || !applies(statement, request)) continue;
    const decider = deciding(source, policy.name, statement);
    if (statement.effect === 'Deny') {
      found.deny = decider;
      return;
    }
    note(naming, decider, found);
  }
}

function howNamed({ principals }: Statement, { principal, policies }: PolicyRequest): Naming | null {
  if (principals === null) return null;
  if (!principals.negated) return namingOf(principals, principal);
  return isExcepted(principals, principal, policies.boundary !== undefined) ? null : 'directly';
}

function isKnown(statement: Statement, naming: Naming, found: Findings): boolean {
  if (statement.effect === 'Deny') return false;
  if (naming === 'directly') return found.directly !== null;
  return (naming === 'through-role' ? found.throughRole : found.throughAccount) !== null;
}

function note(naming: Naming, decider: DecidingStatement, found: Findings): void {
  if (naming === 'directly') found.directly = decider;
  else if (naming === 'through-role') found.throughRole = decider;
  else found.throughAccount = decider;
}

/** Whether a statement about this action applies to this resource in this context. */
function applies(statement: Statement, request: PolicyRequest): boolean {
  const { resources, effect } = statement;
  if (resources !== null && !coversResource(resources, effect, request.resource, request.context)) return false;
  for (const condition of statement.conditions) if (!condition.holds(request.context)) return false;
  return true;
}
