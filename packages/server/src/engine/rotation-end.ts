import type { RotationRecord, SecretRecord } from '@rekey/core';
import type { Entry, StoreWrite } from '../store/store.ts';
import { dropPending } from './pending-version.ts';
import { planned } from './plan-next.ts';
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
  const tested = record.cause === 'adopt';
  const left = tested ? dropPending(secret, record.versionId, now) : secret;
  const queue: readonly StoreWrite[] =
    queued === null
      ? []
      : [{ collection: 'rotation', id: queued.id, record: atTurn(queued.record, now), expect: queued.revision }];
  return {
    record,
    secret: { ...left, rotation: afterEnd(left, record.id, now) },
    writes: tested ? [...queue, valueWrite(secret.id, record.versionId)] : queue,
  };
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

function atTurn(queued: RotationRecord, now: number): RotationRecord {
  return { ...queued, nextAttemptAt: now, waitingFor: null };
}
