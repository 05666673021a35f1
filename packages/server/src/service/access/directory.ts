import type { KeyObject } from 'node:crypto';
import type { OidcProviderRecord, Principal, RoleRecord, UserRecord } from '@rekey/core';
import { Lru } from '../../store/lru.ts';
import type { Store } from '../../store/store.ts';
import { AccessCache, type Kept, type KeptKind } from './access-cache.ts';
import {
  compileInline,
  compileManaged,
  compileTrust,
  NOTHING_ALLOWED,
  type SourcedPolicy,
} from './compiled-policies.ts';
import { AccessRecords } from './records.ts';

/** An access key of a user, as the verification of signatures wants it. */
export interface UserKey {
  readonly secretAccessKey: KeyObject;
  readonly principal: Principal;
  readonly active: boolean;
}

/** What a user or role has been given, ready to be asked. */
export interface PrincipalPolicies {
  readonly identity: readonly SourcedPolicy[];
  readonly groups: readonly SourcedPolicy[];
  /** Undefined where nothing bounds. */
  readonly boundary: SourcedPolicy | undefined;
}

const NO_POLICIES: PrincipalPolicies = { identity: [], groups: [], boundary: undefined };
const REMEMBERED = { entries: 20_000, size: 20_000 };
const USER_KEY_ID = /^AKIA[A-Z2-7]{16}$/;

interface Remembered<T> {
  readonly generation: number;
  readonly value: T;
}

/**
 * Who somebody is and which policies concern him: for every single request, hence from memory, and without a promise
 * once it is there. How many principals and policies there are besides makes no difference.
 */
export class AccessDirectory {
  readonly #cache: AccessCache;
  readonly #records: AccessRecords;
  readonly #account: string;
  readonly #keys = new Lru<Remembered<UserKey | null>>(REMEMBERED);
  readonly #policies = new Lru<Remembered<PrincipalPolicies>>(REMEMBERED);

  constructor(store: Store, account: string) {
    this.#cache = new AccessCache(store);
    this.#records = new AccessRecords(store);
    this.#account = account;
  }

  /** Whose key it is; null for what is no key of a user. */
  findKey(accessKeyId: string): UserKey | null | Promise<UserKey | null> {
    const known = this.#keys.get(accessKeyId);
    if (known !== undefined && this.#cache.isCurrent(known.generation)) return known.value;
    if (!USER_KEY_ID.test(accessKeyId)) return null;
    return this.#work(
      (at) => this.#assembleKey(accessKeyId, at),
      (value, generation) => {
        if (value !== null) this.#keys.set(accessKeyId, { generation, value }, 1);
      },
    );
  }

  /** What a user, or the role behind a session, has been given; nothing for who is neither, or is gone. */
  policiesOf({ kind, id, role }: Principal): PrincipalPolicies | Promise<PrincipalPolicies> {
    if (kind === 'user') return this.policiesOfOwner('user', id);
    return role === null ? NO_POLICIES : this.policiesOfOwner('role', role.id);
  }

  policiesOfOwner(kind: 'user' | 'group' | 'role', id: string): PrincipalPolicies | Promise<PrincipalPolicies> {
    const known = this.#policies.get(id);
    if (known !== undefined && this.#cache.isCurrent(known.generation)) return known.value;
    return this.#work(
      (at) => this.#assemblePolicies(kind, id, at),
      (value, generation) => this.#policies.set(id, { generation, value }, 1),
    );
  }

