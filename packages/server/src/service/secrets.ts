import { type Caller, CURRENT, type SecretRecord, type SecretValue, type Tag, type VersionRecord } from '@rekey/core';
import { adminNamedIn } from '../engine/admin-named.ts';
import { findVersion } from '../engine/versions.ts';
import type { Entry } from '../store/store.ts';
import { mayUseAdmin } from './admin-credential.ts';
import { createSecret, type NewSecret } from './creation.ts';
import { type DeletionWish, markForDeletion, removal, restored } from './deletion.ts';
import { type ArnPlace, makeSecretArn, regionOf } from './names.ts';
import type { ServiceParts } from './parts.ts';
import { markedForDeletion, secretNotFound } from './refusals.ts';
import { replicaKeys } from './replicas.ts';
import { retagged } from './rotation-settings.ts';
import type { SecretChange, SecretChanges } from './secret-change.ts';
import { SecretList, type SecretPage, type SecretQuery } from './secret-list.ts';
import { concernRotation, withoutTags, withTags } from './tags.ts';
import type { Ask, Trail, UseCases } from './use-case.ts';
import { placeValue } from './value-placement.ts';

/** What to change on a secret; what is left out stays. */
export interface SecretUpdate {
  readonly secretId: string;
  /** Empty takes it away. */
  readonly description?: string | undefined;
  readonly kmsKeyId?: string | undefined;
  readonly type?: string | undefined;
  /** A new *current* value. */
  readonly value?: { readonly versionId: string; readonly value: SecretValue } | undefined;
}

/** A secret after a change, and the version the change made; null if it made none. */
export interface ChangedSecret {
  readonly secret: SecretRecord;
  readonly version: VersionRecord | null;
}

/** What a deletion answers, also about a secret that never was. */
export interface Deletion {
  readonly name: string;
  readonly arn: string;
  /** When it is, or was, gone for good. */
  readonly purgeAt: number;
}

const CONFIGURE = ['rekey:ConfigureRotation'];

/** Use cases about secrets as such: everything but their values and their rotation. */
export class Secrets {
  readonly #parts: ServiceParts;
  readonly #cases: UseCases;
  readonly #changes: SecretChanges;
  readonly #list: SecretList;

  constructor(parts: ServiceParts, cases: UseCases, changes: SecretChanges) {
    this.#parts = parts;
    this.#cases = cases;
    this.#changes = changes;
    this.#list = new SecretList(parts.store, parts.region);
  }

  create(caller: Caller, wish: NewSecret): Promise<ChangedSecret> {
    const ask = { caller, action: 'secretsmanager:CreateSecret', name: wish.name, ...needsToCreate(wish) };
    return this.#cases.onName(ask, async (trail) => {
      if (wish.value !== undefined) await mayUseAdmin(this.#cases, caller, adminNamedIn(wish.value.value));
      const secret = await createSecret(this.#parts, wish, regionOf(caller, this.#parts));
      trail.resource = secret.arn;
      trail.versionId = wish.value?.versionId ?? null;
      return { secret, version: wish.value === undefined ? null : findVersion(secret, wish.value.versionId) };
    });
  }

  describe(caller: Caller, secretId: string): Promise<SecretRecord> {
    const action = 'secretsmanager:DescribeSecret';
    return this.#cases.onSecret({ caller, action, secretId, alsoReplicas: true }, ({ record }) => record);
  }

  list(caller: Caller, query: SecretQuery): Promise<SecretPage> {
    const ask = { caller, action: 'secretsmanager:ListSecrets', name: '*' };
    return this.#cases.onName(ask, () => this.#list.page('ListSecrets', query, regionOf(caller, this.#parts)));
  }

  update(caller: Caller, update: SecretUpdate): Promise<ChangedSecret> {
    const keys = metadataKeys(update);
    const ask = { caller, action: 'secretsmanager:UpdateSecret', secretId: update.secretId, keys };
    return this.#change(ask, async (secret, trail) => {
      if (update.value !== undefined) await mayUseAdmin(this.#cases, caller, adminNamedIn(update.value.value));
      const now = this.#parts.clock.now();
      const described = withMetadata(secret, update, now);
      if (update.value === undefined) return { secret: described, answer: { secret: described, version: null } };
      const { versionId, value } = update.value;
      trail.versionId = versionId;
      const placed = await placeValue(this.#parts, described, { versionId, value, labels: [CURRENT] }, now);
      return { ...placed, answer: { secret: placed.secret, version: findVersion(placed.secret, versionId) } };
    });
  }

  tag(caller: Caller, secretId: string, tags: readonly Tag[]): Promise<SecretRecord> {
    const ask = { caller, action: 'secretsmanager:TagResource', secretId, ...needsToTag(tags) };
    return this.#retag(ask, (secret) => withTags(secret.tags, tags));
  }

  untag(caller: Caller, secretId: string, keys: readonly string[]): Promise<SecretRecord> {
    const ask = { caller, action: 'secretsmanager:UntagResource', secretId, ...needsFor(keys) };
    return this.#retag(ask, (secret) => withoutTags(secret.tags, keys));
  }

