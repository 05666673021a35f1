import { messageOf, type RotationRecord, type SecretRecord } from '@rekey/core';
import type { Entry, StoreWrite } from '../store/store.ts';
import { crossing, type DurablePoint } from './boundary.ts';
import type { HeldSecret } from './rotation/held-secrets.ts';
import { auditOfChange, notMade } from './rotation/rotation-audit.ts';
import type { JournalParts } from './rotation/rotation-journal.ts';

/** A rotation's record before and after, and the revision it was read at. */
export interface RotationChange {
  readonly before: RotationRecord | null;
  readonly after: RotationRecord;
  readonly id: string;
  readonly revision: number;
}

export interface AuditedCommit {
  /** As it is to be, with the revision it was read at. */
  readonly secret: Entry<SecretRecord>;
  readonly changes: readonly RotationChange[];
  readonly further?: readonly StoreWrite[];
  /** The claim under which it is made; none for what came through a face. */
  readonly claim?: HeldSecret['claim'];
}

/** One commit for a secret and its rotations, audited before it is made, in one with the alerts about it. */
export async function commitAudited(
  { store, alerts, audit, boundary, clock, giveWay }: JournalParts,
  point: DurablePoint,
  { secret, changes, further = [], claim }: AuditedCommit,
): Promise<void> {
  const entries = changes.flatMap(({ before, after }) => auditOfChange(before, after, clock.now()) ?? []);
  const told = await Promise.all(changes.map(({ before, after }) => alerts.writesFor(before, after)));
  const writes: StoreWrite[] = [
    { collection: 'secret', id: secret.id, record: secret.record, expect: secret.revision },
    ...changes.map(
      ({ after, id, revision }): StoreWrite => ({ collection: 'rotation', id, record: after, expect: revision }),
    ),
    ...further,
    ...withoutRepeats(told.flat()),
  ];
  for (const entry of entries) await audit.append(entry);
  if (giveWay !== undefined) await giveWay();
  try {
    const fences = claim === undefined ? [] : [claim];
    await crossing(boundary, point, () => store.commit(writes, { fences }));
  } catch (error) {
    for (const entry of entries) await audit.append(notMade(entry, clock.now(), messageOf(error)));
    throw error;
  }
}

/** Two rotations of one secret may both end the same alert. */
function withoutRepeats(writes: readonly StoreWrite[]): readonly StoreWrite[] {
  return [...new Map(writes.map((write) => [`${write.collection}/${write.id}`, write])).values()];
}
