import { hash } from 'node:crypto';
import type {
  AccessKeyRecord,
  AccessUseRecord,
  GroupRecord,
  ManagedPolicyRecord,
  OidcProviderRecord,
  RoleRecord,
  RotationRecord,
  SecretRecord,
  SecretRotation,
  SecretValue,
  UserRecord,
} from '@rekey/core';
import type { BreachRecord } from './breach-record.ts';
import type { FingerprintRecord } from './fingerprint-record.ts';
import { Lru } from './lru.ts';
import { turnIndex } from './turn-index.ts';

/** Everything rekey keeps, by collection. A new kind of record is a line here and one in {@link INDEXES}. */
export interface Collections {
  /** By {@link SecretRecord.id}. */
  secret: SecretRecord;
  /** Unique names: by `store.opaque(name)`. */
  name: { readonly secretId: string };
  /** By `<secret id>/<version id>`. */
  value: SecretValue;
  /** Where a text stood in values, by its keyed hash; written by the Store with each value. */
  fingerprint: FingerprintRecord;
  /** By {@link RotationRecord.id}. */
  rotation: RotationRecord;
  /** By `<secret id>/<opaque holder key>`. */
  holder: HolderRecord;
  /** Who held a version and has moved on: by `<secret id>/<version id>/<opaque holder key>`. */
  holding: HoldingRecord;
  /** Reported breaches, and what became of them. */
  breach: BreachRecord;
  /** By time-ordered id. */
  outbox: OutboxRecord;
  /** By opaque target name: what has been proven about a target. */
  target: TargetRecord;
  /** Whether the target still accepts the current value; by secret id. */
  drift: DriftRecord;
  /** Logins that count towards a target's lock-out limit; by opaque account. */
  login: LoginRecord;
  /** Alert conditions that stand, so that each is told once and its end is told too; by opaque key. */
  alert: AlertRecord;
  /** Single records by their own name (`audit-head`, `quarantine`, `root`, …). */
  setting: Readonly<Record<string, unknown>>;
  /** By unique id (`AIDA…`), as all that have names; their names are in `access-name`. */
  user: UserRecord;
  /** By unique id (`AGPA…`). */
  group: GroupRecord;
  /** By unique id (`AROA…`). */
  role: RoleRecord;
  /** Managed policies, by unique id (`ANPA…`). */
  policy: ManagedPolicyRecord;
  /** By `store.opaque('oidc-provider', url)`. */
  'oidc-provider': OidcProviderRecord;
  /** By access key id (`AKIA…`). */
  'access-key': AccessKeyRecord;
  /** When an access key or role was last used, by its id. */
  'access-use': AccessUseRecord;
  /** Names of users, groups, roles and policies: by `store.opaque(kind, name in lower case)`. */
  'access-name': { readonly id: string };
  /** Who is in a group, or has a policy: by `<id of group or policy>/<kind>/<id of principal>`. */
  'access-link': AccessLink;
}
export type CollectionName = keyof Collections;

/**
 * Who was seen using which version. Written in batches, at most a second of them is lost in a crash. What is optional is
 * absent from records of before holders acknowledged.
 */
export interface HolderRecord {
  readonly secretId: string;
  /** ARN of the principal. */
  readonly principal: string;
  readonly accessKeyId: string | null;
  readonly address: string;
  readonly userAgent: string | null;
  /** What the holder calls itself, so that many behind one access key and address are many; null for one that only reads. */
  readonly instance?: string | null;
  /** `acknowledged`: it says itself which version it uses. */
  readonly signal?: 'read' | 'acknowledged';
  readonly versionId: string;
  readonly firstSeenAt: number;
  readonly lastSeenAt: number;
  /** When this version was first seen with the holder. */
  readonly versionSince: number;
  /** Reads or acknowledgements. */
  readonly reads: number;
  /**
   * The longest pause between two sightings of late, in milliseconds: rises at once, falls slowly. Null after a single one.
   */
  readonly interval: number | null;
  /** Times it was seen, sightings in quick succession counted as one. */
  readonly sightings?: number;
  /** How often it says that it comes by, in milliseconds; null where it does not say. */
  readonly every?: number | null;
}

/** One holder's time with one version. */
export interface HoldingRecord
  extends Pick<HolderRecord, 'secretId' | 'principal' | 'accessKeyId' | 'address' | 'userAgent' | 'versionId'> {
  readonly firstSeenAt: number;
  readonly lastSeenAt: number;
}

/** A message that must leave the house: retried until it is taken or given up. */
export interface OutboxRecord {
  readonly id: string;
  /** Name of the sender that carries it (`webhook:<url id>`, `standard-error`). */
  readonly sender: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly createdAt: number;
  readonly attempts: number;
  readonly nextAttemptAt: number;
  readonly lastError: string | null;
}

export interface TargetRecord {
  readonly target: string;
  /** When a random password was seen refused. */
  readonly checksPasswordsAt: number | null;
}

