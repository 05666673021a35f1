import type { Caller, ManagedPolicyRecord } from '@rekey/core';
import type { AccessLink } from '../../store/collections.ts';
import type { Entry, StoreWrite } from '../../store/store.ts';
import type { AccessCases } from './access-cases.ts';
import { attachable } from './boundaries.ts';
import type { OwnerKind } from './identifiers.ts';
import { OWNER_TITLES } from './inline-policies.ts';
import { MOST_ATTACHED } from './limits.ts';
import type { Page, PageRequest } from './pages.ts';
import { rewrite } from './records.ts';
import { noSuchEntity, quotaExceeded } from './refusals.ts';

/** Somebody who has a policy. */
export interface PolicyEntity {
  readonly kind: OwnerKind;
  readonly id: string;
  readonly name: string;
}

/** Which of those who have a policy are asked for. */
export interface EntityQuery extends PageRequest {
  readonly kind?: OwnerKind | undefined;
  readonly usage?: 'attachment' | 'boundary' | undefined;
  readonly pathPrefix: string;
}

/** Use cases about managed policies of users, groups and roles. */
export class Attachments {
  readonly #cases: AccessCases;

  constructor(cases: AccessCases) {
    this.#cases = cases;
  }

  /** Of what is attached already: nothing happens. */
  attach(caller: Caller, kind: OwnerKind, name: string, policyArn: string): Promise<void> {
    const keys = { 'iam:PolicyARN': policyArn };
    const ask = { caller, action: `iam:Attach${OWNER_TITLES[kind]}Policy`, name, keys };
    return this.#cases.changeBoth(kind, ask, policyArn, async (found) => {
      const { id, record } = found;
      const policy = await attachable(this.#cases.records, policyArn);
      if (record.attachedPolicies.includes(policy.id)) return { writes: [], answer: undefined };
      if (record.attachedPolicies.length >= MOST_ATTACHED)
        throw quotaExceeded(`PoliciesPer${OWNER_TITLES[kind]}`, MOST_ATTACHED);
      const attached = { ...record, attachedPolicies: [...record.attachedPolicies, policy.id] };
      const link = this.#cases.records.link(policy.id, { kind: 'attachment', of: kind, id });
      return { writes: [rewrite(kind, found, attached), counted(policy, 1), link], answer: undefined };
    });
  }

  detach(caller: Caller, kind: OwnerKind, name: string, policyArn: string): Promise<void> {
    const keys = { 'iam:PolicyARN': policyArn };
    const ask = { caller, action: `iam:Detach${OWNER_TITLES[kind]}Policy`, name, keys };
    return this.#cases.changeBoth(kind, ask, policyArn, async (found) => {
      const { id, record } = found;
      const policy = await this.#cases.records.find('policy', policyArn);
      if (policy === null || !record.attachedPolicies.includes(policy.id)) throw noSuchEntity('policy', policyArn);
      const attachedPolicies = record.attachedPolicies.filter((attached) => attached !== policy.id);
      const unlink = this.#cases.records.unlink(policy.id, { kind: 'attachment', of: kind, id });
      const writes = [rewrite(kind, found, { ...record, attachedPolicies }), counted(policy, -1), unlink];
      return { writes, answer: undefined };
    });
  }

  /** The managed policies of an owner whose path begins so. */
  list(
    caller: Caller,
    kind: OwnerKind,
    name: string,
    { pathPrefix, ...page }: PageRequest & { readonly pathPrefix: string },
  ): Promise<Page<ManagedPolicyRecord>> {
    const action = `iam:ListAttached${OWNER_TITLES[kind]}Policies`;
    return this.#cases.on(kind, { caller, action, name }, async ({ id, record }) => {
      const entries = await Promise.all(
        record.attachedPolicies.map((policy) => this.#cases.store.get('policy', policy)),
      );
      const policies = entries.flatMap((entry) => (entry?.record.path.startsWith(pathPrefix) ? [entry.record] : []));
      return this.#cases.pages.ofItems(`${action} ${id} ${pathPrefix}`, policies, page, (policy) => policy.name);
    });
  }

  /** Who has a policy, attached or as boundary. */
  entities(caller: Caller, policyArn: string, query: EntityQuery): Promise<Page<PolicyEntity>> {
    const action = 'iam:ListEntitiesForPolicy';
    return this.#cases.on('policy', { caller, action, name: policyArn }, ({ id }) => {
      const { kind, usage, pathPrefix } = query;
      const question = JSON.stringify([action, id, kind, usage, pathPrefix]);
      return this.#cases.pages.ofLinks(`${id}/`, question, query, async (link) => {
        if ((kind !== undefined && link.of !== kind) || (usage !== undefined && link.kind !== usage)) return null;
        return this.#entity(link, pathPrefix);
      });
    });
  }

  async #entity({ of: kind, id }: AccessLink, pathPrefix: string): Promise<PolicyEntity | null> {
    const found = await this.#cases.store.get(kind, id);
    if (found === null || !found.record.path.startsWith(pathPrefix)) return null;
    return { kind, id, name: found.record.name };
  }
}

/** The policy with one more or one less that has it. Written also to notice a deletion that goes on meanwhile. */
function counted(policy: Entry<ManagedPolicyRecord>, by: 1 | -1): StoreWrite {
  return rewrite('policy', policy, { ...policy.record, attachments: policy.record.attachments + by });
}
