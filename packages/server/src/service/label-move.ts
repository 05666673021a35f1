import { CURRENT, type SecretRecord } from '@rekey/core';
import { attachLabel, detachLabel, findLabelled, findVersion, MAX_LABELS } from '../engine/versions.ts';
import { invalidInput, tooManyLabels, versionHasNoValue, versionNotFound } from './refusals.ts';

/** Attach a label to a version, take it off one, or both. */
export interface LabelMove {
  readonly label: string;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/**
 * The secret after the move; the same secret if the label is there already. Whoever moves a label must name the
 * version that loses it, so that two who move it at once do not undo each other. *Current* can move but not go.
 */
export function moveLabel(secret: SecretRecord, move: LabelMove, now: number): SecretRecord {
  const { label, from, to } = move;
  if (from === undefined && to === undefined)
    throw invalidInput('label-move-empty', `Say from or to which version the label ${label} moves.`);
  for (const versionId of [from, to])
    if (versionId !== undefined && findVersion(secret, versionId) === null) throw versionNotFound(versionId);
  const holderId = findLabelled(secret, label)?.id;
  if (to !== undefined && holderId === to) return secret;
  checkFrom(holderId, move);
  return to === undefined ? taken(secret, label, now) : attached(secret, label, to, now);
}

function checkFrom(holderId: string | undefined, { label, from, to }: LabelMove): void {
  if (from === holderId) return;
  if (holderId === undefined) {
    const message = `The label ${label} is not on version ${from}.`;
    throw invalidInput('label-not-attached', message, { label, versionId: from! });
  }
  const reason = from === undefined ? 'label-attached-elsewhere' : 'label-from-other-version';
  const message = `The label ${label} is on version ${holderId}: name that version to ${to === undefined ? 'remove' : 'move'} it.`;
  throw invalidInput(reason, message, { label, versionId: holderId });
}

function taken(secret: SecretRecord, label: string, now: number): SecretRecord {
  if (label === CURRENT)
    throw invalidInput('current-cannot-go', 'The label current can be moved, but not removed.', { label });
  return detachLabel(secret, label, now);
}

function attached(secret: SecretRecord, label: string, versionId: string, now: number): SecretRecord {
  const version = findVersion(secret, versionId);
  if (label === CURRENT && version?.hasValue === false) throw versionHasNoValue(versionId);
  const moved = attachLabel(secret, label, versionId, now);
  if ((findVersion(moved, versionId)?.labels.length ?? 0) > MAX_LABELS) throw tooManyLabels(versionId);
  return moved;
}
