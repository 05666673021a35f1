import type { AccessUseRecord, Caller, RoleRecord, Tag } from '@rekey/core';
import { type AccessCases, boundaryKey } from './access-cases.ts';
import type { AccessUses } from './access-uses.ts';
import { attachable, type Bounded, withBoundary, withBoundaryArn, withoutBoundary } from './boundaries.ts';
import type { Page } from './pages.ts';
import { write } from './records.ts';
import { needsToCreateTagged, withTags } from './tag-lists.ts';
import { keptTrust, shownTrust } from './trust.ts';
import { checkPoliciesGone, type PathQuery } from './users.ts';

export interface NewRole {
  readonly name: string;
  readonly path: string;
  readonly trust: string;
  readonly description?: string | undefined;
  /** Seconds. */
  readonly maxSessionDuration: number;
  readonly tags: readonly Tag[];
  readonly boundary?: string | undefined;
}

/** What to change; what is left out stays. */
export interface RoleUpdate {
  readonly description?: string | undefined;
  readonly maxSessionDuration?: number | undefined;
}

/** Use cases about roles. Answers show the trust policy with ARNs, as it was written. */
export class Roles {
  readonly #cases: AccessCases;

  readonly #uses: Pick<AccessUses, 'find'>;

  constructor(cases: AccessCases, uses: Pick<AccessUses, 'find'>) {
    this.#cases = cases;
    this.#uses = uses;
  }

  async create(caller: Caller, wish: NewRole): Promise<Bounded<RoleRecord>> {
    const { name, path, tags, boundary: alsoWrites } = wish;
    const needs = needsToCreateTagged('iam:TagRole', tags);
    const keys = { ...needs.keys, ...boundaryKey(wish.boundary) };
    const ask = { caller, action: 'iam:CreateRole', name, path, ...needs, keys, alsoWrites };
    const { records, account } = this.#cases;
    const created = await this.#cases.create('role', ask, async (base) => {
      const trust = await keptTrust(records, account, wish.trust);
      const boundary = wish.boundary === undefined ? null : await attachable(records, wish.boundary);
      const record: RoleRecord = {
        ...base,
        name,
        path,
        inlinePolicies: [],
        attachedPolicies: [],
        tags: withTags('Role', [], tags),
        boundary: boundary?.id ?? null,
        description: wish.description || null,
        trust,
        maxSessionDuration: wish.maxSessionDuration,
      };
      return { record, writes: boundary === null ? [] : withBoundary(records, 'role', base.id, boundary) };
    });
    return { record: await this.#shown(created), boundaryArn: wish.boundary ?? null };
  }

  /** A role, what bounds it, and when it was last assumed or used. */
  get(caller: Caller, name: string): Promise<Bounded<RoleRecord> & { readonly use: AccessUseRecord | null }> {
    return this.#cases.on('role', { caller, action: 'iam:GetRole', name }, async ({ id, record }) => ({
      ...(await withBoundaryArn(this.#cases.records, await this.#shown(record))),
      use: await this.#uses.find(id),
    }));
  }

  list(caller: Caller, { pathPrefix, ...page }: PathQuery): Promise<Page<RoleRecord>> {
    const action = 'iam:ListRoles';
    return this.#cases.onArn({ caller, action }, async () => {
      const question = `${action} ${pathPrefix}`;
      const isListed = ({ path }: RoleRecord) => path.startsWith(pathPrefix);
      const { items, marker } = await this.#cases.pages.ofCollection('role', question, page, isListed);
      return { items: await Promise.all(items.map((role) => this.#shown(role))), marker };
    });
  }

  update(caller: Caller, name: string, update: RoleUpdate): Promise<void> {
    return this.#cases.change('role', { caller, action: 'iam:UpdateRole', name }, ({ record }) => ({
      record: {
        ...record,
        description: update.description === undefined ? record.description : update.description || null,
        maxSessionDuration: update.maxSessionDuration ?? record.maxSessionDuration,
      },
      answer: undefined,
    }));
  }

  describe(caller: Caller, name: string, description: string): Promise<RoleRecord> {
    const ask = { caller, action: 'iam:UpdateRoleDescription', name };
    return this.#cases.change('role', ask, async ({ record }) => {
      const described = { ...record, description: description || null };
      return { record: described, answer: await this.#shown(described) };
    });
  }

  setTrust(caller: Caller, name: string, document: string): Promise<void> {
    const ask = { caller, action: 'iam:UpdateAssumeRolePolicy', name };
    return this.#cases.change('role', ask, async ({ record }) => {
      const trust = await keptTrust(this.#cases.records, this.#cases.account, document);
      return { record: { ...record, trust }, answer: undefined };
    });
  }

  delete(caller: Caller, name: string): Promise<void> {
    const ask = { caller, action: 'iam:DeleteRole', name };
    return this.#cases.changeBoth('role', ask, null, async (found) => {
      const { id, record } = found;
      checkPoliciesGone(record);
      const { records } = this.#cases;
      const writes = [
        ...records.remove('role', found),
        write('access-use', id, null),
        ...(await withoutBoundary(records, 'role', id, record.boundary)),
      ];
      return { writes, answer: undefined };
    });
  }

  async #shown(role: RoleRecord): Promise<RoleRecord> {
    const trust = await shownTrust(this.#cases.records, role.trust);
    return trust === role.trust ? role : { ...role, trust };
  }
}
