import {
  CURRENT,
  PENDING,
  RekeyError,
  type RotationCause,
  type RotationOverride,
  type RotationRecord,
  type RotationSettings,
  type SecretRecord,
  type SecretRotation,
} from '@rekey/core';
import { checkSchedule, planned, unplanned } from '../schedule/plan-next.ts';
import { findLabelled, findVersion } from '../versions.ts';
import { isTemporary } from './cause.ts';
import { stagePending } from './pending-version.ts';
import { queueSentence } from './rotation.ts';

export interface BeginRequest {
  /** Id of the version to make (AWS: ClientRequestToken); null: one that was left pending, else a new one. */
  readonly versionId: string | null;
  readonly cause: RotationCause;
  /** ARN of the principal, or `schedule`. */
  readonly askedBy: string;
  /** Changes the configuration in the same commit. Pure: it may be called more than once. */
  readonly configure?: (rotation: SecretRotation | null) => SecretRotation;
  /** What does not hold it although it would. */
  readonly override?: RotationOverride;
  /** Settings of this rotation alone, before those of the secret. */
  readonly settings?: Partial<RotationSettings>;
}

export interface StartFacts {
  readonly now: number;
  /** Id for the record, should a new one be made. */
  readonly rotationId: string;
  /** Id for the version, should none be given or left. */
  readonly freshVersionId: string;
  /** The rotation at work, and the one queued behind it. */
  readonly active: RotationRecord | null;
  readonly queued: RotationRecord | null;
  /** Whether the store rotates nothing until a person has looked. */
  readonly quarantined?: boolean;
}

/** What becomes of a request to rotate. */
export type Start =
  /** The rotation asked for is there already, or one is at work that serves as well. */
  | { readonly start: 'joined'; readonly record: RotationRecord }
  | { readonly start: 'begun'; readonly secret: SecretRecord; readonly record: RotationRecord };

/**
 * Decides what a request to rotate comes to. Pure.
 *
 * @throws RekeyError `invalid-state`: `secret-marked-for-deletion`, `no-rotation-function`,
 *   `previous-rotation-incomplete` (pending sits on another version than the one asked for); `already-exists`:
 *   `version-id-in-use`; `invalid-input`: `interval-not-longer-than-overlap`
 */
export function startRotation(secret: SecretRecord, request: BeginRequest, facts: StartFacts): Start {
  if (secret.deletedAt !== null) throw markedForDeletion(secret);
  const joined = joinable(secret, request, facts);
  if (joined !== null) return { start: 'joined', record: joined };
  const rotation = configured(secret, request, facts.now);
  const versionId = versionFor(secret, request, facts);
  const inherited = findVersion(secret, versionId)?.hasValue ?? false;
  const begun = newRecord(secret, rotation, versionId, request, facts);
  const record = inherited ? { ...begun, inherited } : begun;
  const staged = stagePending(secret, versionId, facts.now);
  return { start: 'begun', record, secret: { ...staged, rotation: withBegun(rotation, record, facts) } };
}

/** The configuration after the request's change, checked; without one, as it is. */
function configured(
  secret: SecretRecord,
  { configure }: Pick<BeginRequest, 'configure'>,
  now: number,
): SecretRotation & { readonly functionArn: string } {
  const rotation = configure === undefined ? secret.rotation : planned(configure(secret.rotation), secret.id, now);
  if (rotation === null || rotation.functionArn === null)
    throw new RekeyError('invalid-state', `No rotation function is associated with ${secret.name}: name one first.`, {
      reason: 'no-rotation-function',
    });
  if (configure !== undefined) checkSchedule(rotation.rule, rotation.settings);
  return { ...rotation, functionArn: rotation.functionArn };
}

/** The rotation that a request means: the one it began before, or (no token named) the one that is at work anyway. */
function joinable(secret: SecretRecord, { versionId, cause }: BeginRequest, { active, queued }: StartFacts) {
  const isTest = isTemporary({ cause });
  if (versionId === null && !isTest && isStuckBefore(active, queued)) return active;
  const known = [active, queued].filter((record) => record !== null && isTemporary(record) === isTest);
  const pending = findLabelled(secret, PENDING)?.id;
  const meant = versionId ?? (isTest ? undefined : pending);
  return (
    known.find((record) => record?.versionId === meant && (versionId !== null || record?.promotedAt === null)) ?? null
  );
}

