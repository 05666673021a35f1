import type { Caller, ManagedPolicyRecord } from '@rekey/core';
import type { Entry, StoreWrite } from '../../store/store.ts';
import { type AccessCases, boundaryKey, type NamedAsk } from './access-cases.ts';
import { type AccessRecords, rewrite } from './records.ts';
import { notFound } from './refusals.ts';

/** Who can be bounded. */
export type BoundedKind = 'user' | 'role';

const TITLES = { user: 'User', role: 'Role' } as const;

/** Use cases about permissions boundaries: a managed policy that says the most a user or role may be given. */
export class Boundaries {
  readonly #cases: AccessCases;

  constructor(cases: AccessCases) {
    this.#cases = cases;
  }

  put(caller: Caller, kind: BoundedKind, name: string, policyArn: string): Promise<void> {
    const keys = boundaryKey(policyArn);
    const ask = { caller, action: `iam:Put${TITLES[kind]}PermissionsBoundary`, name, keys };
    return this.#set(kind, ask, policyArn);
  }

  /** @throws RekeyError reason `no-such-entity`, also where there is no boundary */
  remove(caller: Caller, kind: BoundedKind, name: string): Promise<void> {
    const ask = { caller, action: `iam:Delete${TITLES[kind]}PermissionsBoundary`, name };
    return this.#set(kind, ask, null);
  }

  #set(kind: BoundedKind, ask: NamedAsk, arn: string | null): Promise<void> {
    const { records } = this.#cases;
    return this.#cases.changeBoth(kind, ask, arn, async (found) => {
      const { id, record } = found;
      if (arn === null && record.boundary === null)
        throw notFound(`${TITLES[kind]} ${record.name} does not have a permissions boundary.`);
      const policy = arn === null ? null : await attachable(records, arn);
      const boundary = policy?.id ?? null;
      if (boundary === record.boundary) return { writes: [], answer: undefined };
      const writes = [
        rewrite(kind, found, { ...record, boundary }),
        ...(await withoutBoundary(records, kind, id, record.boundary)),
        ...(policy === null ? [] : withBoundary(records, kind, id, policy)),
      ];
      return { writes, answer: undefined };
    });
  }
}

/** A user or role with the ARN of what bounds it; null if nothing does. */
export interface Bounded<R> {
  readonly record: R;
  readonly boundaryArn: string | null;
}

export async function withBoundaryArn<R extends { readonly boundary: string | null }>(
  records: AccessRecords,
  record: R,
): Promise<Bounded<R>> {
  const policy = record.boundary === null ? null : await records.store.get('policy', record.boundary);
  return { record, boundaryArn: policy?.record.arn ?? null };
}

/** The policy that somebody wants to use; permission to see it is not asked, as in IAM. */
export async function attachable(records: AccessRecords, arn: string): Promise<Entry<ManagedPolicyRecord>> {
  const found = await records.find('policy', arn);
  if (found === null) throw notFound(`Policy ${arn} does not exist or is not attachable.`);
  return found;
}

/** What makes a policy the boundary of somebody, besides his own record. */
export function withBoundary(
  records: AccessRecords,
  kind: BoundedKind,
  id: string,
  policy: Entry<ManagedPolicyRecord>,
): readonly StoreWrite[] {
  const counted = { ...policy.record, boundaries: policy.record.boundaries + 1 };
  return [rewrite('policy', policy, counted), records.link(policy.id, { kind: 'boundary', of: kind, id })];
}

/** What ends it. */
export async function withoutBoundary(
  records: AccessRecords,
  kind: BoundedKind,
  id: string,
  policyId: string | null,
): Promise<readonly StoreWrite[]> {
  const policy = policyId === null ? null : await records.store.get('policy', policyId);
  if (policy === null) return [];
  const counted = { ...policy.record, boundaries: policy.record.boundaries - 1 };
  return [rewrite('policy', policy, counted), records.unlink(policy.id, { kind: 'boundary', of: kind, id })];
}
