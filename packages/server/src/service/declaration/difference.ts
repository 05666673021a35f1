import { createHash } from 'node:crypto';
import { canonical, type Json } from './declaration.ts';

export type SubjectKind = 'policy' | 'provider' | 'group' | 'user' | 'role' | 'secret';

/** Somebody or something with what is declared of it, or with what it has. */
export interface Subject {
  readonly kind: SubjectKind;
  readonly name: string;
  /** Members with one value: `path`, `trust` … */
  readonly single: Readonly<Record<string, Json>>;
  /** Members with entries: `tags`, `policies`, `attached`, `groups`, `clientIds`. Of what has no value: true. */
  readonly entries: Readonly<Record<string, Readonly<Record<string, Json>>>>;
}

/** What becomes of one member, or of one entry in it. */
export interface Detail {
  readonly member: string;
  /** Null for a member with one value. */
  readonly entry: string | null;
  /** Left out where there was none. */
  readonly before?: Json;
  /** Left out where there shall be none. */
  readonly after?: Json;
}

export interface Change {
  readonly action: 'create' | 'change' | 'delete';
  readonly kind: SubjectKind;
  readonly name: string;
  readonly details: readonly Detail[];
}

/** What refers to something is made after it: users to groups and policies, roles' trust to users. */
const MAKING: readonly SubjectKind[] = ['policy', 'provider', 'group', 'user', 'role', 'secret'];
/** And goes before it. */
const DELETING: readonly SubjectKind[] = ['user', 'role', 'group', 'policy', 'provider'];

/**
 * What has to change so that everything is as declared, in an order in which it can be done. Pure.
 *
 * @param undeclared what is to be deleted
 */
export function differences(
  declared: readonly Subject[],
  present: readonly Subject[],
  undeclared: readonly Subject[] = [],
): readonly Change[] {
  const found = new Map(present.map((subject) => [subjectKey(subject), subject]));
  const made = MAKING.flatMap((kind) => {
    const wanted = declared.filter((subject) => subject.kind === kind);
    const changes = wanted.flatMap((wish) => changeOf(wish, found.get(subjectKey(wish))));
    return kind === 'role' ? trustedFirst(changes) : changes;
  });
  const deleted = DELETING.flatMap((kind) =>
    undeclared.filter((subject) => subject.kind === kind).map((subject) => deletionOf(subject)),
  );
  return [...made, ...deleted];
}

/** Names of users, groups, roles and policies are the same whatever their case; secrets and providers are not. */
export function subjectKey({ kind, name }: Pick<Subject, 'kind' | 'name'>): string {
  return `${kind}/${kind === 'secret' || kind === 'provider' ? name : name.toLowerCase()}`;
}

/** What somebody was shown, so that nothing else is applied than that. */
export function fingerprint(changes: readonly Change[]): string {
  return createHash('sha256')
    .update(canonical(changes as unknown as Json))
    .digest('base64url');
}

function changeOf(wish: Subject, found: Subject | undefined): readonly Change[] {
  const { kind, name } = wish;
  if (found === undefined) return [{ action: 'create', kind, name, details: withoutNull(detailsOf(wish, null)) }];
  const details = detailsOf(wish, found);
  return details.length === 0 ? [] : [{ action: 'change', kind, name, details }];
}

function deletionOf({ kind, name, entries }: Subject): Change {
  const emptied = Object.fromEntries(Object.keys(entries).map((member) => [member, {}]));
  const details = detailsOf({ kind, name, single: {}, entries: emptied }, { kind, name, single: {}, entries });
  return { action: 'delete', kind, name, details };
}

function detailsOf(wish: Subject, found: Subject | null): readonly Detail[] {
  const singles = Object.entries(wish.single).flatMap(([member, after]) =>
    detail(member, null, ownValue(found?.single, member), after),
  );
  const entries = Object.entries(wish.entries).flatMap(([member, after]) =>
    detailsOfEntries(member, ownValue(found?.entries, member) ?? {}, after),
  );
  return [...singles, ...entries];
}

/** What goes stands first: it makes room within limits. */
function detailsOfEntries(member: string, before: Subject['single'], after: Subject['single']): readonly Detail[] {
  const gone = Object.keys(before).filter((entry) => !Object.hasOwn(after, entry));
  return [
    ...gone.flatMap((entry) => detail(member, entry, before[entry], undefined)),
    ...Object.entries(after).flatMap(([entry, value]) => detail(member, entry, ownValue(before, entry), value)),
  ];
}

function detail(member: string, entry: string | null, before: Json | undefined, after: Json | undefined) {
  if (canonical(before) === canonical(after)) return [];
  const change: Detail = {
    member,
    entry,
    ...(before === undefined ? {} : { before }),
    ...(after === undefined ? {} : { after }),
  };
  return [change];
}

function withoutNull(details: readonly Detail[]): readonly Detail[] {
  return details.filter(({ after }) => after !== null);
}

/** A role that another one's trust names is made before it; of roles that trust each other none can be made first. */
function trustedFirst(changes: readonly Change[]): readonly Change[] {
  const waiting = [...changes];
  const ordered: Change[] = [];
  while (waiting.length > 0) {
    const next = waiting.findIndex((change) => !waiting.some((other) => other !== change && trusts(change, other)));
    ordered.push(...waiting.splice(Math.max(next, 0), 1));
  }
  return ordered;
}

function trusts(change: Change, { name, action }: Change): boolean {
  const trust = change.details.find(({ member }) => member === 'trust')?.after;
  return (
    action === 'create' && trust !== undefined && canonical(trust).toLowerCase().includes(`/${name.toLowerCase()}"`)
  );
}

function ownValue<T>(record: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined;
}
