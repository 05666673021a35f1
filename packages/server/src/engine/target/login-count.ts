import type { LoginRecord } from '../../store/collections.ts';

/** How many logins of one account may be refused, or go unanswered, within how long. */
export interface LoginLimit {
  /** At least 1. */
  readonly logins: number;
  /** Milliseconds. */
  readonly window: number;
}

/**
 * Three in ten minutes. The strictest usual lock-out limit is five refusals in a row, and applications that still hold
 * an old value may add some of their own: more logins would end a doubt sooner and risk that the target locks the
 * account, which no value of ours opens again.
 */
export const DEFAULT_LOGIN_LIMIT: LoginLimit = { logins: 3, window: 600_000 };

/**
 * What a login came to. `could-not-look`: the target did not judge the password (unreachable, or something odd).
 * `unanswered`: nobody knows, because we stopped waiting, or died.
 */
export type LoginOutcome = 'accepted' | 'refused' | 'could-not-look' | 'unanswered';

/**
 * When the next login is allowed: null for at once. Pure.
 *
 * @param record what is known of the account; null for nothing
 */
export function spentUntil(record: LoginRecord | null, limit: LoginLimit, now: number): number | null {
  const counted = countedLogins(record, limit, now);
  const oldest = counted.at(-limit.logins);
  return oldest === undefined ? null : oldest + limit.window;
}

/**
 * The record with a login that is about to be made, or was. Pure.
 *
 * @param at when it is taken to be judged
 */
export function withLogin(record: LoginRecord | null, limit: LoginLimit, now: number, at: number = now): LoginRecord {
  return { ...record, countedAt: [...countedLogins(record, limit, now), at].sort((a, b) => a - b) };
}

/**
 * What is known of an account in a store that took the place of a lost one: that may have spent the whole budget just
 * before, what the backup knew of it included, and what was written since the restore. Pure.
 */
export function afterRestore(record: LoginRecord | null, { logins }: LoginLimit, since: number): LoginRecord {
  return record?.since === since ? record : { countedAt: Array<number>(logins).fill(since), since };
}

/**
 * The record after the login that was counted at `at` came to its outcome `now`; null when nothing is left to remember. Pure.
 *
 * `accepted` forgets everything: targets count refusals in a row (PAM faillock, MySQL FAILED_LOGIN_ATTEMPTS, Oracle,
 * ppolicy of LDAP), so that a login that succeeds begins their count anew, too. What is traded away is a target, or a
 * fail2ban before it, that counts refusals whatever comes between: there, the limit must be set lower.
 * `refused` counts from the moment it was told: a slow target judges, and counts, long after it was asked.
 * `could-not-look` is given back: to count it would turn an outage of the target into one of ours.
 */
export function afterLogin(
  record: LoginRecord | null,
  at: number,
  outcome: LoginOutcome,
  limit: LoginLimit,
  now: number = at,
): LoginRecord | null {
  if (outcome === 'accepted') return remembering(record, []);
  const known = record?.countedAt ?? [];
  const position = known.indexOf(at);
  const rest = known.filter((_, index) => index !== position);
  if (outcome === 'could-not-look') return remembering(record, rest);
  if (outcome === 'refused') return withLogin({ ...record, countedAt: rest }, limit, now);
  return position >= 0 ? record : withLogin(record, limit, at);
}

/** After a restore it is worth remembering that there is nothing to count. */
function remembering(record: LoginRecord | null, countedAt: readonly number[]): LoginRecord | null {
  return countedAt.length === 0 && record?.since === undefined ? null : { ...record, countedAt };
}

/** Oldest first. */
function countedLogins(record: LoginRecord | null, { window }: LoginLimit, now: number): readonly number[] {
  return (record?.countedAt ?? []).filter((at) => at > now - window);
}
