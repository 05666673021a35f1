import {
  checkOverlap,
  checkRetirement,
  nextWindow,
  type RotationRule,
  type RotationSettings,
  type SecretRotation,
  spread,
} from '@rekey/core';

/** When the next rotation begins, and the last moment at which it is not yet overdue; milliseconds since the epoch. */
export interface NextRotation {
  readonly plannedAt: number | null;
  readonly deadlineAt: number | null;
}

const NOTHING_PLANNED: NextRotation = { plannedAt: null, deadlineAt: null };

/**
 * The rotation as it is planned from a moment that counts as a rotation: its promotion, a value put by hand, or the
 * change of its rule. Switched off or manual: nothing is planned.
 *
 * @param secretId spreads secrets on one schedule over the window
 * @param after milliseconds since the epoch
 */
export function planned(rotation: SecretRotation, secretId: string, after: number): SecretRotation {
  return { ...rotation, ...planNext(rotation, secretId, after), postponed: null };
}

/**
 * The rotation after somebody put a value by hand: where the rule counts from the last rotation that counts as one
 * (AWS, `AutomaticallyAfterDays`); a calendar (`cron`) does not care. While a rotation is at work nothing changes.
 */
export function plannedAfterPut(rotation: SecretRotation, secretId: string, now: number): SecretRotation {
  const counts = rotation.rule.kind === 'days' || rotation.rule.kind === 'every';
  return counts && rotation.plannedAt !== null ? planned(rotation, secretId, now) : rotation;
}

/** The rotation with nothing planned while one is at work; the deadline stands, so that being overdue is noticed. */
export function unplanned(rotation: SecretRotation): SecretRotation {
  return { ...rotation, plannedAt: null, postponed: null };
}

/**
 * Refuses a schedule that begins a rotation while the overlap of the last may still run, or while holders may still
 * keep its old value. Where one user has one password (`single-user`, named) there is no overlap.
 *
 * @throws RekeyError `invalid-input`, reasons `interval-not-longer-than-overlap`, `interval-not-longer-than-retirement`,
 *   `retirement-shorter-than-overlap`
 */
export function checkSchedule(rule: RotationRule, settings: RotationSettings): void {
  if (settings.strategy === 'single-user') return;
  checkOverlap(rule, settings.overlap);
  checkRetirement(rule, settings.retireWithin ?? null, settings.overlap);
}

function planNext({ enabled, rule }: SecretRotation, secretId: string, after: number): NextRotation {
  const window = enabled ? nextWindow(rule, after) : null;
  if (window === null) return NOTHING_PLANNED;
  return { plannedAt: spread(window, secretId), deadlineAt: window.closesAt };
}
