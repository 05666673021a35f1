import type { RotationRecord } from '@rekey/core';
import type { Span } from './latency.ts';

/** After a promotion the application re-reads the secret and opens its connections anew; that is the rotation's doing. */
const ADOPTION_MS = 1_500;

/** When a rotation had a hand in things: up to the promotion and its adoption, and while it retired the old credential. */
export function busySpans(records: readonly RotationRecord[], now: number): Span[] {
  return records.flatMap((record) => {
    const from = record.startedAt ?? record.createdAt;
    const making = { from, until: adoptedAt(record) ?? record.endedAt ?? now };
    const retiring = record.steps
      .filter((step) => step.step === 'revoke')
      .map((step) => ({ from: step.startedAt, until: step.finishedAt }));
    return [making, ...retiring];
  });
}

function adoptedAt(record: RotationRecord): number | null {
  return record.promotedAt === null ? null : record.promotedAt + ADOPTION_MS;
}

/** Seconds from the beginning of each rotation to the promotion of its value. */
export function rotationSeconds(records: readonly RotationRecord[]): number[] {
  return records.flatMap((record) =>
    record.promotedAt === null ? [] : [(record.promotedAt - (record.startedAt ?? record.createdAt)) / 1000],
  );
}

/** Seconds for which each replaced credential was still accepted after the promotion of its successor. */
export function staleSeconds(records: readonly RotationRecord[]): number[] {
  return records.flatMap((record) => {
    const refusedAt = record.oldRefusedAt ?? record.endedAt;
    if (record.promotedAt === null || refusedAt === null) return [];
    if (acceptsOneCredential(record)) return [0];
    return [Math.max(0, refusedAt - record.promotedAt) / 1000];
  });
}

/** Single-user: seconds for which the credential labelled current was refused, for each rotation. */
export function switchWindowSeconds(records: readonly RotationRecord[]): number[] {
  return records.flatMap((record) => (record.switchWindow === null ? [] : [record.switchWindow / 1000]));
}

/**
 * Age in milliseconds of the oldest credential that the target accepts at this moment.
 *
 * @param records in order of their numbers
 * @param bornAt when the credential that was there before the first rotation was set
 */
export function oldestAcceptedAge(records: readonly RotationRecord[], bornAt: number, now: number): number {
  const births = new Map(records.map((record) => [record.versionId, record.setStartedAt ?? now]));
  const birth = (versionId: string | null) => births.get(versionId ?? '') ?? bornAt;
  const last = records.findLast((record) => record.setStartedAt !== null);
  if (last === undefined) return now - bornAt;
  return now - birth(acceptsPrevious(last) ? last.previousVersionId : last.versionId);
}

/** With one password per role the new one ends the old one; else the old one is accepted until seen to be refused. */
function acceptsPrevious(record: RotationRecord): boolean {
  if (acceptsOneCredential(record)) return record.state === 'created';
  return record.oldRefusedAt === null && record.endedAt === null;
}

function acceptsOneCredential(record: RotationRecord): boolean {
  return record.strategy === 'single-user';
}