/** What the last look at a target said of the current value. */
export interface DriftRecord {
  readonly secretId: string;
  readonly state: 'in-sync' | 'drifted' | 'unknown';
  /** The version that was current then; of another one nothing is known yet. */
  readonly versionId: string;
  /** When it was last tried, whatever came of it. */
  readonly lookedAt: number;
  /** When the state began. */
  readonly since: number;
  /** One sentence; never a value. */
  readonly reason: string;
}

/** Logins of one account that were refused, or of which nobody knows. */
export interface LoginRecord {
  /** When each was counted, oldest first. */
  readonly countedAt: readonly number[];
  /** The restore after which this is all that is known; left out where nothing was lost. Milliseconds since the epoch. */
  readonly since?: number;
}

export interface AlertRecord {
  readonly condition: string;
  readonly secretId: string | null;
  readonly since: number;
  readonly text: string;
}

/** The other direction of what a user, group or role says itself, for listings. */
export interface AccessLink {
  readonly kind: 'member' | 'attachment' | 'boundary';
  readonly of: 'user' | 'group' | 'role';
  readonly id: string;
}

/** Sorts numbers as text: 16 digits, zero-padded. Times are milliseconds since the epoch. */
export function sortable(milliseconds: number): string {
  return String(Math.max(0, Math.floor(milliseconds))).padStart(16, '0');
}

type IndexOf<K extends CollectionName> = (record: Collections[K]) => Readonly<Record<string, string>>;

/**
 * What a driver may sort by, per collection. Only times, ids and states: nothing a stolen store file should not tell.
 */
export const INDEXES: { readonly [K in CollectionName]: IndexOf<K> } = {
  secret: secretIndex,
  name: () => ({}),
  value: () => ({}),
  fingerprint: ({ places }) => ({ seen: sortable(places.at(-1)?.at ?? 0) }),
  rotation: (rotation) => ({
    ...turnIndex(rotation, sortable),
    secret: `${rotation.secretId}/${sortable(rotation.number)}`,
    ...(rotation.nextAttemptAt === null ? null : { next: sortable(rotation.nextAttemptAt) }),
    ...(rotation.state === 'blocked' ? { blocked: sortable(rotation.createdAt) } : null),
  }),
  holder: (holder) => ({ secret: `${holder.secretId}/${sortable(holder.lastSeenAt)}` }),
  holding: ({ secretId, lastSeenAt }) => ({
    secret: `${secretId}/${sortable(lastSeenAt)}`,
    last: sortable(lastSeenAt),
  }),
  breach: ({ createdAt, nextLookAt, state, cases }) => ({
    created: sortable(createdAt),
    ...(nextLookAt === null ? {} : { next: sortable(nextLookAt) }),
    ...(state === 'done' ? { [cases.length === 0 ? 'unmatched' : 'over']: sortable(createdAt) } : {}),
  }),
  outbox: (message) => ({ next: sortable(message.nextAttemptAt) }),
  target: () => ({}),
  drift: ({ state, since }): Readonly<Record<string, string>> =>
    state === 'drifted' ? { drifted: sortable(since) } : {},
  login: () => ({}),
  alert: (alert) => ({ since: sortable(alert.since) }),
  setting: () => ({}),
  user: ({ createdAt }) => ({ created: sortable(createdAt) }),
  group: ({ createdAt }) => ({ created: sortable(createdAt) }),
  role: ({ createdAt }) => ({ created: sortable(createdAt) }),
  policy: ({ createdAt }) => ({ created: sortable(createdAt) }),
  'oidc-provider': ({ createdAt }) => ({ created: sortable(createdAt) }),
  'access-key': () => ({}),
  'access-use': () => ({}),
  'access-name': () => ({}),
  'access-link': () => ({}),
};

/**
 * Where in a period a secret has its turn: a place that never changes and is spread evenly over all secrets, so that a
 * few can be looked at every minute without a scan. Twelve hexadecimal digits, of a circle that begins at zero.
 */
export function phaseOf(secretId: string): string {
  const known = phases.get(secretId);
  if (known !== undefined) return known;
  const phase = hash('sha256', `phase ${secretId}`, 'hex').slice(0, 12);
  phases.set(secretId, phase, 1);
  return phase;
}

/** Each write of a secret's record asks for it, a dozen of them in one rotation. */
const phases = new Lru<string>({ entries: 20_000, size: 20_000 });

function secretIndex({ id, createdAt, deletedAt, purgeAt, rotation }: SecretRecord): Readonly<Record<string, string>> {
  const index: Record<string, string> = { created: sortable(createdAt) };
  if (deletedAt === null && rotation?.functionArn != null) index.phase = phaseOf(id);
  if (purgeAt !== null) index.purge = sortable(purgeAt);
  return deletedAt === null && rotation?.enabled ? withTimes(index, rotation) : index;
}

/** While a rotation is at work nothing is planned, yet its deadline stands: that is how being overdue is noticed. */
function withTimes(index: Record<string, string>, { plannedAt, postponed, deadlineAt }: SecretRotation) {
  if (plannedAt !== null) index.planned = sortable(plannedAt);
  if (plannedAt !== null && postponed != null) index.postponed = sortable(plannedAt);
  if (deadlineAt !== null) index.deadline = sortable(deadlineAt);
  return index;
}
