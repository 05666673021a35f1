import { type Caller, RekeyError, type Tag } from '@rekey/core';
import type { Store } from '../../store/store.ts';
import type { Access } from '../access/access.ts';
import { makeArn, makeProviderArn, type OwnerKind } from '../access/identifiers.ts';
import { MOST_VERSIONS } from '../access/limits.ts';
import { AccessRecords } from '../access/records.ts';
import type { TaggedKind } from '../access/tags.ts';
import type { RotationCases } from '../rotation.ts';
import type { Declaration, Json } from './declaration.ts';
import type { Change, Detail } from './difference.ts';

/** The use cases that make the changes, over the store in which they are made. */
export interface ChangeParts {
  readonly access: Access;
  readonly rotation: Pick<RotationCases, 'configure'>;
  readonly store: Store;
  readonly account: string;
}

const DEFAULT_SESSION = 3600;

/**
 * Carries out changes by the use cases that anybody would use for each: so each is permitted, validated and audited as
 * if it had been asked for by itself.
 */
export class SingleChanges {
  readonly #parts: ChangeParts;
  readonly #records: AccessRecords;
  readonly #caller: Caller;

  constructor(parts: ChangeParts, caller: Caller) {
    this.#parts = parts;
    this.#records = new AccessRecords(parts.store);
    this.#caller = caller;
  }

  async make(change: Change, { secrets }: Declaration): Promise<void> {
    const { kind, name } = change;
    if (kind === 'secret') await this.#parts.rotation.configure(this.#caller, name, secrets?.get(name) ?? {});
    else if (kind === 'policy') await this.#policy(change);
    else if (kind === 'provider') await this.#provider(change);
    else await this.#owner(kind, change);
  }

