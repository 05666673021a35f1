import { PENDING, type RotationRecord, type SecretRecord } from '@rekey/core';
import type { Entry, StoreWrite } from '../../store/store.ts';
import { planned } from '../schedule/plan-next.ts';
import { detachLabel, findLabelled, findVersion } from '../versions.ts';
import { isTemporary } from './cause.ts';
import { dropPending } from './pending-version.ts';
import { valueWrite } from './promotion.ts';
import type { JointChange } from './rotation-journal.ts';

/**
 * What the end of a rotation changes on its secret: the rotation queued behind it takes its place, a version that was
 * only there to be tested goes, and where nothing is planned or at work any more the next rotation is planned. Pure.
 */
export function ending(
  record: RotationRecord,
  secret: SecretRecord,
  queued: Entry<RotationRecord> | null,
  now: number,
): JointChange {
  const left = leftBehind(record, secret, now);
  const dropped = findVersion(secret, record.versionId) !== null && findVersion(left, record.versionId) === null;
  const queue: readonly StoreWrite[] =
    queued === null
      ? []
      : [{ collection: 'rotation', id: queued.id, record: atTurn(queued.record, now), expect: queued.revision }];
  return {
    record,
    secret: { ...left, rotation: afterEnd(left, record.id, now) },
    writes: dropped ? [...queue, valueWrite(secret.id, record.versionId)] : queue,
  };
}

/** A copy that was there to be tested goes; a rollback that came to nothing leaves the value before as it was. */
export function leftBehind(record: RotationRecord, secret: SecretRecord, now: number): SecretRecord {
  if (isTemporary(record)) return dropPending(secret, record.versionId, now);
  const unpromoted = record.cause === 'rollback' && record.promotedAt === null;
  const isPending = findLabelled(secret, PENDING)?.id === record.versionId;
  return unpromoted && isPending ? detachLabel(secret, PENDING, now) : secret;
}

/** The queued rotation that takes the place of one that ends; null if there is none. */
export function successorOf(secret: SecretRecord, rotationId: string): string | null {
  const { rotation } = secret;
  return rotation?.activeRotationId === rotationId ? rotation.queuedRotationId : null;
}

function afterEnd(secret: SecretRecord, rotationId: string, now: number): SecretRecord['rotation'] {
  const { rotation } = secret;
  if (rotation === null) return null;
  const { activeRotationId, queuedRotationId } = rotation;
  const free =
    activeRotationId === rotationId
      ? { ...rotation, activeRotationId: queuedRotationId, queuedRotationId: null }
      : { ...rotation, queuedRotationId: queuedRotationId === rotationId ? null : queuedRotationId };
  const idle = free.activeRotationId === null && free.plannedAt === null;
  return idle && free.enabled ? planned(free, secret.id, now) : free;
}

/** One that is blocked is taken up by a person, as before. */
function atTurn(queued: RotationRecord, now: number): RotationRecord {
  if (queued.state === 'blocked') return queued;
  return { ...queued, nextAttemptAt: now, waitingFor: null };
}
