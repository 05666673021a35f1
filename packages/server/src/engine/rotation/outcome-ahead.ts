import type { RotationRecord } from '@rekey/core';
import type { Entry } from '../../store/entry.ts';
import type { HeldSecret } from './held-secrets.ts';
import type { Ahead, Rotating } from './rotating.ts';
import type { RotationJournal } from './rotation-journal.ts';

/** Leaves the outcome of a step to be recorded with what comes next. */
export function recordLater(
  { id, revision, record }: Entry<RotationRecord>,
  after: RotationRecord,
  held: HeldSecret,
  along: Omit<Ahead, 'of'>,
): Rotating {
  const rotating: Rotating = { id, revision, record: after, ahead: { of: record, ...along } };
  held.record = after;
  held.unrecorded = rotating;
  return rotating;
}

/** Records an outcome that nothing follows at once. */
export function recordNow(journal: RotationJournal, rotating: Rotating, held: HeldSecret): Promise<Rotating> {
  return journal.write([], rotating, rotating.record, held);
}
