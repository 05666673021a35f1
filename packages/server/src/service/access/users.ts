import { type Caller, type GroupRecord, RekeyError, type Tag, type UserRecord } from '@rekey/core';
import type { StoreWrite } from '../../store/store.ts';
import { type AccessCases, boundaryKey, type RecordChange } from './access-cases.ts';
import { attachable, type Bounded, withBoundary, withBoundaryArn, withoutBoundary } from './boundaries.ts';
import { makeArn } from './identifiers.ts';
import type { Page, PageRequest } from './pages.ts';
import { deleteConflict, entityExists } from './refusals.ts';
import { needsToCreateTagged, withTags } from './tag-lists.ts';

export interface NewUser {
  readonly name: string;
  readonly path: string;
  readonly tags: readonly Tag[];
  /** ARN of the policy that bounds the user. */
  readonly boundary?: string | undefined;
}

/** Records whose path begins so. */
export type PathQuery = PageRequest & { readonly pathPrefix: string };

/** Another name or path; what is left out stays. */
export interface Move {
  readonly name?: string | undefined;
  readonly path?: string | undefined;
}

/** Use cases about users. */
export class Users {
  readonly #cases: AccessCases;

  constructor(cases: AccessCases) {
    this.#cases = cases;
  }

  async create(caller: Caller, wish: NewUser): Promise<Bounded<UserRecord>> {
    const { name, path, tags, boundary: alsoWrites } = wish;
    const needs = needsToCreateTagged('iam:TagUser', tags);
    const keys = { ...needs.keys, ...boundaryKey(wish.boundary) };
    const ask = { caller, action: 'iam:CreateUser', name, path, ...needs, keys, alsoWrites };
    const created = await this.#cases.create('user', ask, async (base) => {
      const { records } = this.#cases;
      const boundary = wish.boundary === undefined ? null : await attachable(records, wish.boundary);
      const record: UserRecord = {
        ...base,
        name,
        path,
        inlinePolicies: [],
        attachedPolicies: [],
        tags: withTags('User', [], tags),
        boundary: boundary?.id ?? null,
        groups: [],
        accessKeys: [],
      };
      return { record, writes: boundary === null ? [] : withBoundary(records, 'user', base.id, boundary) };
    });
    return { record: created, boundaryArn: wish.boundary ?? null };
  }

  get(caller: Caller, name: string): Promise<Bounded<UserRecord>> {
    const ask = { caller, action: 'iam:GetUser', name };
    return this.#cases.on('user', ask, ({ record }) => withBoundaryArn(this.#cases.records, record));
  }

  /** For who asks who he is and is root, which is no user. */
  getRoot(caller: Caller): Promise<void> {
    const { arn } = caller.principal;
    return this.#cases.onArn({ caller, action: 'iam:GetUser', arn }, () => {});
  }

  list(caller: Caller, { pathPrefix, ...page }: PathQuery): Promise<Page<UserRecord>> {
    const action = 'iam:ListUsers';
    return this.#cases.onArn({ caller, action }, () =>
      this.#cases.pages.ofCollection('user', `${action} ${pathPrefix}`, page, ({ path }) =>
        path.startsWith(pathPrefix),
      ),
    );
  }

  move(caller: Caller, name: string, move: Move): Promise<void> {
    const ask = { caller, action: 'iam:UpdateUser', name, moves: move };
    return this.#cases.change('user', ask, ({ id, record }) => moved(this.#cases, 'user', id, record, move));
  }

  /** @throws RekeyError reason `delete-conflict` while anything hangs on the user */
  delete(caller: Caller, name: string): Promise<void> {
    const ask = { caller, action: 'iam:DeleteUser', name };
    return this.#cases.changeBoth('user', ask, null, async (found) => {
      const { id, record } = found;
      if (record.accessKeys.length > 0) throw deleteConflict('Cannot delete entity, must delete access keys first.');
      if (record.groups.length > 0)
        throw deleteConflict('Cannot delete entity, must remove user from all groups first.');
      checkPoliciesGone(record);
      const { records } = this.#cases;
      const writes = [
        ...records.remove('user', found),
        ...(await withoutBoundary(records, 'user', id, record.boundary)),
      ];
      return { writes, answer: undefined };
    });
  }
}

/** Name of the user a request means that names none: of whoever asks. */
export function ownName(caller: Caller, name: string | undefined): string {
  const own = name ?? caller.principal.name;
  if (own !== null) return own;
  throw new RekeyError('invalid-input', 'Must specify userName when calling with non-User credentials', {
    reason: 'user-name-missing',
  });
}

export function checkPoliciesGone(record: Pick<UserRecord, 'attachedPolicies' | 'inlinePolicies'>): void {
  if (record.attachedPolicies.length > 0) throw deleteConflict('Cannot delete entity, must detach all policies first.');
  if (record.inlinePolicies.length > 0) throw deleteConflict('Cannot delete entity, must delete policies first.');
}

/** A user or group under another name or path; whatever refers to it does so by its id and stays. */
export async function moved<K extends 'user' | 'group', R extends UserRecord | GroupRecord>(
  cases: AccessCases,
  kind: K,
  id: string,
  record: R,
  move: Move,
): Promise<RecordChange<R, void>> {
  const { name = record.name, path = record.path } = move;
  const other = await cases.records.findByName(kind, name);
  if (other !== null && other.id !== id) throw entityExists(kind, name);
  const writes: readonly StoreWrite[] = cases.records.rename(kind, id, record.name, name);
  return {
    record: { ...record, name, path, arn: makeArn(cases.account, kind, path, name) },
    writes,
    answer: undefined,
  };
}
