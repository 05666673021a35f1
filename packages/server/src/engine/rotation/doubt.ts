import type { RotationRecord } from '@rekey/core';
import { isTemporary } from './cause.ts';
import type { Doubt } from './decision.ts';
import type { Finding } from './doubt-resolver.ts';
import { DOUBT_RETRY, retryAfter, URGENT_RETRY } from './retry.ts';
import {
  hasOnePassword,
  inSwitchWindow,
  intending,
  notTaken,
  setsOfValue,
  stepDone,
  waiting,
} from './rotation-change.ts';

/**
 * How long a refused login is no proof that a value which may have been set before is held nowhere: a pooler before the
 * target judges logins by the passwords it read some time ago. Milliseconds.
 */
const SETTLING = 30 * 60_000;

/**
 * The record after logins said something about a doubt; null where the target rejected the value and does not hold it,
 * so that a fresh one may be made. Pure.
 */
export function resolved(record: RotationRecord, doubt: Doubt, found: Finding, now: number): RotationRecord | null {
  if (found.verdict === 'taken') return taken(record, doubt, now);
  if (found.verdict === 'could-not-look') return lookAgain(record, found.reason, now);
  if (doubt !== 'value-rejected') return setAgain(record, doubt, found.verdict, now);
  const settled = lastToldIn(record) + SETTLING;
  const isOutage = inSwitchWindow(record) && (found.verdict === 'lost' || found.verdict === 'put-back');
  if (settled <= now || isOutage) return null;
  return waiting(record, hasOnePassword(record) ? Math.min(settled, now + NEXT_LOOK) : settled, UNSETTLED);
}

/**
 * How soon it is looked at again with one password, where *current* was not seen to be refused: it may log in only because
 * a pooler is behind, and once that has caught up applications are refused until somebody looks. Milliseconds.
 */
const NEXT_LOOK = 60_000;

const UNSETTLED =
  'The target rejected the new value, and an earlier attempt may have set it all the same: before another is made it is looked at again.';

/** When the target was last given this very value, or may have been. */
function lastToldIn(record: RotationRecord): number {
  const told = setsOfValue(record).findLast(({ outcome }) => outcome !== 'failed');
  return told?.finishedAt ?? (record.inherited === true ? record.createdAt : Number.NEGATIVE_INFINITY);
}

function taken(record: RotationRecord, doubt: Doubt, now: number): RotationRecord {
  const looking = record.doing === null ? intending(record, doubt === 'test-failed' ? 'test' : 'set', now) : record;
  const findings =
    doubt === 'test-failed'
      ? [
          {
            kind: 'reported' as const,
            text: `Promoted although its test failed (${record.lastError}): the target takes only the new value.`,
            statement: null,
          },
        ]
      : [];
  const found = stepDone(
    looking,
    doubt === 'test-failed' ? 'tested' : 'set',
    { findings, strategy: null },
    now,
    'A login with the new value was accepted.',
  );
  if (doubt !== 'test-failed') return intending(found, 'test', now);
  return isTemporary(record) ? found : intending(found, 'finish', now);
}

/** Where the target was seen to take the old value, the switch window was not opened; else it is taken to be open. */
function setAgain(
  record: RotationRecord,
  doubt: Doubt,
  verdict: Exclude<Finding['verdict'], 'taken' | 'could-not-look'>,
  now: number,
): RotationRecord {
  const unchanged = verdict === 'not-taken' ? notTaken(record) : { ...record, state: 'created' as const, doing: null };
  if (doubt !== 'test-failed' && verdict === 'not-taken') return { ...unchanged, nextAttemptAt: now, waitingFor: null };
  const retry = retryAfter(URGENT_RETRY, Math.max(1, record.attempts));
  const pause = retry.retry === 'after' ? retry.milliseconds : 0;
  return waiting(unchanged, now + pause, `${SEEN[verdict]}; the new value is set again.`);
}

const SEEN = {
  'not-taken': 'The target refuses the new value',
  refused: 'The target refuses the new value',
  'put-back': 'The target accepts only the value before the current one, as if it had been put back from a backup',
  lost: 'The target refuses the new value, the current one and the one before, as if somebody had changed it',
} as const;

function lookAgain(record: RotationRecord, reason: string, now: number): RotationRecord {
  const attempts = record.attempts + 1;
  const verdict = retryAfter(inSwitchWindow(record) ? URGENT_RETRY : DOUBT_RETRY, attempts);
  const pause = verdict.retry === 'after' ? verdict.milliseconds : 0;
  const why = `Could not look whether the target took the new value (${reason}); it is looked at again.`;
  const lastErrorClass = record.lastErrorClass ?? 'unreachable';
  return waiting({ ...record, attempts, lastErrorClass, lastError: record.lastError ?? reason }, now + pause, why);
}
