import type { Caller, GroupRecord, UserRecord } from '@rekey/core';
import type { Entry } from '../../store/store.ts';
import type { AccessCases } from './access-cases.ts';
import { MOST_GROUPS } from './limits.ts';
import type { Page, PageRequest } from './pages.ts';
import { rewrite } from './records.ts';
import { deleteConflict, noSuchEntity, notFound, quotaExceeded } from './refusals.ts';
import { checkPoliciesGone, type Move, moved, type PathQuery } from './users.ts';

/** Use cases about groups and who is in them. */
export class Groups {
  readonly #cases: AccessCases;

  constructor(cases: AccessCases) {
    this.#cases = cases;
  }

  create(caller: Caller, { name, path }: Pick<GroupRecord, 'name' | 'path'>): Promise<GroupRecord> {
    return this.#cases.create('group', { caller, action: 'iam:CreateGroup', name, path }, async (base) => ({
      record: { ...base, name, path, inlinePolicies: [], attachedPolicies: [], members: 0 },
    }));
  }

  /** A group and the users in it, page by page. */
  get(
    caller: Caller,
    name: string,
    page: PageRequest,
  ): Promise<{ readonly group: GroupRecord; readonly users: Page<UserRecord> }> {
    const action = 'iam:GetGroup';
    return this.#cases.on('group', { caller, action, name }, async ({ id, record }) => {
      const users = await this.#cases.pages.ofLinks(`${id}/member/`, `${action} ${id}`, page, async (link) => {
        const user = await this.#cases.store.get('user', link.id);
        return user?.record ?? null;
      });
      return { group: record, users };
    });
  }

  list(caller: Caller, { pathPrefix, ...page }: PathQuery): Promise<Page<GroupRecord>> {
    const action = 'iam:ListGroups';
    return this.#cases.onArn({ caller, action }, () =>
      this.#cases.pages.ofCollection('group', `${action} ${pathPrefix}`, page, ({ path }) =>
        path.startsWith(pathPrefix),
      ),
    );
  }

  move(caller: Caller, name: string, move: Move): Promise<void> {
    const ask = { caller, action: 'iam:UpdateGroup', name, moves: move };
    return this.#cases.change('group', ask, ({ id, record }) => moved(this.#cases, 'group', id, record, move));
  }

  delete(caller: Caller, name: string): Promise<void> {
    const ask = { caller, action: 'iam:DeleteGroup', name };
    return this.#cases.changeBoth('group', ask, null, async (found) => {
      if (found.record.members > 0) throw deleteConflict('Cannot delete entity, must remove users from group first.');
      checkPoliciesGone(found.record);
      return { writes: this.#cases.records.remove('group', found), answer: undefined };
    });
  }

  /** Of who is in it already: nothing happens. */
  async addUser(caller: Caller, name: string, userName: string): Promise<void> {
    await this.#changeMember(caller, 'iam:AddUserToGroup', name, userName, (group, user) => {
      const { groups } = user.record;
      if (groups.includes(group.id)) return null;
      if (groups.length >= MOST_GROUPS) throw quotaExceeded('GroupsPerUser', MOST_GROUPS);
      return { groups: [...groups, group.id], joins: true };
    });
  }

  async removeUser(caller: Caller, name: string, userName: string): Promise<void> {
    await this.#changeMember(caller, 'iam:RemoveUserFromGroup', name, userName, (group, user) => {
      const { groups } = user.record;
      if (!groups.includes(group.id)) throw notFound(`User ${user.record.name} is not in group ${group.record.name}.`);
      return { groups: groups.filter((id) => id !== group.id), joins: false };
    });
  }

  /** The groups a user is in. */
  ofUser(caller: Caller, userName: string, page: PageRequest): Promise<Page<GroupRecord>> {
    const action = 'iam:ListGroupsForUser';
    return this.#cases.on('user', { caller, action, name: userName }, async ({ id, record }) => {
      const entries = await Promise.all(record.groups.map((group) => this.#cases.store.get('group', group)));
      const groups = entries.flatMap((entry) => (entry === null ? [] : [entry.record]));
      return this.#cases.pages.ofItems(`${action} ${id}`, groups, page, (group) => group.name);
    });
  }

  /** Group and user are written together: neither can go while the other is told of it. */
  #changeMember(
    caller: Caller,
    action: string,
    name: string,
    userName: string,
    decide: (
      group: Entry<GroupRecord>,
      user: Entry<UserRecord>,
    ) => { readonly groups: readonly string[]; readonly joins: boolean } | null,
  ): Promise<void> {
    const { records } = this.#cases;
    return this.#cases.changeBoth(
      'group',
      { caller, action, name },
      `user/${userName.toLowerCase()}`,
      async (group) => {
        const user = await records.findByName('user', userName);
        if (user === null) throw noSuchEntity('user', userName);
        const decided = decide(group, user);
        if (decided === null) return { writes: [], answer: undefined };
        const { groups, joins } = decided;
        const link = { kind: 'member', of: 'user', id: user.id } as const;
        const writes = [
          rewrite('user', user, { ...user.record, groups }),
          rewrite('group', group, { ...group.record, members: group.record.members + (joins ? 1 : -1) }),
          joins ? records.link(group.id, link) : records.unlink(group.id, link),
        ];
        return { writes, answer: undefined };
      },
    );
  }
}
