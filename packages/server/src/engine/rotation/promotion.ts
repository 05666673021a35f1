import { CURRENT, RekeyError, type RotationRecord, type SecretRecord } from '@rekey/core';
import type { Entry, Store, StoreWrite } from '../../store/store.ts';
import { retirementDeadline } from '../holders/retirement-deadline.ts';
import { planned } from '../schedule/plan-next.ts';
import { findLabelled, promote, prune } from '../versions.ts';
import { promoted } from './rotation-change.ts';
import type { JointChange } from './rotation-journal.ts';

/** Says that somebody else moved *current* while a rotation was about to. */
export const CURRENT_CHANGED = 'current-changed';

/**
 * Moves *current* to the version a rotation made, takes *pending* off it, plans the next rotation and begins the
 * overlap: one change of secret and record. Pure.
 *
 * @throws RekeyError `invalid-state`, reason {@link CURRENT_CHANGED}, unless *current* is where the rotation found it
 */
export function promotion(record: RotationRecord, secret: SecretRecord, now: number): JointChange {
  const currentVersionId = findLabelled(secret, CURRENT)?.id ?? null;
  if (currentVersionId !== record.previousVersionId && currentVersionId !== record.versionId)
    throw new RekeyError(
      'invalid-state',
      `Somebody put another value into ${secret.name} while it was rotated; rotation ${record.number} stops.`,
      { reason: CURRENT_CHANGED },
    );
  const after = promoted(record, now);
  const kept = prune(promote(secret, record.versionId, now), neededVersions([after]), now);
  const rotation = rotatedAt(kept.secret, now);
  return {
    secret: { ...kept.secret, rotation },
    record: { ...after, retireBy: retirementDeadline(after, rotation?.plannedAt ?? null) },
    writes: kept.dropped.map((versionId) => valueWrite(secret.id, versionId)),
  };
}

/** The rotation at work for a version that its function may promote now; null if there is none. */
export async function findFinishing(
  store: Store,
  secret: SecretRecord,
  versionId: string,
): Promise<Entry<RotationRecord> | null> {
  const activeId = secret.rotation?.activeRotationId ?? null;
  const active = activeId === null ? null : await store.get('rotation', activeId);
  return whenFinishing(active, versionId);
}

/** The rotation itself, if its function may promote the version now. */
export function whenFinishing<R extends Entry<RotationRecord>>(rotation: R | null, versionId: string): R | null {
  if (rotation === null || rotation.record.versionId !== versionId) return null;
  return rotation.record.state === 'tested' && rotation.record.doing?.step === 'finish' ? rotation : null;
}

/** Versions that must outlive pruning: the ones a rotation makes, and the ones it may still have to revoke. */
export function neededVersions(rotations: readonly RotationRecord[]): ReadonlySet<string> {
  return new Set(
    rotations.flatMap(({ versionId, previousVersionId }) =>
      previousVersionId === null ? [versionId] : [versionId, previousVersionId],
    ),
  );
}

export function valueWrite(secretId: string, versionId: string): StoreWrite {
  return { collection: 'value', id: `${secretId}/${versionId}`, record: null };
}

function rotatedAt({ rotation, id }: SecretRecord, now: number): SecretRecord['rotation'] {
  return rotation === null ? null : planned({ ...rotation, lastRotatedAt: now }, id, now);
}