  /** Marks for deletion, or removes at once; removing what does not exist at once is done already. */
  delete(caller: Caller, secretId: string, wish: DeletionWish): Promise<Deletion> {
    const ask = { caller, action: 'secretsmanager:DeleteSecret', secretId, keys: keysOf(wish) };
    return this.#cases.onSecretIfAny(ask, (found) => {
      if (wish.force) return this.#remove(caller, secretId, found);
      if (found === null) throw secretNotFound(secretId);
      return this.#changes.change(found.id, (secret) => {
        const marked = markForDeletion(secret, wish, this.#parts.clock.now());
        return { secret: marked, answer: { name: marked.name, arn: marked.arn, purgeAt: marked.purgeAt! } };
      });
    });
  }

  restore(caller: Caller, secretId: string): Promise<SecretRecord> {
    const action = 'secretsmanager:RestoreSecret';
    return this.#cases.onSecret({ caller, action, secretId }, ({ id }) =>
      this.#changes.change(id, (secret) => {
        const alive = restored(secret, this.#parts.clock.now());
        return { secret: alive, answer: alive };
      }),
    );
  }

  async #remove(caller: Caller, secretId: string, found: Entry<SecretRecord> | null): Promise<Deletion> {
    const purgeAt = this.#parts.clock.now();
    if (found === null) {
      const { account, random } = this.#parts;
      return { ...madeUp(secretId, { region: regionOf(caller, this.#parts), account }, random), purgeAt };
    }
    const { name, arn } = found.record;
    await this.#changes.change(found.id, (secret) => removal(this.#parts.store, secret));
    return { name, arn, purgeAt };
  }

  #retag(
    ask: Ask & { readonly secretId: string },
    tagsOf: (secret: SecretRecord) => SecretRecord['tags'],
  ): Promise<SecretRecord> {
    return this.#change(ask, (secret) => {
      const changed = { ...retagged(secret, tagsOf(secret)), changedAt: this.#parts.clock.now() };
      return { secret: changed, answer: changed };
    });
  }

  #change<T>(
    ask: Ask & { readonly secretId: string },
    decide: (secret: SecretRecord, trail: Trail) => SecretChange<T> | Promise<SecretChange<T>>,
  ): Promise<T> {
    return this.#cases.onSecret(ask, ({ id }, trail) =>
      this.#changes.change(id, (secret) => {
        if (secret.deletedAt !== null) throw markedForDeletion(secret.name);
        return decide(secret, trail);
      }),
    );
  }
}

/** Settings travel as tags, but need a permission of their own. */
function needsFor(tagKeys: readonly string[]): Pick<Ask, 'alsoNeeds' | 'keys'> {
  const keys = { 'aws:TagKeys': tagKeys };
  return concernRotation(tagKeys) ? { alsoNeeds: CONFIGURE, keys } : { keys };
}

function needsToTag(tags: readonly Tag[]): Pick<Ask, 'alsoNeeds' | 'keys'> {
  const requested = tags.map(({ key, value }) => [`aws:RequestTag/${key}`, value] as const);
  const needs = needsFor(tags.map(({ key }) => key));
  return { ...needs, keys: { ...needs.keys, ...Object.fromEntries(requested) } };
}

/** Tags and replicas of a new secret need the actions that it takes to give them later (AWS). */
function needsToCreate(wish: NewSecret): Pick<Ask, 'alsoNeeds' | 'keys'> {
  const { name, tags = [], replicas } = wish;
  const { alsoNeeds = [], keys } = tags.length === 0 ? {} : needsToTag(tags);
  return {
    alsoNeeds: [
      ...(tags.length === 0 ? [] : ['secretsmanager:TagResource']),
      ...alsoNeeds,
      ...(replicas === undefined ? [] : ['secretsmanager:ReplicateSecretToRegions']),
    ],
    keys: {
      'secretsmanager:Name': name,
      ...metadataKeys(wish),
      ...keys,
      ...(replicas === undefined ? {} : replicaKeys(replicas)),
    },
  };
}

function metadataKeys(wish: Pick<NewSecret, 'description' | 'kmsKeyId' | 'type'>): NonNullable<Ask['keys']> {
  const { description, kmsKeyId, type } = wish;
  return {
    ...(description === undefined ? {} : { 'secretsmanager:Description': description }),
    ...(kmsKeyId === undefined ? {} : { 'secretsmanager:KmsKeyId': kmsKeyId }),
    ...(type === undefined ? {} : { 'secretsmanager:Type': type }),
  };
}

function keysOf({ force, windowDays }: DeletionWish): NonNullable<Ask['keys']> {
  return {
    'secretsmanager:ForceDeleteWithoutRecovery': String(force),
    ...(windowDays === undefined ? {} : { 'secretsmanager:RecoveryWindowInDays': String(windowDays) }),
  };
}

function withMetadata(secret: SecretRecord, update: SecretUpdate, now: number): SecretRecord {
  const { description, kmsKeyId, type } = update;
  return {
    ...secret,
    description: description === undefined ? secret.description : description || null,
    kmsKeyId: kmsKeyId === undefined ? secret.kmsKeyId : kmsKeyId || null,
    type: type === undefined ? secret.type : type || null,
    changedAt: now,
  };
}

/** AWS answers the removal of a secret that never was with an ARN like any other. */
function madeUp(secretId: string, place: ArnPlace, random: ServiceParts['random']): { name: string; arn: string } {
  if (!secretId.startsWith('arn:')) return { name: secretId, arn: makeSecretArn(secretId, place, random) };
  return { name: secretId.replace(/^(?:[^:]*:){6}/, '').replace(/-[A-Za-z0-9]{6}$/, ''), arn: secretId };
}
