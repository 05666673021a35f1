import type { RotationWish } from '../rotation.ts';
import type { Declaration, DeclaredGroup, DeclaredUser, Json } from './declaration.ts';
import type { Subject } from './difference.ts';

/** What names in a declaration stand for. */
export interface Names {
  /** ARN of a managed policy that is named by name or ARN. */
  policyArn(named: string): string;
  /** A group's name as it is spelled. */
  groupName(named: string): string;
}

type Members = Pick<Subject, 'single' | 'entries'>;

/** Everything a declaration is about, each with the members that are given. Pure. */
export function declaredSubjects(declaration: Declaration, names: Names): readonly Subject[] {
  const { policies, providers, groups, users, roles, secrets } = declaration;
  return [
    ...subjects('policy', policies, ({ path, document, tags }) => ({
      single: given({ path, document }),
      entries: given({ tags }),
    })),
    ...subjects('provider', providers, ({ clientIds, tags }) => ({
      single: {},
      entries: given({ clientIds: present(clientIds), tags }),
    })),
    ...subjects('group', groups, (group) => ownerMembers(group, names)),
    ...subjects('user', users, (user) => principalMembers(user, names, {})),
    ...subjects('role', roles, (role) => {
      const { description, trust, maxSession } = role;
      return principalMembers(role, names, { description, trust, maxSession });
    }),
    ...subjects('secret', secrets, rotationMembers),
  ];
}

function subjects<T>(
  kind: Subject['kind'],
  named: ReadonlyMap<string, T> | undefined,
  membersOf: (declared: T) => Members,
): readonly Subject[] {
  return [...(named ?? [])].map(([name, declared]) => ({ kind, name, ...membersOf(declared) }));
}

function ownerMembers({ path, policies, attached }: DeclaredGroup, names: Names): Members {
  const arns = attached?.map((policy) => names.policyArn(policy));
  return { single: given({ path }), entries: given({ policies, attached: present(arns) }) };
}

function principalMembers(
  declared: DeclaredUser,
  names: Names,
  more: Readonly<Record<string, Json | undefined>>,
): Members {
  const { boundary, tags, groups } = declared;
  const { single, entries } = ownerMembers(declared, names);
  const bound = typeof boundary === 'string' ? names.policyArn(boundary) : boundary;
  const joined = present(groups?.map((group) => names.groupName(group)));
  return {
    single: { ...single, ...given({ ...more, boundary: bound }) },
    entries: { ...entries, ...given({ tags, groups: joined }) },
  };
}

/** That rotation is declared means that it is on. */
function rotationMembers({ functionArn, rule, explicit }: RotationWish): Members {
  const single = { enabled: true, rotator: functionArn, rule: rule as Json | undefined, ...explicit };
  return { single: given(single), entries: {} };
}

/** A list as entries without values. */
function present(list: readonly string[] | undefined): Readonly<Record<string, Json>> | undefined {
  return list === undefined ? undefined : Object.fromEntries(list.map((entry) => [entry, true]));
}

/** The members that are given. */
function given<T>(members: Readonly<Record<string, T | undefined>>): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(members).filter((pair): pair is [string, T] => pair[1] !== undefined));
}
