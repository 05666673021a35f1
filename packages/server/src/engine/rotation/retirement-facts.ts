import type { RotationRecord } from '@rekey/core';
import type { HolderRecord } from '../../store/collections.ts';
import { deadlineOf } from '../holders/retirement-deadline.ts';
import { decideRetirement, type RetirementDecision, type RetirementFacts } from '../holders/retirement-gate.ts';
import { admit } from '../target/login.ts';
import { ask, type Work } from './work.ts';

/** Whether it is the question: the overlap is over, and revoking was not begun. */
export function isRetirementAsked({ state, doing, retireAt }: RotationRecord, now: number): boolean {
  return state === 'retiring' && doing === null && retireAt !== null && retireAt <= now;
}

/**
 * Looks whether the old value may die now; null where there is nothing to revoke or {@link isRetirementAsked} says that it
 * is not the question. The target is asked for sessions only when nothing else keeps
 * the old value alive.
 */
export async function lookAtRetirement(work: Work): Promise<RetirementDecision<HolderRecord> | null> {
  const { retireAt, previousVersionId: versionId, cause } = work.entry.record;
  const now = work.parts.clock.now();
  if (
    !isRetirementAsked(work.entry.record, now) ||
    retireAt === null ||
    versionId === null ||
    work.rotationFunction.revoke === undefined
  )
    return null;
  const gated = cause !== 'breach';
  const holders = await work.parts.holders.list(work.secret.id);
  const attendedSince = work.parts.holders.attendance.since;
  const retireBy = deadlineOf(work.entry.record);
  const facts = { now, versionId, retireAt, retireBy, gated, attendedSince, holders, sessions: null };
  const decision = decideRetirement(facts);
  if (!decision.retire || !gated || decision.leftBehind.length > 0) return decision;
  return decideRetirement({ ...facts, sessions: await openSessions(work, versionId) });
}

/** What could not be looked at, or may not be for now (login budget), is not known to be closed. */
async function openSessions(work: Work, versionId: string): Promise<RetirementFacts['sessions']> {
  const { rotationFunction, secret, entry } = work;
  if (rotationFunction.sessions === undefined) return null;
  const admitted = await admit(work, 'revoke');
  if ('heldBackUntil' in admitted) return 'unreachable';
  const counted = await ask(work, 'sessions', async (signal) =>
    rotationFunction.sessions?.(secret.arn, versionId, { fence: entry.record.number, signal }),
  );
  await admitted.settle(counted);
  return 'answer' in counted ? (counted.answer ?? null) : 'unreachable';
}
