import { createHash } from 'node:crypto';
import {
  CURRENT,
  DEFAULT_ROTATION_SETTINGS,
  PREVIOUS,
  type SecretRecord,
  type SecretRotation,
  type SecretValue,
} from '@rekey/core';
import { addVersion, attachLabel, fillVersion, findLabelled, findVersion } from '../versions.ts';
import type { EscrowEntry } from './escrow.ts';

/** A secret as an entry of the escrow journal leaves it, with the value to be stored; null where the store knows it all. */
export interface Replayed {
  readonly secret: SecretRecord;
  readonly value: { readonly versionId: string; readonly value: SecretValue } | null;
}

/**
 * Brings an entry of the escrow journal into a secret that is older: a version it does not know is added with its
 * value, without a label; the rotation number is raised, so that the fence at the target is not ahead of ours. Pure.
 *
 * @param stored value the store has under the entry's version id; null if none
 * @param knownUntil the newest moment the store knows of; a rotation it does not know is later, whatever its clock said
 */
export function replayed(
  secret: SecretRecord,
  stored: SecretValue | null,
  told: EscrowEntry,
  knownUntil: number,
): Replayed | null {
  const isLater = told.rotationNumber > (secret.rotation?.number ?? 0);
  const newest = Math.max(knownUntil, ...secret.versions.map(({ createdAt }) => createdAt));
  const entry = isLater ? { ...told, at: Math.max(told.at, newest + 1) } : told;
  const raised = withNumber(secret, entry.rotationNumber);
  const known = findVersion(secret, entry.versionId);
  const value: SecretValue = { kind: 'text', text: entry.text };
  if (known === null)
    return { secret: added(raised, entry.versionId, entry), value: { versionId: entry.versionId, value } };
  if (!known.hasValue || stored === null)
    return { secret: fillVersion(raised, known.id, [], entry.at), value: { versionId: known.id, value } };
  if (stored.kind === 'text' && stored.text === entry.text)
    return raised === secret ? null : { secret: raised, value: null };
  return replayedBeside(raised, secret, value, entry);
}

/**
 * The version holds another value: its first one was refused by the target and made anew under the same id. A value in
 * use is never overwritten, so this one gets an id of its own, the same at every replay.
 */
function replayedBeside(
  raised: SecretRecord,
  secret: SecretRecord,
  value: SecretValue,
  entry: EscrowEntry,
): Replayed | null {
  const versionId = createHash('sha256').update(`${entry.versionId}\n${entry.text}`).digest('hex').slice(0, 32);
  if (findVersion(secret, versionId) !== null) return raised === secret ? null : { secret: raised, value: null };
  return { secret: added(raised, versionId, entry), value: { versionId, value } };
}

/** Description of a secret that the journal brought back; while it stands, the newest value replayed becomes current. */
export const RECREATED =
  'Brought back from the escrow journal after a restore. Set its tags, description and rotation again.';

/**
 * A secret that was made after the backup, as far as the journal knows it: name, ARN and values. What it does not know
 * (tags, description, schedule) a person has to set again; its rotation is off, but its number goes on.
 */
export function recreated(entry: EscrowEntry): SecretRecord {
  const { secretId: id, secretName: name, secretArn: arn, at, rotationNumber: number } = entry;
  return {
    id,
    name,
    arn,
    description: RECREATED,
    kmsKeyId: null,
    tags: null,
    type: null,
    createdAt: at,
    changedAt: at,
    lastAccessedDay: null,
    deletedAt: null,
    purgeAt: null,
    versions: [],
    rotation: { ...NOT_ROTATED, number },
  };
}

const NOT_ROTATED: SecretRotation = {
  enabled: false,
  functionArn: null,
  rule: { kind: 'manual' },
  settings: DEFAULT_ROTATION_SETTINGS,
  number: 0,
  lastRotatedAt: null,
  plannedAt: null,
  deadlineAt: null,
  activeRotationId: null,
  queuedRotationId: null,
};

/** Of a secret that was made anew nobody can be asked what is in use: the newest value is taken to be. */
export function withNewestCurrent(secret: SecretRecord, now: number): SecretRecord {
  const [newest, before] = [...secret.versions].sort((a, b) => b.createdAt - a.createdAt);
  if (newest === undefined || findLabelled(secret, CURRENT)?.id === newest.id) return secret;
  const current = attachLabel(secret, CURRENT, newest.id, now);
  return before === undefined ? current : attachLabel(current, PREVIOUS, before.id, now);
}

function added(secret: SecretRecord, id: string, { at }: EscrowEntry): SecretRecord {
  return addVersion(secret, { id, hasValue: true, kmsKeyId: secret.kmsKeyId }, [], at);
}

function withNumber(secret: SecretRecord, number: number): SecretRecord {
  const { rotation } = secret;
  if (rotation === null || rotation.number >= number) return secret;
  return { ...secret, rotation: { ...rotation, number } };
}
