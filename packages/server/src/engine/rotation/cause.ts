import type { RotationCause, RotationRecord } from '@rekey/core';

const TEMPORARY: ReadonlySet<RotationCause> = new Set(['adopt', 'drift']);
const GIVEN: ReadonlySet<RotationCause> = new Set(['adopt', 'drift', 'rollback']);

/**
 * True where the version is a copy of *current* that is there for the length of the rotation only: to be tested
 * (`adopt`), or set at the target again (`drift`). No label moves, and it goes at the end.
 */
export function isTemporary({ cause }: Pick<RotationRecord, 'cause'>): boolean {
  return TEMPORARY.has(cause);
}

/** True where the value was there before: no fresh one may take its place, and it is never thrown away as untold. */
export function hasGivenValue({ cause }: Pick<RotationRecord, 'cause'>): boolean {
  return GIVEN.has(cause);
}
