import type { RotationRecord } from '@rekey/core';
import type { Entry } from '../../store/store.ts';
import type { DurablePoint } from '../boundary.ts';
import type { HeldSecret } from './held-secrets.ts';
import type { RotationJournal } from './rotation-journal.ts';
import type { Rotating } from './work.ts';

/** Leaves the outcome of a step to be recorded with the intention of the next one. */
export function recordLater(
  { id, revision, record }: Entry<RotationRecord>,
  point: DurablePoint,
  after: RotationRecord,
  held: HeldSecret,
): Rotating {
  held.record = after;
  return { id, revision, record: after, ahead: { of: record, point } };
}

/** The rotation as it is durable, and what is about to become so besides. */
export function durable({ id, revision, record, ahead }: Rotating): {
  readonly entry: Entry<RotationRecord>;
  readonly points: readonly DurablePoint[];
} {
  return { entry: { id, revision, record: ahead?.of ?? record }, points: ahead === undefined ? [] : [ahead.point] };
}

/** Records an outcome that no intention follows at once. */
export function recordNow(journal: RotationJournal, rotating: Rotating, held: HeldSecret): Promise<Rotating> {
  const { entry, points } = durable(rotating);
  return journal.write(points, entry, rotating.record, held);
}
