import type { RotationRecord } from '@rekey/core';
import type { BreachSettings } from '../../store/breach-record.ts';
import { isTemporary } from '../rotation/cause.ts';
import { waiting } from '../rotation/rotation-change.ts';

/** Nothing is being tried at this moment, or it only waits to be tried again. */
export function isAtRest({ doing, nextAttemptAt }: RotationRecord, now: number): boolean {
  return doing === null || (nextAttemptAt !== null && nextAttemptAt > now);
}

/**
 * A rotation that makes the leaked value go, out of turn: at once, with the breach's overlap, and with the end of
 * sessions if that is wanted. Null if it is hurried already. Pure.
 */
export function hastened(record: RotationRecord, settings: BreachSettings, now: number): RotationRecord | null {
  const sooner = atOnce(record, now);
  if (isTemporary(record)) return sooner === record ? null : sooner;
  const { overlap } = settings;
  const endSessions = settings.endSessions || record.settings.endSessions;
  const cause = record.cause === 'schedule' || record.cause === 'manual' ? 'breach' : record.cause;
  const isSame = record.settings.overlap === overlap && record.settings.endSessions === endSessions;
  if (isSame && record.cause === cause) return null;
  return { ...sooner, cause, settings: { ...record.settings, overlap, endSessions } };
}

/**
 * An overlap that ends now instead of later, whatever else would hold it (holders, a freeze), with those on record whom
 * that cuts off. Null if it is over. Pure.
 *
 * @param leftBehind who still holds the old value, named for people
 */
export function cutShort(
  record: RotationRecord,
  { endSessions, leftBehind }: { readonly endSessions: boolean; readonly leftBehind: readonly string[] },
  now: number,
): RotationRecord | null {
  if (record.promotedAt === null || record.retireAt === null || record.state === 'blocked') return null;
  const isOver = record.cause === 'breach' && record.retireAt <= now;
  if (isOver && (record.settings.endSessions || !endSessions)) return null;
  const settings = { ...record.settings, endSessions: endSessions || record.settings.endSessions };
  const retireAt = Math.min(record.retireAt, now);
  const told = leftBehind.length === 0 ? {} : { leftBehind };
  return atOnce({ ...record, ...told, cause: 'breach', settings, retireAt, retireBy: now }, now);
}

function atOnce(record: RotationRecord, now: number): RotationRecord {
  if (record.nextAttemptAt === null || record.nextAttemptAt <= now) return record;
  return waiting(record, now, 'Hurried because of a breach.');
}