/** A test that waits behind a blocked rotation has the label pending until that is taken up: who asks means the blocked one. */
function isStuckBefore(active: RotationRecord | null, queued: RotationRecord | null): active is RotationRecord {
  return active?.state === 'blocked' && !isTemporary(active) && queued !== null && isTemporary(queued);
}

/**
 * The version to make. One that an earlier rotation left pending is taken up again, since its target may know it; one
 * that is only there to be tested, or is wanted for a test, is in the way.
 */
function versionFor(secret: SecretRecord, { versionId, cause }: BeginRequest, facts: StartFacts): string {
  const left = findLabelled(secret, PENDING);
  const leftover = left === null || left.labels.includes(CURRENT) ? null : left.id;
  const underTest = [facts.active, facts.queued].some(
    (record) => record !== null && isTemporary(record) && record.versionId === leftover,
  );
  const takenUp = leftover !== null && !isTemporary({ cause }) && !underTest && (versionId ?? leftover) === leftover;
  if (takenUp) return leftover;
  if (leftover !== null) throw incomplete(secret, leftover);
  if (versionId !== null && findVersion(secret, versionId) !== null)
    throw new RekeyError(
      'already-exists',
      `Version ${versionId} of ${secret.name} exists already: choose another id.`,
      { reason: 'version-id-in-use', facts: { versionId, arn: secret.arn } },
    );
  return versionId ?? facts.freshVersionId;
}

function incomplete(secret: SecretRecord, versionId: string): RekeyError {
  return new RekeyError(
    'invalid-state',
    `A previous rotation of ${secret.name} isn't complete: version ${versionId} is pending.`,
    { reason: 'previous-rotation-incomplete', facts: { versionId } },
  );
}

/** Who asks meanwhile is not refused, and told why nothing happens. */
const IN_QUARANTINE = 'Waits for the end of the quarantine after a restore: `rekey quarantine end`.';

/** The record of a rotation that is begun. */
export function newRecord(
  secret: SecretRecord,
  rotation: SecretRotation & { readonly functionArn: string },
  versionId: string,
  { cause, askedBy, override, settings }: Pick<BeginRequest, 'cause' | 'askedBy' | 'override' | 'settings'>,
  { now, rotationId, active, quarantined = false }: StartFacts,
): RotationRecord {
  return {
    id: rotationId,
    secretId: secret.id,
    secretName: secret.name,
    number: rotation.number + 1,
    cause,
    askedBy,
    functionArn: rotation.functionArn,
    settings: { ...rotation.settings, ...settings },
    state: 'due',
    doing: null,
    attempts: 0,
    nextAttemptAt: Math.max(now, active?.retireAt ?? now),
    waitingFor: quarantined ? IN_QUARANTINE : active === null ? null : queueSentence(active),
    lastErrorClass: null,
    lastError: null,
    versionId,
    previousVersionId: findLabelled(secret, CURRENT)?.id ?? null,
    strategy: null,
    createdAt: now,
    startedAt: null,
    setStartedAt: null,
    promotedAt: null,
    endedAt: null,
    switchWindow: null,
    retireAt: null,
    oldRefusedAt: null,
    ...(override === undefined ? {} : { override }),
    ...(cause === 'schedule' ? { dueBy: rotation.deadlineAt } : {}),
    steps: [],
  };
}

/** A verification or repair makes nothing new, so that the next rotation stays due when it is. */
export function withBegun(rotation: SecretRotation, record: RotationRecord, { active }: StartFacts): SecretRotation {
  const place = active === null ? { activeRotationId: record.id } : { queuedRotationId: record.id };
  const begun = { ...rotation, ...place, number: record.number };
  return isTemporary(record) ? begun : unplanned(begun);
}

export function markedForDeletion(secret: SecretRecord): RekeyError {
  return new RekeyError(
    'invalid-state',
    `The secret ${secret.name} is marked for deletion: restore it before it can be rotated.`,
    { reason: 'secret-marked-for-deletion' },
  );
}
