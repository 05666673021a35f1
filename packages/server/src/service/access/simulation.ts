import type { Caller, Principal } from '@rekey/core';
import type { ContextValue, RequestContext } from '../../auth/policy/context.ts';
import { type Decision, describeDecision } from '../../auth/policy/decision.ts';
import { readPolicy } from '../../auth/policy/document.ts';
import { type AttachedPolicy, evaluate, type PoliciesInPlay } from '../../auth/policy/evaluate.ts';
import type { PolicyPrincipal } from '../../auth/policy/principals.ts';
import { FactContext } from '../../auth/policy/request-facts.ts';
import type { AccessCases } from './access-cases.ts';
import type { AccessDirectory, PrincipalPolicies } from './directory.ts';
import type { Page, PageRequest } from './pages.ts';
import { notFound, unacceptable } from './refusals.ts';

/** What would be asked, and under which policies besides those that are there. */
export interface SimulationWish {
  readonly actions: readonly string[];
  /** ARNs; none means `*`. */
  readonly resources: readonly string[];
  /** Further policies of whoever is simulated. */
  readonly policies: readonly string[];
  /** Bounds instead of the one that is there. */
  readonly boundary?: string | undefined;
  readonly resourcePolicy?: string | undefined;
  /** ARN of whoever asks, where that is another than whose policies are simulated: a resource policy may name him. */
  readonly callerArn?: string | undefined;
  /** Condition keys of the request, which go before what is known of the principal. */
  readonly keys: Readonly<Record<string, ContextValue>>;
  /** How many decisions at once, and where to go on: all together may be more than one answer takes. */
  readonly page: PageRequest;
}

/** What would be decided on one action and one resource. */
export interface SimulatedDecision {
  readonly action: string;
  readonly resource: string;
  readonly decision: Decision;
  /** What IAM calls where the deciding policy comes from; null where no statement decided. */
  readonly origin: string | null;
  /** The decision as the audit log would tell it. */
  readonly sentence: string;
}

/** Use cases that show a decision without anybody asking in earnest. */
export class Simulation {
  readonly #cases: AccessCases;
  readonly #directory: AccessDirectory;

  constructor(cases: AccessCases, directory: AccessDirectory) {
    this.#cases = cases;
    this.#directory = directory;
  }

  /** What a user, group or role, named by its ARN, could do. */
  ofPrincipal(caller: Caller, arn: string, wish: SimulationWish): Promise<Page<SimulatedDecision>> {
    return this.#cases.onArn({ caller, action: 'iam:SimulatePrincipalPolicy', arn }, async () => {
      const { principal, policies } = await this.#find(arn);
      return this.#decide((await this.#asker(wish)) ?? principal, policies, wish);
    });
  }

  /** What somebody could do who had these policies and no others. */
  ofPolicies(caller: Caller, wish: SimulationWish): Promise<Page<SimulatedDecision>> {
    return this.#cases.onArn({ caller, action: 'iam:SimulateCustomPolicy' }, async () => {
      const principal = (await this.#asker(wish)) ?? somebody(this.#cases.account);
      return this.#decide(principal, { identity: [], groups: [], boundary: undefined }, wish);
    });
  }

  async #asker({ callerArn }: SimulationWish): Promise<PolicyPrincipal | null> {
    return callerArn === undefined ? null : (await this.#find(callerArn)).principal;
  }

  async #find(arn: string): Promise<{ principal: PolicyPrincipal; policies: PrincipalPolicies }> {
    for (const kind of ['user', 'group', 'role'] as const) {
      const found = await this.#cases.records.findByArn(kind, arn);
      if (found === null) continue;
      const { record } = found;
      const principal =
        kind === 'user' ? this.#directory.principalOf(record as never) : { ...somebody(this.#cases.account), arn };
      const role = kind === 'role' ? { arn, id: found.id } : null;
      const tags = 'tags' in record ? record.tags : [];
      const policies = await this.#directory.policiesOfOwner(kind, found.id);
      return { principal: { ...principal, kind: 'user', id: found.id, role, tags }, policies };
    }
    throw notFound(`Entity ${arn} does not exist.`);
  }

  #decide(principal: PolicyPrincipal, given: PrincipalPolicies, wish: SimulationWish): Page<SimulatedDecision> {
    const policies = inPlay(given, wish);
    const origins = new Map([...given.identity, ...given.groups].map(({ name, origin }) => [name, origin]));
    const context = contextOf(principal, wish, this.#cases);
    const { actions, page, ...rest } = wish;
    const resources = wish.resources.length === 0 ? ['*'] : wish.resources;
    for (const action of actions) checkAction(action);
    const question = this.#cases.store.opaque('simulation', JSON.stringify([principal.arn, actions, rest]));
    const { from, until, marker } = this.#cases.pages.ofNumbers(question, actions.length * resources.length, page);
    const items = Array.from({ length: until - from }, (_, at): SimulatedDecision => {
      const action = actions[Math.floor((from + at) / resources.length)]!;
      const resource = resources[(from + at) % resources.length]!;
      const decision = evaluate({ principal, action, resource, context, policies });
      const { decidedBy } = decision;
      const origin = decidedBy === null ? null : (origins.get(decidedBy.policy) ?? 'none');
      return { action, resource, decision, origin, sentence: describeDecision(decision) };
    });
    return { items, marker };
  }
}

function checkAction(action: string): void {
  if (/^[a-z0-9-]+:[a-z0-9]+$/i.test(action)) return;
  throw unacceptable(`Invalid action ${action}: write a service and a name, such as secretsmanager:GetSecretValue.`);
}

/** Nobody in particular, who may do nothing that no policy allows. */
function somebody(accountId: string): Principal & { readonly kind: 'user' } {
  const arn = `arn:aws:iam::${accountId}:user/`;
  return { kind: 'user', arn, accountId, id: accountId, name: null, role: null, tags: [], session: null };
}

function inPlay(given: PrincipalPolicies, wish: SimulationWish): PoliciesInPlay {
  const added = wish.policies.map((document, index) => named(`PolicyInputList.${index + 1}`, document, 'identity'));
  const boundary =
    wish.boundary === undefined
      ? given.boundary
      : named('PermissionsBoundaryPolicyInputList.1', wish.boundary, 'boundary');
  return {
    identity: [...given.identity, ...added],
    groups: given.groups,
    ...(boundary === undefined ? {} : { boundary }),
    ...(wish.resourcePolicy === undefined
      ? {}
      : { resource: named('ResourcePolicy', wish.resourcePolicy, 'resource') }),
  };
}

function named(name: string, document: string, kind: 'identity' | 'boundary' | 'resource'): AttachedPolicy {
  return { name, document: readPolicy(document, { kind }) };
}

/** What the request says goes before what is known of the principal. */
function contextOf(principal: PolicyPrincipal, { keys }: SimulationWish, cases: AccessCases): RequestContext {
  const unsaid = { address: null, userAgent: null, resource: null, requestTags: null, tagKeys: null };
  const known = new FactContext({
    ...unsaid,
    principal,
    now: cases.now(),
    region: cases.region,
    secure: true,
    keys: {},
  });
  const given = new Map(Object.entries(keys).map(([key, value]) => [key.toLowerCase(), value]));
  return { get: (key) => given.get(key) ?? known.get(key) };
}
