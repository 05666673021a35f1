import type { ProbeResult, RotationRecord } from '@rekey/core';
import { DOUBT_RETRY, retryAfter, URGENT_RETRY } from './retry.ts';
import type { Doubt } from './rotation.ts';
import { inSwitchWindow, intending, notTaken, stepDone, waiting } from './rotation-change.ts';

/**
 * The record after a login with the new value said something about a doubt; null where the target rejected the value
 * and does not hold it, so that a fresh one may be made. Only `accepted` and `refused` are answers. Pure.
 */
export function resolved(record: RotationRecord, doubt: Doubt, probe: ProbeResult, now: number): RotationRecord | null {
  if (probe.outcome === 'accepted') return taken(record, doubt, now);
  if (probe.outcome !== 'refused') return lookAgain(record, probe, now);
  return doubt === 'value-rejected' ? null : setAgain(record, doubt, now);
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
  return intending(found, doubt === 'test-failed' ? 'finish' : 'test', now);
}

/** The target holds the old value still, so that the switch window was not opened. */
function setAgain(record: RotationRecord, doubt: Doubt, now: number): RotationRecord {
  const unchanged = notTaken(record);
  if (doubt !== 'test-failed') return { ...unchanged, nextAttemptAt: now, waitingFor: null };
  const verdict = retryAfter(URGENT_RETRY, record.attempts);
  const pause = verdict.retry === 'after' ? verdict.milliseconds : 0;
  return waiting(unchanged, now + pause, 'The target refuses the new value; it is set again.');
}

function lookAgain(record: RotationRecord, { outcome, reason }: ProbeResult, now: number): RotationRecord {
  const attempts = record.attempts + 1;
  const verdict = retryAfter(inSwitchWindow(record) ? URGENT_RETRY : DOUBT_RETRY, attempts);
  const pause = verdict.retry === 'after' ? verdict.milliseconds : 0;
  const why = `Could not look whether the target took the new value (${outcome}: ${reason}); it is looked at again.`;
  const lastErrorClass = record.lastErrorClass ?? 'unreachable';
  return waiting({ ...record, attempts, lastErrorClass, lastError: record.lastError ?? reason }, now + pause, why);
}