  async #policy({ action, name, details }: Change): Promise<void> {
    const { policies } = this.#parts.access;
    const document = textOf(singleOf(details, 'document'));
    if (action === 'create') {
      const wish = { name, path: pathIn(details), document, tags: tagsIn(details) };
      await policies.create(this.#caller, wish);
      return;
    }
    refuseMove(action, 'policy', name, details);
    const arn =
      (await this.#records.findByName('policy', name))?.record.arn ?? makeArn(this.#parts.account, 'policy', '/', name);
    if (action === 'delete') return this.#deletePolicy(arn);
    if (hasMember(details, 'document')) {
      await this.#makeRoom(arn);
      await policies.createVersion(this.#caller, arn, { document, isDefault: true });
    }
    await this.#retag('policy', arn, details);
  }

  async #deletePolicy(arn: string): Promise<void> {
    const { policies } = this.#parts.access;
    for (const version of await this.#otherVersions(arn)) await policies.deleteVersion(this.#caller, arn, version);
    await policies.delete(this.#caller, arn);
  }

  /** Of five versions the oldest that does not count goes. */
  async #makeRoom(arn: string): Promise<void> {
    const others = await this.#otherVersions(arn);
    const [oldest] = others;
    if (oldest === undefined || others.length + 1 < MOST_VERSIONS) return;
    await this.#parts.access.policies.deleteVersion(this.#caller, arn, oldest);
  }

  async #otherVersions(arn: string): Promise<readonly string[]> {
    const found = await this.#records.findByArn('policy', arn);
    const { versions = [], defaultVersion } = found?.record ?? {};
    return versions.map(({ id }) => id).filter((id) => id !== defaultVersion);
  }

  async #provider({ action, name: url, details }: Change): Promise<void> {
    const { providers } = this.#parts.access;
    const clientIds = details.filter(({ member }) => member === 'clientIds');
    if (action === 'create') {
      const wish = { url, clientIds: entriesOf(clientIds), thumbprints: [], tags: tagsIn(details) };
      await providers.create(this.#caller, wish);
      return;
    }
    const arn = makeProviderArn(this.#parts.account, url.replace(/^https?:\/\//, ''));
    if (action === 'delete') return providers.delete(this.#caller, arn);
    for (const { entry, after } of clientIds)
      if (after === undefined) await providers.removeClientId(this.#caller, arn, entry ?? '');
      else await providers.addClientId(this.#caller, arn, entry ?? '');
    await this.#retag('oidc-provider', arn, details);
  }

  async #owner(kind: OwnerKind, change: Change): Promise<void> {
    const { action, name, details } = change;
    if (action === 'create') await this.#createOwner(kind, name, details);
    if (action === 'change') await this.#changeOwner(kind, name, details);
    for (const detail of details) await this.#givePolicy(kind, name, detail);
    for (const detail of details) await this.#join(name, detail);
    if (action === 'delete') await this.#deleteOwner(kind, name);
  }

  async #createOwner(kind: OwnerKind, name: string, details: readonly Detail[]): Promise<void> {
    const { users, groups, roles } = this.#parts.access;
    const [path, tags, bound] = [pathIn(details), tagsIn(details), singleOf(details, 'boundary')];
    const boundary = typeof bound === 'string' ? bound : undefined;
    if (kind === 'group') await groups.create(this.#caller, { name, path });
    else if (kind === 'user') await users.create(this.#caller, { name, path, tags, boundary });
    else {
      const maxSessionDuration = Number(singleOf(details, 'maxSession') ?? DEFAULT_SESSION);
      const description = String(singleOf(details, 'description') ?? '');
      const trust = textOf(singleOf(details, 'trust'));
      await roles.create(this.#caller, { name, path, trust, description, maxSessionDuration, tags, boundary });
    }
  }

  async #changeOwner(kind: OwnerKind, name: string, details: readonly Detail[]): Promise<void> {
    const { users, groups } = this.#parts.access;
    if (kind === 'role') refuseMove('change', 'role', name, details);
    else if (hasMember(details, 'path'))
      await (kind === 'user' ? users : groups).move(this.#caller, name, { path: pathIn(details) });
    if (kind === 'role') await this.#changeRole(name, details);
    if (kind === 'group') return;
    await this.#bound(kind, name, details);
    await this.#retag(kind, name, details);
  }

  async #changeRole(name: string, details: readonly Detail[]): Promise<void> {
    const { roles } = this.#parts.access;
    const [description, session] = [singleOf(details, 'description'), singleOf(details, 'maxSession')];
    if (description !== undefined || session !== undefined)
      await roles.update(this.#caller, name, {
        ...(description === undefined ? {} : { description: String(description) }),
        ...(session === undefined ? {} : { maxSessionDuration: Number(session) }),
      });
    if (hasMember(details, 'trust')) await roles.setTrust(this.#caller, name, textOf(singleOf(details, 'trust')));
  }

  async #bound(kind: 'user' | 'role', name: string, details: readonly Detail[]): Promise<void> {
    const boundary = singleOf(details, 'boundary');
    if (boundary === undefined) return;
    const { boundaries } = this.#parts.access;
    if (boundary === null) await boundaries.remove(this.#caller, kind, name);
    else await boundaries.put(this.#caller, kind, name, String(boundary));
  }

  async #givePolicy(kind: OwnerKind, name: string, { member, entry, after }: Detail): Promise<void> {
    const { inline, attachments } = this.#parts.access;
    if (entry === null) return;
    if (member === 'policies' && after === undefined) await inline.delete(this.#caller, kind, name, entry);
    else if (member === 'policies')
      await inline.put(this.#caller, kind, name, { name: entry, document: textOf(after) });
    else if (member === 'attached' && after === undefined) await attachments.detach(this.#caller, kind, name, entry);
    else if (member === 'attached') await attachments.attach(this.#caller, kind, name, entry);
  }

  async #join(user: string, { member, entry, after }: Detail): Promise<void> {
    if (member !== 'groups' || entry === null) return;
    const { groups } = this.#parts.access;
    if (after === undefined) await groups.removeUser(this.#caller, entry, user);
    else await groups.addUser(this.#caller, entry, user);
  }

  async #deleteOwner(kind: OwnerKind, name: string): Promise<void> {
    const { users, groups, roles } = this.#parts.access;
    await { user: users, group: groups, role: roles }[kind].delete(this.#caller, name);
  }

  async #retag(kind: TaggedKind, named: string, details: readonly Detail[]): Promise<void> {
    const { tags } = this.#parts.access;
    const gone = details.filter(({ member, after }) => member === 'tags' && after === undefined);
    if (gone.length > 0) await tags.untag(this.#caller, kind, named, entriesOf(gone));
    const set = tagsIn(details);
    if (set.length > 0) await tags.tag(this.#caller, kind, named, set);
  }
}

function hasMember(details: readonly Detail[], sought: string): boolean {
  return details.some(({ member }) => member === sought);
}

/** What a member with one value shall be; undefined if it stays. */
function singleOf(details: readonly Detail[], sought: string): Json | undefined {
  return details.find(({ member, entry }) => member === sought && entry === null)?.after;
}

function pathIn(details: readonly Detail[]): string {
  return String(singleOf(details, 'path') ?? '/');
}

function tagsIn(details: readonly Detail[]): readonly Tag[] {
  return details.flatMap(({ member, entry, after }) =>
    member === 'tags' && entry !== null && after !== undefined ? [{ key: entry, value: String(after) }] : [],
  );
}

function entriesOf(details: readonly Detail[]): readonly string[] {
  return details.flatMap(({ entry }) => (entry === null ? [] : [entry]));
}

function textOf(document: Json | undefined): string {
  return JSON.stringify(document ?? null);
}

function refuseMove(action: Change['action'], kind: string, name: string, details: readonly Detail[]): void {
  if (action !== 'change' || !hasMember(details, 'path')) return;
  throw new RekeyError(
    'invalid-input',
    `The path of the ${kind} ${name} cannot be changed: it is part of its ARN; declare it under another name.`,
    { reason: 'unacceptable-input' },
  );
}
