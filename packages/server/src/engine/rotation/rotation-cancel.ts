import { CURRENT, PENDING, RekeyError, type RotationRecord, type SecretRecord, type SecretRotation } from '@rekey/core';
import type { Entry } from '../../store/store.ts';
import { commitAudited } from '../audited-commit.ts';
import { unplanned } from '../schedule/plan-next.ts';
import { findLabelled, findVersion } from '../versions.ts';
import { findAtWork, getSecret, untilUndisturbed } from './at-work.ts';
import { valueWrite } from './promotion.ts';
import { ended, inSwitchWindow } from './rotation-change.ts';
import { leftBehind } from './rotation-end.ts';
import type { JournalParts } from './rotation-journal.ts';

/**
 * Switches rotation off. A rotation at work is abandoned and may leave its pending version behind (AWS), unless
 * stopping would leave *current* refused by the target: then it goes on to its end and is the last one.
 *
 * @returns the version left pending; null if none is
 * @throws RekeyError `not-found`, and `invalid-state` (reason `rotation-not-configured`)
 */
export function cancelRotation(
  parts: JournalParts,
  secretId: string,
  now: number,
): Promise<{ readonly versionId: string | null }> {
  return untilUndisturbed(async () => {
    const secret = await getSecret(parts.store, secretId);
    const { rotation } = secret.record;
    if (rotation === null) throw notConfigured(secret.record);
    const { active, queued } = await findAtWork(parts.store, secret.record);
    const stopped = [active, queued].filter((entry) => entry !== null).filter(({ record }) => mayStop(record));
    return commitCancel(parts, secret, rotation, stopped, now);
  });
}

async function commitCancel(
  parts: JournalParts,
  secret: Entry<SecretRecord>,
  rotation: SecretRotation,
  stopped: readonly Entry<RotationRecord>[],
  now: number,
): Promise<{ readonly versionId: string | null }> {
  const ids = new Set(stopped.map(({ id }) => id));
  const keep = (id: string | null) => (id === null || ids.has(id) ? null : id);
  const off: SecretRotation = {
    ...unplanned(rotation),
    enabled: false,
    deadlineAt: null,
    activeRotationId: keep(rotation.activeRotationId) ?? keep(rotation.queuedRotationId),
    queuedRotationId: keep(rotation.activeRotationId) === null ? null : keep(rotation.queuedRotationId),
  };
  const changes = stopped.map(({ id, revision, record }) => {
    const after = ended(record, 'abandoned', now, 'Rotation was cancelled.');
    return { before: record, after, id, revision };
  });
  const left = changes.reduce((result, { after }) => leftBehind(after, result, now), secret.record);
  const gone = secret.record.versions.filter(({ id }) => findVersion(left, id) === null);
  const record = { ...left, rotation: off, changedAt: now };
  const further = gone.map(({ id }) => valueWrite(secret.id, id));
  await commitAudited(parts, 'cancel', { secret: { ...secret, record }, changes, further });
  return { versionId: leftPending(left) };
}

function mayStop(record: RotationRecord): boolean {
  return record.promotedAt === null && !inSwitchWindow(record);
}

function leftPending(secret: SecretRecord): string | null {
  const pending = findLabelled(secret, PENDING);
  return pending === null || pending.labels.includes(CURRENT) ? null : pending.id;
}

function notConfigured(secret: SecretRecord): RekeyError {
  return new RekeyError('invalid-state', `Rotation was never configured on ${secret.name}.`, {
    reason: 'rotation-not-configured',
  });
}
