import { RekeyError } from '@rekey/core';

/** The change feed does not go back to the revision asked for; see {@link ./driver.ts KEPT_REVISIONS}. */
export function changesForgotten(after: number): RekeyError {
  const message = `Changes after revision ${after} are no longer remembered; read afresh what you keep.`;
  return new RekeyError('unavailable', message, { reason: 'changes-forgotten' });
}

export function closed(): RekeyError {
  return new RekeyError('unavailable', 'The store is closed; ask again when rekey runs.', { reason: 'closed' });
}
