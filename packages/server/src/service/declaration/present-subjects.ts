import type {
  GroupRecord,
  ManagedPolicyRecord,
  OidcProviderRecord,
  PolicyOwner,
  RoleRecord,
  SecretRecord,
  Tag,
  UserRecord,
} from '@rekey/core';
import type { Collections } from '../../store/collections.ts';
import type { ListedEntry, Store } from '../../store/store.ts';
import type { NamedKind } from '../access/identifiers.ts';
import { makeArn } from '../access/identifiers.ts';
import { defaultDocument } from '../access/policy-versions.ts';
import { AccessRecords } from '../access/records.ts';
import { shownTrust } from '../access/trust.ts';
import { secretNotFound } from '../refusals.ts';
import type { Declaration, Json } from './declaration.ts';
import type { Names } from './declared-subjects.ts';
import type { Subject } from './difference.ts';

/** Records listed at a time. */
const CHUNK = 500;

/** Reads what there is, in the words of a declaration. */
export class PresentSubjects {
  readonly #store: Store;
  readonly #records: AccessRecords;
  readonly #account: string;

  constructor(store: Store, account: string) {
    this.#store = store;
    this.#records = new AccessRecords(store);
    this.#account = account;
  }

  /** What of the declared is there already. @throws RekeyError for a secret that is not there: none is made from here */
  async declared(declaration: Declaration): Promise<readonly Subject[]> {
    const { policies, providers, groups, users, roles, secrets } = declaration;
    const found = await Promise.all([
      ...named(policies, (name) => this.#named('policy', name, (record) => policySubject(record))),
      ...named(providers, (url) => this.#provider(url)),
      ...named(groups, (name) => this.#named('group', name, (record) => this.#group(record))),
      ...named(users, (name) => this.#named('user', name, (record) => this.#user(record))),
      ...named(roles, (name) => this.#named('role', name, (record) => this.#role(record))),
      ...named(secrets, (name) => this.#secret(name)),
    ]);
    return found.filter((subject) => subject !== null);
  }

  /** What the declared sections do not name. Secrets are never among them. */
  async undeclared({ policies, providers, groups, users, roles }: Declaration): Promise<readonly Subject[]> {
    const known = (given: ReadonlyMap<string, unknown>) => new Set([...given.keys()].map((name) => name.toLowerCase()));
    const others = async <K extends NamedKind>(kind: K, given: ReadonlyMap<string, unknown> | undefined) => {
      if (given === undefined) return [];
      const names = known(given);
      return (await this.#all(kind)).filter(({ name }) => !names.has(name.toLowerCase()));
    };
    const issuers = await this.#store.list('oidc-provider', { index: 'created', limit: CHUNK });
    const gone = issuers.filter(({ record }) => providers !== undefined && !providers.has(record.issuer));
    return Promise.all([
      ...(await others('policy', policies)).map((record) => policySubject(record)),
      ...gone.map(({ record }) => providerSubject(record)),
      ...(await others('group', groups)).map((record) => this.#group(record)),
      ...(await others('user', users)).map((record) => this.#user(record)),
      ...(await others('role', roles)).map((record) => this.#role(record)),
    ]);
  }

  /** What the names in a declaration stand for: what is there, or what it declares. */
  async names({ policies, groups, users, roles }: Declaration): Promise<Names> {
    const owners = [...(groups?.values() ?? []), ...(users?.values() ?? []), ...(roles?.values() ?? [])];
    const boundaries = [...(users?.values() ?? []), ...(roles?.values() ?? [])].map(({ boundary }) => boundary);
    const wanted = new Set([...owners.flatMap(({ attached }) => attached ?? []), ...boundaries]);
    const arns = new Map<string, string>();
    for (const name of wanted) if (typeof name === 'string') arns.set(name, await this.#policyArn(name, policies));
    const groupNames = new Map<string, string>();
    for (const name of [...(users?.values() ?? [])].flatMap((user) => user.groups ?? [])) {
      const found = await this.#records.findByName('group', name);
      groupNames.set(name, found?.record.name ?? name);
    }
    return { policyArn: (name) => arns.get(name) ?? name, groupName: (name) => groupNames.get(name) ?? name };
  }

  async #policyArn(name: string, declared: Declaration['policies']): Promise<string> {
    if (name.startsWith('arn:')) return name;
    const found = await this.#records.findByName('policy', name);
    const isMeant = ([other]: readonly [string, unknown]) => other.toLowerCase() === name.toLowerCase();
    const [spelled = name, wish] = [...(declared ?? [])].find(isMeant) ?? [];
    return found?.record.arn ?? makeArn(this.#account, 'policy', wish?.path ?? '/', spelled);
  }

  async #named<K extends NamedKind>(
    kind: K,
    name: string,
    show: (record: Collections[K]) => Subject | Promise<Subject>,
  ): Promise<Subject | null> {
    const found = await this.#records.findByName(kind, name);
    return found === null ? null : show(found.record);
  }

  async #all<K extends NamedKind>(kind: K): Promise<readonly Collections[K][]> {
    const records: Collections[K][] = [];
    let place = {};
    for (;;) {
      const query = { index: 'created', limit: CHUNK, ...place };
      const chunk: readonly ListedEntry<Collections[K]>[] = await this.#store.list(kind, query);
      records.push(...chunk.map(({ record }) => record));
      const last = chunk.at(-1);
      if (last === undefined || chunk.length < CHUNK) return records;
      place = { after: { value: last.indexValue ?? '', id: last.id } };
    }
  }

  async #provider(url: string): Promise<Subject | null> {
    const id = this.#store.opaque('oidc-provider', url.replace(/^https?:\/\//, ''));
    const found = await this.#store.get('oidc-provider', id);
    return found === null ? null : { ...providerSubject(found.record), name: url };
  }

  async #secret(name: string): Promise<Subject> {
    const found = await this.#store.findSecret(name);
    if (found === null) throw secretNotFound(name);
    return secretSubject(found.record, name);
  }

  async #group(record: GroupRecord): Promise<Subject> {
    return { kind: 'group', name: record.name, ...(await this.#owner(record)) };
  }

  async #user(record: UserRecord): Promise<Subject> {
    const { single, entries } = await this.#owner(record);
    const groups = await Promise.all(record.groups.map((id) => this.#store.get('group', id)));
    const joined = Object.fromEntries(groups.flatMap((group) => (group === null ? [] : [[group.record.name, true]])));
    return {
      kind: 'user',
      name: record.name,
      single: { ...single, boundary: await this.#arnOf(record.boundary) },
      entries: { ...entries, tags: tagEntries(record.tags), groups: joined },
    };
  }

  async #role(record: RoleRecord): Promise<Subject> {
    const { single, entries } = await this.#owner(record);
    const { description, maxSessionDuration: maxSession } = record;
    const trust = JSON.parse(await shownTrust(this.#records, record.trust)) as Json;
    const boundary = await this.#arnOf(record.boundary);
    return {
      kind: 'role',
      name: record.name,
      single: { ...single, boundary, description: description ?? '', maxSession, trust },
      entries: { ...entries, tags: tagEntries(record.tags) },
    };
  }

  async #owner({ path, inlinePolicies, attachedPolicies }: PolicyOwner): Promise<Pick<Subject, 'single' | 'entries'>> {
    const arns = await Promise.all(attachedPolicies.map((id) => this.#arnOf(id)));
    const policies = inlinePolicies.map(({ name, document }) => [name, JSON.parse(document) as Json]);
    const attached = arns.flatMap((arn) => (arn === null ? [] : [[arn, true]]));
    return {
      single: { path },
      entries: { policies: Object.fromEntries(policies), attached: Object.fromEntries(attached) },
    };
  }

  async #arnOf(policyId: string | null): Promise<string | null> {
    return policyId === null ? null : ((await this.#store.get('policy', policyId))?.record.arn ?? null);
  }
}

function policySubject(record: ManagedPolicyRecord): Subject {
  const document = JSON.parse(defaultDocument(record).document) as Json;
  const entries = { tags: tagEntries(record.tags) };
  return { kind: 'policy', name: record.name, single: { path: record.path, document }, entries };
}

function providerSubject({ issuer, clientIds, tags }: OidcProviderRecord): Subject {
  const known = Object.fromEntries(clientIds.map((id) => [id, true]));
  return { kind: 'provider', name: issuer, single: {}, entries: { clientIds: known, tags: tagEntries(tags) } };
}

/** What holds only by default or by a tag is not there yet: what is declared stands by itself. */
function secretSubject({ rotation }: SecretRecord, name: string): Subject {
  if (rotation === null) return { kind: 'secret', name, single: { enabled: false }, entries: {} };
  const { enabled, functionArn: rotator, rule, explicit } = rotation;
  const single = { enabled, rotator, rule: rule as Json, ...(explicit as Readonly<Record<string, Json>> | undefined) };
  return { kind: 'secret', name, single, entries: {} };
}

function tagEntries(tags: readonly Tag[]): Readonly<Record<string, string>> {
  return Object.fromEntries(tags.map(({ key, value }) => [key, value]));
}

function named<T>(
  section: ReadonlyMap<string, unknown> | undefined,
  read: (name: string) => Promise<T>,
): readonly Promise<T>[] {
  return [...(section?.keys() ?? [])].map(read);
}
