import type { Caller, InlinePolicy } from '@rekey/core';
import type { AccessCases } from './access-cases.ts';
import { checkIdentityPolicy, checkInlineSize } from './documents.ts';
import type { OwnerKind } from './identifiers.ts';
import type { Page, PageRequest } from './pages.ts';
import { notFound } from './refusals.ts';

export const OWNER_TITLES = { user: 'User', group: 'Group', role: 'Role' } as const;

/** Use cases about policies that are part of a user, group or role. */
export class InlinePolicies {
  readonly #cases: AccessCases;

  constructor(cases: AccessCases) {
    this.#cases = cases;
  }

  /**
   * Adds a policy, or replaces the one of that name.
   *
   * @param isUrgent whether it has to be there even where there is no more room for policies
   */
  put(caller: Caller, kind: OwnerKind, name: string, policy: InlinePolicy, isUrgent = false): Promise<void> {
    const ask = { caller, action: `iam:Put${OWNER_TITLES[kind]}Policy`, name };
    return this.#cases.change(kind, ask, ({ record }) => {
      checkIdentityPolicy(policy.document);
      const others = record.inlinePolicies.filter((other) => other.name !== policy.name);
      const inlinePolicies = [...others, { ...policy }].sort((a, b) => (a.name < b.name ? -1 : 1));
      const documents = inlinePolicies.map(({ document }) => document);
      if (!isUrgent) checkInlineSize(kind, record.name, documents);
      return { record: { ...record, inlinePolicies }, answer: undefined };
    });
  }

  /** The policy, and the owner's name as it is written. */
  get(
    caller: Caller,
    kind: OwnerKind,
    name: string,
    policyName: string,
  ): Promise<{ readonly owner: string; readonly policy: InlinePolicy }> {
    const ask = { caller, action: `iam:Get${OWNER_TITLES[kind]}Policy`, name };
    return this.#cases.on(kind, ask, ({ record }) => {
      const policy = record.inlinePolicies.find((candidate) => candidate.name === policyName);
      if (policy === undefined) throw noSuchPolicy(kind, policyName);
      return { owner: record.name, policy };
    });
  }

  delete(caller: Caller, kind: OwnerKind, name: string, policyName: string): Promise<void> {
    const ask = { caller, action: `iam:Delete${OWNER_TITLES[kind]}Policy`, name };
    return this.#cases.change(kind, ask, ({ record }) => {
      const inlinePolicies = record.inlinePolicies.filter((policy) => policy.name !== policyName);
      if (inlinePolicies.length === record.inlinePolicies.length) throw noSuchPolicy(kind, policyName);
      return { record: { ...record, inlinePolicies }, answer: undefined };
    });
  }

  /** Names of the policies. */
  list(caller: Caller, kind: OwnerKind, name: string, page: PageRequest): Promise<Page<string>> {
    const action = `iam:List${OWNER_TITLES[kind]}Policies`;
    return this.#cases.on(kind, { caller, action, name }, ({ id, record }) => {
      const names = record.inlinePolicies.map((policy) => policy.name);
      return this.#cases.pages.ofItems(`${action} ${id}`, names, page, (policyName) => policyName);
    });
  }
}

function noSuchPolicy(kind: OwnerKind, policyName: string) {
  return notFound(`The ${kind} policy with name ${policyName} cannot be found.`);
}
