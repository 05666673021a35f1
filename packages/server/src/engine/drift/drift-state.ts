import type { ProbeResult } from '@rekey/core';
import type { DriftRecord } from '../../store/collections.ts';

/** A day: what somebody changed is known the next, for one login a day and secret. Milliseconds. */
export const DEFAULT_DRIFT_INTERVAL = 86_400_000;

/** Name of the condition under which a drifted credential stands as an alert. */
export function driftCondition(secretId: string): string {
  return `${DRIFT_CONDITIONS}${secretId}`;
}

/** How all such conditions begin. */
export const DRIFT_CONDITIONS = 'drift/';

/**
 * What is known after a look. Only `accepted` and `refused` are answers: a credential that was in sync and could not be
 * looked at is `unknown`, one that had drifted is taken to be drifted still, since nothing says that it was mended. Pure.
 *
 * @param before what was known; null for nothing
 */
export function driftAfter(
  before: DriftRecord | null,
  { secretId, versionId }: { readonly secretId: string; readonly versionId: string },
  { outcome, reason }: ProbeResult,
  now: number,
): DriftRecord {
  const known = before?.versionId === versionId ? before : null;
  const answered = outcome === 'accepted' ? 'in-sync' : outcome === 'refused' ? 'drifted' : null;
  const state = answered ?? (known?.state === 'drifted' ? 'drifted' : 'unknown');
  const since = known?.state === state ? known.since : now;
  const stale = answered === null && known?.state === 'drifted';
  return { secretId, state, versionId, lookedAt: now, since, reason: stale ? known.reason : reason };
}

/** What is known of the value that is current now; null where nothing is. */
export function driftOf(record: DriftRecord | null, currentVersionId: string | null): DriftRecord | null {
  return record !== null && record.versionId === currentVersionId ? record : null;
}

/** Half-open stretches of the circle of phases (see `phaseOf`) that a time has passed over, in order. */
export function phasesBetween(from: number, to: number, period: number): readonly (readonly [string, string])[] {
  if (to <= from) return [];
  if (to - from >= period) return [['', END]];
  const [begin, end] = [phaseAt(from, period), phaseAt(to, period)];
  return begin <= end
    ? [[begin, end]]
    : [
        [begin, END],
        ['', end],
      ];
}

/** Behind every phase: twelve hexadecimal digits sort before it. */
const END = 'g';

function phaseAt(time: number, period: number): string {
  const share = (time % period) / period;
  return Math.floor(share * 2 ** 48)
    .toString(16)
    .padStart(12, '0');
}
