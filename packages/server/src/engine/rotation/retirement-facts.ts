import type { RotationFunction, RotationRecord, SecretRecord } from '@rekey/core';
import type { HolderRecord } from '../../store/collections.ts';
import { deadlineOf } from '../holders/retirement-deadline.ts';
import { decideRetirement, type RetirementDecision } from '../holders/retirement-gate.ts';

/** Where holders are asked for. */
export interface HolderList {
  /** Everybody seen with any version of the secret. */
  list(secretId: string): Promise<readonly HolderRecord[]>;
}

/**
 * Looks whether the old value may die now; null where that is not the question: before the end of the overlap, where
 * there is nothing to revoke, and once revoking was begun.
 */
export async function lookAtRetirement(
  holders: HolderList,
  record: RotationRecord,
  secret: SecretRecord,
  { revoke }: RotationFunction,
  now: number,
): Promise<RetirementDecision<HolderRecord> | null> {
  const { state, doing, retireAt, previousVersionId, cause } = record;
  const isAsked = state === 'retiring' && doing === null && retireAt !== null && retireAt <= now;
  if (!isAsked || previousVersionId === null || revoke === undefined) return null;
  return decideRetirement({
    now,
    versionId: previousVersionId,
    retireAt,
    retireBy: deadlineOf(record),
    gated: cause !== 'breach',
    holders: await holders.list(secret.id),
    sessions: null,
  });
}