  /** A role by its whole ARN, as it stands now. */
  async findRole(arn: string): Promise<RoleRecord | null> {
    return (await this.#records.findByArn('role', arn))?.record ?? null;
  }

  /** Unique id of a user or role, by its ARN or by that id; null if there is none. */
  async findId(named: string): Promise<string | null> {
    for (const kind of ['user', 'role'] as const) {
      const { store } = this.#records;
      const found = (await this.#records.findByArn(kind, named)) ?? (await store.get(kind, named));
      if (found !== null) return found.id;
    }
    return null;
  }

  /** A role by its unique id, from memory. */
  roleById(id: string): RoleRecord | null | Promise<RoleRecord | null> {
    return this.#cache.find('role', id) ?? this.#cache.load('role', id);
  }

  trustOf(role: RoleRecord): SourcedPolicy {
    return compileTrust(role);
  }

  /** The provider of an issuer, given without its scheme. */
  async findProvider(url: string): Promise<OidcProviderRecord | null> {
    const { store } = this.#records;
    return (await store.get('oidc-provider', store.opaque('oidc-provider', url)))?.record ?? null;
  }

  /** A user as whoever is permitted things. */
  principalOf({ arn, id, name, tags }: UserRecord): Principal {
    return { kind: 'user', arn, accountId: this.#account, id, name, role: null, tags, session: null };
  }

  #assembleKey(accessKeyId: string, at: Look): UserKey | null {
    const key = at.find('access-key', accessKeyId);
    const user = key === null ? null : at.find('user', key.userId);
    if (key === null || user === null) return null;
    return { secretAccessKey: key.secret, principal: this.principalOf(user), active: key.active };
  }

  #assemblePolicies(kind: 'user' | 'group' | 'role', id: string, at: Look): PrincipalPolicies {
    const owner = at.find(kind, id);
    if (owner === null) return NO_POLICIES;
    const identity = [
      ...owner.inlinePolicies.map((policy) => compileInline(policy, kind)),
      ...managed(owner.attachedPolicies, at),
    ];
    const groups = 'groups' in owner ? owner.groups.flatMap((group) => policiesOfGroup(group, at)) : [];
    const boundaryId = 'boundary' in owner ? owner.boundary : null;
    if (boundaryId === null) return { identity, groups, boundary: undefined };
    const boundary = at.find('policy', boundaryId);
    return { identity, groups, boundary: boundary === null ? NOTHING_ALLOWED : compileManaged(boundary) };
  }

  /** Assembles from what is in memory; where something is missing, fetches that and begins again. */
  #work<T>(assemble: (at: Look) => T, remember: (value: T, generation: number) => void): T | Promise<T> {
    const { generation } = this.#cache;
    const look = new Look(this.#cache);
    const value = assemble(look);
    if (!look.isIncomplete) {
      remember(value, generation);
      return value;
    }
    return this.#fetchAndWork(look, assemble, generation, remember);
  }

  async #fetchAndWork<T>(
    look: Look,
    assemble: (at: Look) => T,
    generation: number,
    remember: (value: T, generation: number) => void,
  ): Promise<T> {
    for (;;) {
      await look.fetch();
      const value = assemble(look);
      if (look.isIncomplete) continue;
      remember(value, generation);
      return value;
    }
  }
}

function managed(ids: readonly string[], at: Look, prefix = ''): readonly SourcedPolicy[] {
  return ids.flatMap((id) => {
    const policy = at.find('policy', id);
    return policy === null ? [] : [compileManaged(policy, prefix)];
  });
}

function policiesOfGroup(id: string, at: Look): readonly SourcedPolicy[] {
  const group = at.find('group', id);
  if (group === null) return [];
  const prefix = `group ${group.name}: `;
  return [
    ...group.inlinePolicies.map((policy) => compileInline(policy, 'group', prefix)),
    ...managed(group.attachedPolicies, at, prefix),
  ];
}

/** One look at the records behind an answer. It notes what is not in memory, and answers null for that meanwhile. */
class Look {
  readonly #cache: AccessCache;
  readonly #fetched = new Map<string, unknown>();
  readonly #missing = new Map<string, readonly [KeptKind, string]>();

  constructor(cache: AccessCache) {
    this.#cache = cache;
  }

  get isIncomplete(): boolean {
    return this.#missing.size > 0;
  }

  find<K extends KeptKind>(kind: K, id: string): Kept[K] | null {
    const key = `${kind}/${id}`;
    const found = this.#fetched.has(key) ? this.#fetched.get(key) : this.#cache.find(kind, id);
    if (found === undefined) this.#missing.set(key, [kind, id]);
    return (found ?? null) as Kept[K] | null;
  }

  async fetch(): Promise<void> {
    const missing = [...this.#missing];
    this.#missing.clear();
    await Promise.all(
      missing.map(async ([key, [kind, id]]) => this.#fetched.set(key, await this.#cache.load(kind, id))),
    );
  }
}
