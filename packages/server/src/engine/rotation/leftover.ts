import { CURRENT, type RotationRecord } from '@rekey/core';
import { crossing } from '../boundary.ts';
import { type Admitted, admit, probeWithinBudget } from '../target/login.ts';
import { findLabelled, findVersion } from '../versions.ts';
import type { Decision, RotationFacts } from './decision.ts';
import { failure, sentence } from './failure.ts';
import { retryAfter, tableOf } from './retry.ts';
import type { Written } from './rotating.ts';
import { intending, type StepFailure, stepFailed } from './rotation-change.ts';
import { ask, type Work } from './work.ts';

/** Another rotation may be about to use the same account: its end says whether there is anything left to do. */
const BEHIND_ANOTHER = 60_000;
/** What takes a person at the target is tried again this often, for as long as the value is accepted there. */
const LATER = 3_600_000;
const GIVEN_UP = 'It was given up; its value is revoked at the target later.';

/**
 * What to do about a value that was given up although its target had taken it. Never touches what is in use: not where
 * it is current, not while another rotation is at work; where a later one wrote to the account, the target's fence
 * refuses us. Pure.
 */
export function leftoverDecision(record: RotationRecord, { secret, now }: RotationFacts): Decision {
  const { nextAttemptAt, waitingFor, versionId } = record;
  if (nextAttemptAt !== null && nextAttemptAt > now)
    return { do: 'wait', until: nextAttemptAt, why: waitingFor ?? GIVEN_UP };
  const gone = secret === null || findVersion(secret, versionId) === null;
  if (gone || findLabelled(secret, CURRENT)?.id === versionId) return { do: 'forget-leftover' };
  const { activeRotationId = null } = secret.rotation ?? {};
  if (activeRotationId !== null) return { do: 'wait', until: now + BEHIND_ANOTHER, why: waitingFor ?? GIVEN_UP };
  return { do: 'revoke-leftover' };
}

/** Makes the target refuse the value, and sees that it does. May be done again after a crash: revoking twice is success. */
export async function revokeLeftover(work: Work): Promise<Written> {
  const { entry, held, parts, rotationFunction } = work;
  if (rotationFunction.revoke === undefined) return forgetLeftover(work);
  const admission = await admit(work, 'revoke');
  if ('heldBackUntil' in admission) return later(work, admission.heldBackUntil);
  const now = parts.clock.now();
  const meant = { ...intending(entry.record, 'revoke', now), waitingFor: entry.record.waitingFor };
  // With the secret: who moved current to the value just now was first.
  const intended = await parts.journal.writeWithSecret(
    'revoke-intent',
    entry,
    (secret) => ({ secret, record: findLabelled(secret, CURRENT)?.id === meant.versionId ? entry.record : meant }),
    held,
  );
  const at = { ...work, entry: intended };
  if (intended.record.doing === null) return forgetLeftover(at);
  return revoke(at, admission);
}

async function revoke(work: Work, admission: Admitted): Promise<Written> {
  const { entry, parts, rotationFunction, secret } = work;
  const { versionId, number } = entry.record;
  const shares = await ask(work, 'sharesAccount', async () =>
    rotationFunction.sharesAccount === undefined ? true : rotationFunction.sharesAccount(secret.arn, versionId),
  );
  if ('failure' in shares) return failed(work, shares.failure);
  if (shares.answer) return forgetLeftover(work);
  const revoked = await ask(work, 'revoke', (signal) =>
    crossing(parts.boundary, 'revocation', async () =>
      rotationFunction.revoke?.(secret.arn, versionId, { fence: number, signal }),
    ),
  );
  await admission.settle(revoked);
  if ('failure' in revoked && revoked.failure.observedFence !== null) return forgetLeftover(work);
  if ('failure' in revoked) return failed(work, revoked.failure);
  return prove(work);
}

async function prove(work: Work): Promise<Written> {
  const { entry, rotationFunction, secret } = work;
  const { versionId } = entry.record;
  if (rotationFunction.probe === undefined) return over(work, 'revoked');
  const probed = await probeWithinBudget(
    work,
    { what: 'probe', versionId },
    async (signal) =>
      (await rotationFunction.probe?.(secret.arn, versionId, { signal })) ?? { outcome: 'unclear', reason: '' },
  );
  if ('heldBackUntil' in probed) return later(work, probed.heldBackUntil);
  if ('failure' in probed) return failed(work, probed.failure);
  const { outcome, reason } = probed.answer;
  if (outcome === 'refused') return over(work, 'revoked');
  return failed(work, failure('unreachable', `Could not see that the value is refused (${outcome}: ${reason})`));
}

/** Where nothing is left to revoke, or nothing to revoke it by. */
export function withoutLeftover(record: RotationRecord): RotationRecord {
  return { ...record, doing: null, nextAttemptAt: null, leftover: 'superseded', waitingFor: OVER.superseded };
}

export function forgetLeftover(work: Work): Promise<Written> {
  return over(work, 'superseded');
}

const OVER = {
  revoked: 'It was given up, and its value was revoked at the target.',
  superseded: 'It was given up; the account of its value is in use, or has a later one.',
} as const;

function over({ entry, held, parts }: Work, leftover: 'revoked' | 'superseded'): Promise<Written> {
  const { record } = entry;
  const after: RotationRecord = { ...record, doing: null, nextAttemptAt: null, leftover, waitingFor: OVER[leftover] };
  return parts.journal.write('revoke-outcome', entry, after, held);
}

/** Never given up: while it is accepted at the target, `status` shows it. */
function failed({ entry, held, parts }: Work, why: StepFailure): Promise<Written> {
  const now = parts.clock.now();
  const after = stepFailed(entry.record, why, now);
  const verdict = retryAfter(tableOf(why), after.attempts);
  const nextAttemptAt = now + (verdict.retry === 'after' ? verdict.milliseconds : LATER);
  const waitingFor = `The value that was given up may still log in at its target. ${sentence(why)}`;
  return parts.journal.write('failure', entry, { ...after, nextAttemptAt, waitingFor }, held);
}

function later({ entry, held, parts }: Work, until: number): Promise<Written> {
  return parts.journal.write('wait', entry, { ...entry.record, doing: null, nextAttemptAt: until }, held);
}
