import { CURRENT, PENDING, type RotationRecord, type SecretRecord } from '@rekey/core';
import { findLabelled, findVersion } from '../versions.ts';
import { hasGivenValue, isTemporary } from './cause.ts';
import type { Decision, RotationFacts } from './decision.ts';
import { inSwitchWindow, PROMOTED } from './rotation-change.ts';

/**
 * What others did to the secret while the rotation was at work, and what follows; null when nothing stands in the
 * way. The rule above all: a rotation may stop only where *current* is accepted by the target without it.
 */
export function interference(record: RotationRecord, { secret }: RotationFacts): Decision | null {
  if (secret === null) return { do: 'end', state: 'abandoned', why: 'The secret was removed.' };
  return PROMOTED.has(record.state) ? afterPromotion(record, secret) : beforePromotion(record, secret);
}

function beforePromotion(record: RotationRecord, secret: SecretRecord): Decision | null {
  const mayStop = !inSwitchWindow(record);
  if (secret.deletedAt !== null && mayStop) return abandoned('The secret was marked for deletion.');
  if (findVersion(secret, record.versionId) === null) return lostVersion(record, mayStop);
  const currentVersionId = findLabelled(secret, CURRENT)?.id ?? null;
  if (currentVersionId === record.versionId) return promotedByHand(record);
  if (findLabelled(secret, PENDING)?.id !== record.versionId && mayStop)
    return abandoned('The label pending was taken off its version.');
  return currentVersionId === record.previousVersionId ? null : putByHand(record, currentVersionId);
}

/** Once the target may hold the value, only a person can say which of the two is wanted. */
function putByHand(record: RotationRecord, currentVersionId: string | null): Decision {
  const nothingMade = record.state === 'due' && record.doing === null;
  const mayEnd = hasGivenValue(record) && !inSwitchWindow(record);
  if (mayEnd && !(nothingMade && isTemporary(record)))
    return abandoned('Somebody put another value while the one before was tested or set again.');
  if (nothingMade) return { do: 'rebase', currentVersionId };
  const consequence = inSwitchWindow(record)
    ? 'The target may already take only the value of the pending version'
    : 'The target was not told to refuse anything';
  const why = `Somebody put another value while the rotation was at work. ${consequence}: check which value logs in, then rotate again to go on from the value that is current now.`;
  return { do: 'block', why };
}

function promotedByHand(record: RotationRecord): Decision | null {
  if (isTemporary(record)) return abandoned('Somebody moved current to the version under test.');
  if (record.cause === 'rollback' && record.state === 'due')
    return abandoned('Somebody moved current to the value before, whatever its target accepts.');
  if (record.state === 'set' || record.state === 'tested') return { do: 'accept-promotion' };
  if (record.doing?.step === 'set') return null;
  const why =
    'Somebody moved current to the new version before its target had taken the value: move it back to the previous version, then rotate again.';
  return { do: 'block', why };
}

function lostVersion(record: RotationRecord, mayStop: boolean): Decision {
  if (mayStop) return abandoned('The version being made was removed.');
  const why = `Version ${record.versionId}, which the target may already have taken, was removed: restore its value from the escrow journal.`;
  return { do: 'block', why };
}

function afterPromotion(record: RotationRecord, secret: SecretRecord): Decision | null {
  const back = record.previousVersionId !== null && findLabelled(secret, CURRENT)?.id === record.previousVersionId;
  if (!back) return null;
  const why = 'Somebody moved current back to the old version, so that the old value is not retired.';
  return { do: 'end', state: 'rolled-back', why };
}

function abandoned(why: string): Decision {
  return { do: 'end', state: 'abandoned', why };
}
