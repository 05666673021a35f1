import {
  type Caller,
  CURRENT,
  type ErrorCode,
  RekeyError,
  type SecretRecord,
  type SecretValue,
  type VersionRecord,
} from '@rekey/core';
import { adminNamedIn } from '../engine/admin-named.ts';
import { findLabelled, findVersion } from '../engine/versions.ts';
import { soon } from '../store/soon.ts';
import { mayUseAdmin } from './admin-credential.ts';
import { translateLabel } from './aws-labels.ts';
import { type LabelMove, moveLabel } from './label-move.ts';
import { regionOf } from './names.ts';
import { NextTokens } from './next-token.ts';
import type { ServiceParts } from './parts.ts';
import { labelNotFound, labelNotOnVersion, markedForDeletion, versionNotFound } from './refusals.ts';
import type { SecretChanges } from './secret-change.ts';
import { SecretList, type SecretQuery } from './secret-list.ts';
import type { Ask, UseCases } from './use-case.ts';
import { placeValue } from './value-placement.ts';
import { type VersionPage, type VersionQuery, versionPage } from './version-list.ts';

/** Which version of a secret: by id, by label, by both (they must agree), or *current* by neither. */
export interface VersionChoice {
  readonly secretId: string;
  readonly versionId?: string | undefined;
  readonly label?: string | undefined;
}

/** A value as it is handed out. */
export interface ReadValue {
  readonly secret: SecretRecord;
  readonly version: VersionRecord;
  readonly value: SecretValue;
}

export interface PutValue {
  readonly secretId: string;
  /** Id of the new version; the same id with the same value again is the same put. 32 to 64 characters. */
  readonly versionId: string;
  readonly value: SecretValue;
  /** Labels to attach; *current* if left out. */
  readonly labels?: readonly string[] | undefined;
}

/** A version of a secret as it is after a change. */
export interface ChangedVersion {
  readonly secret: SecretRecord;
  readonly version: VersionRecord;
}

/** One secret of a batch: its value, or why there is none. */
export type BatchItem =
  | { readonly secretId: string; readonly read: ReadValue }
  | { readonly secretId: string; readonly error: RekeyError };

/** Failures that are no answer about one secret: they fail the whole batch. */
const OUR_FAULT: ReadonlySet<ErrorCode> = new Set(['unavailable', 'storage-full', 'integrity', 'bug', 'conflict']);

const BATCH = 'secretsmanager:BatchGetSecretValue';
const PUT = 'secretsmanager:PutSecretValue';
const READ = 'secretsmanager:GetSecretValue';

/** Use cases about values and their labels. */
export class Values {
  readonly #parts: ServiceParts;
  readonly #cases: UseCases;
  readonly #changes: SecretChanges;
  readonly #list: SecretList;
  readonly #tokens: NextTokens;

  constructor(parts: ServiceParts, cases: UseCases, changes: SecretChanges) {
    this.#parts = parts;
    this.#cases = cases;
    this.#changes = changes;
    this.#list = new SecretList(parts.store, parts.region);
    this.#tokens = new NextTokens(parts.store.keyring);
  }

  /** Hands out a value, and remembers who holds it from now on. */
  get(caller: Caller, choice: VersionChoice): Promise<ReadValue> {
    const { secretId, versionId, label } = choice;
    const keys = choiceKeys(versionId, label);
    return this.#cases.onSecret(
      { caller, action: READ, secretId, keys, alsoReplicas: true },
      ({ record: secret }, trail) => {
        const version = chooseVersion(alive(secret), choice);
        trail.versionId = version.id;
        const deliver = (value: SecretValue | null): ReadValue => {
          if (value === null) throw notFound(choice);
          this.#parts.holders.saw(caller, secret.id, version.id);
          return { secret, version, value };
        };
        return soon(version.hasValue ? this.#parts.store.getValue(secret.id, version.id) : null, deliver);
      },
    );
  }

