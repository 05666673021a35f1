import type { RotationRecord } from '@rekey/core';

/**
 * The deadline where none is set, in overlaps: a day for the default overlap of an hour. A day is what a job that runs
 * once a day needs to come by, and how long the client serves its last value while the server is away. Who asks for a
 * short overlap asks for short work; the deadline follows it. Shorter cuts off holders that come seldom; longer keeps the
 * old value, and the next rotation, waiting for whoever was seen once and never comes back.
 */
export const DEADLINE_IN_OVERLAPS = 24;

/** What the deadline is worked out from. */
export type DeadlineFacts = Pick<RotationRecord, 'settings' | 'promotedAt' | 'retireAt'>;

/**
 * The last moment at which the old value is retired, whoever still holds it. Counts from the promotion, as the overlap
 * does, and never cuts it short. Where none is set it is at most half-way to the next rotation of the schedule, which
 * would otherwise have to wait.
 *
 * @param nextPlannedAt when the schedule means to begin the next rotation; null if it does not
 */
export function retirementDeadline(
  { settings, promotedAt, retireAt }: DeadlineFacts,
  nextPlannedAt: number | null,
): number | null {
  if (promotedAt === null || retireAt === null) return null;
  const patience = DEADLINE_IN_OVERLAPS * settings.overlap;
  const halfWay = nextPlannedAt === null ? patience : (nextPlannedAt - promotedAt) / 2;
  const within = settings.retireWithin ?? null;
  return Math.max(retireAt, promotedAt + (within ?? Math.min(patience, Math.floor(halfWay))));
}

/** The deadline of a rotation; of one promoted before there were deadlines, by its settings. */
export function deadlineOf(record: RotationRecord): number {
  return record.retireBy ?? retirementDeadline(record, null) ?? 0;
}
