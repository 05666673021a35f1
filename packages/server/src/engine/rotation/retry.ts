import type { RotationStep, RotatorErrorClass } from '@rekey/core';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** How often and how soon a failure of one class is tried again. */
export interface RetryTable {
  /** Milliseconds before the second attempt, the third …; the last one is repeated. */
  readonly delays: readonly number[];
  /** Attempts after which a person is needed; null: it passes by itself, never give up. */
  readonly attempts: number | null;
}

/**
 * What a failed step waits for, by class of the error. The first failure is told at once, whatever the table says: a
 * table only decides how hard we knock.
 */
export const RETRIES: Readonly<Record<RotatorErrorClass, RetryTable>> = {
  // A restart of a database takes seconds, a failover up to a minute; after that five minutes are soon enough and do
  // not drown a target that is coming back. It says nothing about any password, so it is never given up.
  unreachable: { delays: [5 * SECOND, 15 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE], attempts: null },
  // A wrong password does not mend itself; three logins stay below the strictest usual lock-out limit (five), and the
  // pauses outlast a replica that has not heard of a change yet.
  'refused-login': { delays: [30 * SECOND, 5 * MINUTE], attempts: 3 },
  // Only a person grants privileges: asking again would be noise in the target's log.
  'missing-privilege': { delays: [], attempts: 1 },
  // Each attempt carries a fresh value; if three different ones do not pass, the rule is ours to be taught.
  'rejected-value': { delays: [SECOND, 10 * SECOND], attempts: 3 },
  // Only a person changes the secret's form.
  'rejected-form': { delays: [], attempts: 1 },
  // Somebody changed the target meanwhile, or another server is at work: short first, then long enough to let it end.
  conflict: { delays: [2 * SECOND, 15 * SECOND, MINUTE], attempts: 5 },
  // AWS retries a failed function several times over the window; foreign functions say nothing better than this.
  bug: { delays: [10 * SECOND, MINUTE, 5 * MINUTE, 15 * MINUTE], attempts: 5 },
};

/**
 * The target refused the admin credential, which another rotation may be changing at this moment: its new value is here
 * within a second, and a leaked value must not outlive it by half a minute. As many logins as for any refused login.
 */
const REFUSED_ADMIN: RetryTable = { delays: [2 * SECOND, 5 * MINUTE], attempts: 3 };

/** The table for a failure. */
export function tableOf(failed: {
  readonly errorClass: RotatorErrorClass;
  readonly refusedAdmin?: boolean;
}): RetryTable {
  return failed.refusedAdmin === true ? REFUSED_ADMIN : RETRIES[failed.errorClass];
}

/**
 * While the target may refuse what applications hold (single-user, between set and promotion), waiting costs outage
 * and giving up leaves it standing: quick, then every ten seconds, for ever. One login each time with a value of our
 * own making, which cannot lock anybody out who is not out already.
 */
export const URGENT_RETRY: RetryTable = {
  delays: [250, 500, SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND],
  attempts: null,
};

/** A probe that could not look after a doubtful step: as for an unreachable target, but sooner, as doubt is costly. */
export const DOUBT_RETRY: RetryTable = {
  delays: [SECOND, 2 * SECOND, 5 * SECOND, 15 * SECOND, 30 * SECOND, MINUTE],
  attempts: null,
};

export type RetryVerdict = { readonly retry: 'after'; readonly milliseconds: number } | { readonly retry: 'never' };

/**
 * What to do after a failure.
 *
 * @param failures failed attempts so far, this one included; at least 1
 */
export function retryAfter(table: RetryTable, failures: number): RetryVerdict {
  if (table.attempts !== null && failures >= table.attempts) return { retry: 'never' };
  const milliseconds = table.delays[Math.min(failures, table.delays.length) - 1];
  return milliseconds === undefined ? { retry: 'never' } : { retry: 'after', milliseconds };
}

/** Steps after whose failure it is unknown what the target holds, unless the class proves that nothing changed. */
const CHANGING_STEPS: ReadonlySet<RotationStep> = new Set(['set', 'revoke']);
const PROVES_NO_CHANGE: ReadonlySet<RotatorErrorClass> = new Set([
  'refused-login',
  'missing-privilege',
  'rejected-value',
  'rejected-form',
]);

/** True when the step may have changed the target although it failed: the reply was lost, or who knows. */
export function leavesDoubt(step: RotationStep, errorClass: RotatorErrorClass): boolean {
  return CHANGING_STEPS.has(step) && !PROVES_NO_CHANGE.has(errorClass);
}
