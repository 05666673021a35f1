import type { Caller, RoleRecord, Tag } from '@rekey/core';
import type { ContextValue } from '../../auth/policy/context.ts';
import { type Decision, describeDecision } from '../../auth/policy/decision.ts';
import { type AttachedPolicy, evaluate } from '../../auth/policy/evaluate.ts';
import type { PolicyPrincipal } from '../../auth/policy/principals.ts';
import { FactContext } from '../../auth/policy/request-facts.ts';
import type { OwnPolicies } from './own-policies.ts';

/** A wish to assume a role. */
export interface TrustQuestion {
  readonly caller: Caller;
  readonly role: RoleRecord;
  readonly trust: AttachedPolicy;
  /** All must be allowed: `sts:AssumeRole`, and `sts:TagSession`, `sts:SetSourceIdentity` where they apply. */
  readonly actions: readonly string[];
  /** Of the caller; the role's own do not count. */
  readonly policies: OwnPolicies;
  readonly tags: readonly Tag[];
  /** Condition keys of the request: `sts:ExternalId`, `<provider>:sub` … */
  readonly keys: Readonly<Record<string, ContextValue>>;
  readonly region: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export interface TrustAnswer {
  readonly allowed: boolean;
  /** The action that was refused, else the first. */
  readonly action: string;
  /** What decided, for audit. */
  readonly why: string;
}

/** Whether a role's trust policy, and where it leaves it to them the caller's own policies, let the caller assume it. */
export function decideTrust(question: TrustQuestion): TrustAnswer {
  const { actions, role, trust } = question;
  const context = new FactContext(factsOf(question));
  const principal = policyPrincipal(question.caller);
  let first: Decision | null = null;
  for (const action of actions) {
    const policies = { ...question.policies, trust };
    const decision = evaluate({ principal, action, resource: role.arn, context, policies });
    if (!decision.allowed) return { allowed: false, action, why: describeDecision(decision) };
    first ??= decision;
  }
  return { allowed: true, action: actions[0]!, why: first === null ? '' : describeDecision(first) };
}

function factsOf({ caller, role, tags, keys, region, now }: TrustQuestion) {
  return {
    principal: policyPrincipal(caller),
    now,
    address: caller.address,
    secure: caller.secure,
    userAgent: caller.userAgent,
    region: caller.region ?? region,
    resource: { accountId: caller.principal.accountId, tags: role.tags },
    requestTags: tags.length === 0 ? null : tags,
    tagKeys: tags.length === 0 ? null : tags.map(({ key }) => key),
    keys,
  };
}

function policyPrincipal({ principal }: Caller): PolicyPrincipal {
  const { kind } = principal;
  return { ...principal, kind: kind === 'engine' ? 'service' : kind };
}