  put(caller: Caller, put: PutValue): Promise<ChangedVersion> {
    const { secretId, versionId, value, labels = [CURRENT] } = put;
    return this.#cases.onSecret({ caller, action: PUT, secretId }, async ({ id }, trail) => {
      trail.versionId = versionId;
      await mayUseAdmin(this.#cases, caller, adminNamedIn(value));
      return this.#changes.change(id, async (secret) => {
        const placed = await placeValue(
          this.#parts,
          alive(secret),
          { versionId, value, labels },
          this.#parts.clock.now(),
        );
        return { ...placed, answer: { secret: placed.secret, version: findVersion(placed.secret, versionId)! } };
      });
    });
  }

  /** The versions of a secret by page, oldest first. */
  listVersions(caller: Caller, query: VersionQuery): Promise<VersionPage & { readonly secret: SecretRecord }> {
    const ask = {
      caller,
      action: 'secretsmanager:ListSecretVersionIds',
      secretId: query.secretId,
      alsoReplicas: true,
    };
    return this.#cases.onSecret(ask, ({ record: secret }) => ({
      secret,
      ...versionPage(secret, query, this.#tokens),
    }));
  }

  /**
   * Attaches a label to a version, or takes it off. *Current* moved by the function of a rotation at work is that
   * rotation's promotion.
   */
  moveLabel(caller: Caller, move: LabelMove & { readonly secretId: string }): Promise<SecretRecord> {
    const action = 'secretsmanager:UpdateSecretVersionStage';
    const keys = { 'secretsmanager:VersionStage': translateLabel(move.label) };
    return this.#cases.onSecret({ caller, action, secretId: move.secretId, keys }, async ({ id, record }, trail) => {
      trail.versionId = move.to ?? move.from ?? null;
      const isNew = moveLabel(alive(record), move, this.#parts.clock.now()) !== record;
      const promotes = isNew && move.label === CURRENT && move.to !== undefined;
      if (promotes && (await this.#parts.rotations.promote(id, move.to!))) return record;
      return this.#changes.change(id, (secret) => {
        const moved = moveLabel(alive(secret), move, this.#parts.clock.now());
        return { secret: moved, answer: moved };
      });
    });
  }

  /** As many as can be had: what fails of one secret is told beside the values of the others. */
  getEach(caller: Caller, secretIds: readonly string[]): Promise<readonly BatchItem[]> {
    const ask = { caller, action: BATCH, name: '*' };
    return this.#cases.onName(ask, () => Promise.all(secretIds.map((secretId) => this.#try(caller, secretId))));
  }

  /** As {@link getEach}, of one page of a listing. */
  getListed(
    caller: Caller,
    query: Pick<SecretQuery, 'filters' | 'limit' | 'nextToken'>,
  ): Promise<{ readonly items: readonly BatchItem[]; readonly nextToken: string | null }> {
    const ask = { caller, action: BATCH, alsoNeeds: ['secretsmanager:ListSecrets'], name: '*' };
    return this.#cases.onName(ask, async () => {
      const listing = { ...query, includeDeleted: false, sortBy: 'created', descending: false } as const;
      const { secrets, nextToken } = await this.#list.page(
        'BatchGetSecretValue',
        listing,
        regionOf(caller, this.#parts),
      );
      const items = await Promise.all(secrets.map(({ arn }) => this.#try(caller, arn)));
      return { items, nextToken };
    });
  }

  async #try(caller: Caller, secretId: string): Promise<BatchItem> {
    try {
      return { secretId, read: await this.get(caller, { secretId }) };
    } catch (error) {
      if (error instanceof RekeyError && !OUR_FAULT.has(error.code)) return { secretId, error };
      throw error;
    }
  }
}

/** In the words that policies use. Who names neither version nor label asks for the current one. */
function choiceKeys(versionId: string | undefined, label: string | undefined): NonNullable<Ask['keys']> {
  if (versionId === undefined) return { 'secretsmanager:VersionStage': translateLabel(label ?? CURRENT) };
  const named = { 'secretsmanager:VersionId': versionId };
  return label === undefined ? named : { ...named, 'secretsmanager:VersionStage': translateLabel(label) };
}

function alive(secret: SecretRecord): SecretRecord {
  if (secret.deletedAt !== null) throw markedForDeletion(secret.name);
  return secret;
}

function chooseVersion(secret: SecretRecord, choice: VersionChoice): VersionRecord {
  const { versionId, label } = choice;
  const version = versionId === undefined ? findLabelled(secret, label ?? CURRENT) : findVersion(secret, versionId);
  if (version === null) throw notFound(choice);
  if (versionId !== undefined && label !== undefined && !version.labels.includes(label))
    throw labelNotOnVersion(label, versionId);
  return version;
}

function notFound({ versionId, label }: VersionChoice) {
  return versionId === undefined ? labelNotFound(label ?? CURRENT) : versionNotFound(versionId);
}
