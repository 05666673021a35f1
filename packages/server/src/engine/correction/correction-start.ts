import {
  CURRENT,
  PENDING,
  PREVIOUS,
  RekeyError,
  type RotationRecord,
  type SecretRecord,
  type SecretRotation,
} from '@rekey/core';
import { stagePending } from '../rotation/pending-version.ts';
import { forSameAccount } from '../rotation/rollback-account.ts';
import { ended, inSwitchWindow } from '../rotation/rotation-change.ts';
import { markedForDeletion, newRecord, type StartFacts, withBegun } from '../rotation/rotation-start.ts';
import { attachLabel, findLabelled } from '../versions.ts';

/** `rollback`: back to the value before. `drift`: the current value is set at its target again. */
export interface CorrectionRequest {
  readonly cause: 'rollback' | 'drift';
  readonly askedBy: string;
}

export type CorrectionStart =
  /** One of the same kind is under way. */
  | { readonly start: 'joined'; readonly record: RotationRecord }
  | {
      readonly start: 'begun';
      readonly secret: SecretRecord;
      readonly record: RotationRecord;
      /** Rotations it takes the place of, as they end. */
      readonly ended: readonly RotationRecord[];
    };

/**
 * Decides what a request to roll back or to repair comes to. Pure.
 *
 * What is at work and has promoted nothing is not interrupted, since its target may hold either value; one that is
 * blocked where *current* logs in gives way. A rollback ends the overlap of the rotation it undoes, because the old
 * value is wanted again. A repair goes before the end of an overlap, which takes its turn afterwards: applications are
 * locked out meanwhile, and the old value cannot be proven dead at a target that was put back.
 *
 * @throws RekeyError `invalid-state`: `secret-marked-for-deletion`, `rotation-not-configured`, `no-previous-value`,
 *   `rotation-at-work`
 */
export function startCorrection(secret: SecretRecord, request: CorrectionRequest, facts: StartFacts): CorrectionStart {
  if (secret.deletedAt !== null) throw markedForDeletion(secret);
  const rotation = configured(secret);
  const same = [facts.active, facts.queued].find((other) => other?.cause === request.cause);
  if (same != null && same.promotedAt === null) return { start: 'joined', record: same };
  const displaced = displacedBy(secret, request, facts);
  const behind = facts.active === null || displaced.includes(facts.active) ? null : facts.active;
  const versionId = request.cause === 'rollback' ? previousOf(secret) : facts.freshVersionId;
  const asked = request.cause === 'rollback' ? rotation : { ...rotation, settings: forSameAccount(rotation.settings) };
  const record = newRecord(secret, asked, versionId, request, { ...facts, active: null });
  const staged =
    request.cause === 'rollback'
      ? attachLabel(secret, PENDING, versionId, facts.now)
      : stagePending(secret, versionId, facts.now);
  const cleared = { ...askedAnew(rotation, displaced, facts.now), queuedRotationId: behind?.id ?? null };
  return {
    start: 'begun',
    record,
    secret: { ...staged, rotation: withBegun(cleared, record, { ...facts, active: null }) },
    ended: displaced.map((other) => givenUp(other, request, facts.now)),
  };
}

function displacedBy(
  secret: SecretRecord,
  { cause }: CorrectionRequest,
  { active, queued }: StartFacts,
): readonly RotationRecord[] {
  if (active === null) return [];
  const waiting = queued === null ? [] : [queued];
  const displaced = [active, ...waiting];
  if (active.promotedAt !== null) return cause === 'rollback' ? displaced : waiting;
  if (active.state === 'blocked' && !inSwitchWindow(active)) return displaced;
  throw atWork(secret, active);
}

/** A rotation that was due and gave way is due still. */
function askedAnew<T extends SecretRotation>(rotation: T, displaced: readonly RotationRecord[], now: number): T {
  const due = rotation.enabled && displaced.some(({ cause }) => cause === 'schedule');
  return due ? { ...rotation, plannedAt: rotation.plannedAt ?? now } : rotation;
}

function givenUp(record: RotationRecord, { cause }: CorrectionRequest, now: number): RotationRecord {
  if (record.promotedAt !== null)
    return ended(record, 'rolled-back', now, 'Somebody asked for the value before; it is not retired.');
  const why = cause === 'rollback' ? 'a rollback to the value before' : 'a repair of the current value';
  return ended(record, 'abandoned', now, `Somebody asked for ${why} instead.`);
}

function previousOf(secret: SecretRecord): string {
  const previous = findLabelled(secret, PREVIOUS);
  if (previous?.hasValue && previous.id !== findLabelled(secret, CURRENT)?.id) return previous.id;
  throw new RekeyError(
    'invalid-state',
    `${secret.name} has no value before the current one to go back to: rotate it, or put the value you want.`,
    { reason: 'no-previous-value' },
  );
}

function configured({ rotation, name }: SecretRecord): SecretRotation & { readonly functionArn: string } {
  if (rotation?.functionArn != null) return { ...rotation, functionArn: rotation.functionArn };
  throw new RekeyError(
    'invalid-state',
    `No rotation is configured on ${name}, so that nothing can be set at its target: configure one, or put a value by hand.`,
    { reason: 'rotation-not-configured' },
  );
}

function atWork({ name }: SecretRecord, { number, state, waitingFor }: RotationRecord): RekeyError {
  const next =
    state === 'blocked'
      ? `is blocked while its target may hold its new value (${waitingFor ?? 'see its status'}): mend that, then run \`rekey rotate ${name}\`.`
      : `is at work: wait for its end, see \`rekey status ${name}\`.`;
  return new RekeyError('invalid-state', `Rotation ${number} of ${name} ${next}`, { reason: 'rotation-at-work' });
}
