import { CURRENT, type SecretRecord, type SecretValue } from '@rekey/core';
import type { EscrowJournal } from '../engine/escrow/escrow.ts';
import { valueWrite } from '../engine/rotation/promotion.ts';
import type { Rotations } from '../engine/rotation/rotations.ts';
import { plannedAfterPut } from '../engine/schedule/plan-next.ts';
import {
  addVersion,
  fillVersion,
  findLabelled,
  findVersion,
  KEPT_VERSIONS,
  MAX_LABELS,
  MOST_VERSIONS,
  prune,
} from '../engine/versions.ts';
import type { Store, StoreWrite } from '../store/store.ts';
import { tooManyLabels, tooManyVersions, versionIdInUse } from './refusals.ts';
import { isSameValue } from './same-value.ts';

/** A value to put, under which version and labels. */
export interface Placement {
  readonly versionId: string;
  readonly value: SecretValue;
  readonly labels: readonly string[];
}

export interface PlacementParts {
  readonly store: Store;
  readonly escrow: EscrowJournal;
  readonly rotations: Pick<Rotations, 'needed'>;
}

/**
 * Puts a value as a new version, or fills the empty one a rotation staged. The same value under the same id again
 * changes nothing: then the secret comes back as it was.
 *
 * @throws RekeyError `already-exists` (reason `version-id-in-use`) if the version holds another value
 */
export async function placeValue(
  parts: PlacementParts,
  secret: SecretRecord,
  placement: Placement,
  now: number,
): Promise<{ readonly secret: SecretRecord; readonly writes: readonly StoreWrite[] }> {
  const { versionId, value } = placement;
  const existing = findVersion(secret, versionId);
  if (existing?.hasValue) {
    await refuseOtherValue(parts.store, secret, placement);
    return { secret, writes: [] };
  }
  const labels = labelsOf(secret, placement);
  if (existing === null && secret.versions.length >= MOST_VERSIONS) throw tooManyVersions(secret.name);
  const placed =
    existing === null
      ? addVersion(secret, { id: versionId, hasValue: true, kmsKeyId: secret.kmsKeyId }, labels, now)
      : fillVersion(secret, versionId, labels, now);
  if ((findVersion(placed, versionId)?.labels.length ?? 0) > MAX_LABELS) throw tooManyLabels(versionId);
  if (existing !== null) await appendToEscrow(parts.escrow, secret, placement, now);
  const kept = prune(placed, await stillNeeded(parts.rotations, placed), now);
  return {
    secret: { ...kept.secret, changedAt: now, rotation: plannedAnew(secret, placed, now) },
    writes: [
      { collection: 'value', id: `${secret.id}/${versionId}`, record: value },
      ...kept.dropped.map((dropped) => valueWrite(secret.id, dropped)),
    ],
  };
}

/** The labels asked for; the first version of a secret with a value is *current* whatever was asked (AWS). */
function labelsOf(secret: SecretRecord, { labels }: Placement): readonly string[] {
  const isFirst = !secret.versions.some(({ hasValue }) => hasValue);
  return isFirst && !labels.includes(CURRENT) ? [...labels, CURRENT] : labels;
}

async function refuseOtherValue(store: Store, secret: SecretRecord, { versionId, value }: Placement): Promise<void> {
  const stored = await store.getValue(secret.id, versionId);
  if (stored === null || !isSameValue(stored, value)) throw versionIdInUse(secret, versionId);
}

/** A value that a rotation function puts through a face is in the escrow journal before any target hears of it. */
async function appendToEscrow(
  escrow: EscrowJournal,
  secret: SecretRecord,
  { versionId, value }: Placement,
  now: number,
): Promise<void> {
  if (value.kind !== 'text') return;
  const { id, name, arn, rotation } = secret;
  const rotationNumber = rotation?.number ?? 0;
  await escrow.append({
    secretId: id,
    secretName: name,
    secretArn: arn,
    versionId,
    rotationNumber,
    text: value.text,
    at: now,
  });
}

/** Versions that rotations under way still have to revoke; looked up only when some would be dropped. */
async function stillNeeded(rotations: PlacementParts['rotations'], secret: SecretRecord): Promise<ReadonlySet<string>> {
  return secret.versions.length <= KEPT_VERSIONS ? new Set() : rotations.needed(secret);
}

/** Another *current* put by hand counts as a rotation for schedules that count from the last one. */
function plannedAnew(before: SecretRecord, after: SecretRecord, now: number): SecretRecord['rotation'] {
  const moved = findLabelled(before, CURRENT)?.id !== findLabelled(after, CURRENT)?.id;
  return moved && after.rotation !== null ? plannedAfterPut(after.rotation, after.id, now) : after.rotation;
}
