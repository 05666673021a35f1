import { type Cron, matchesDay, parseCron } from './cron.ts';
import { checkDuration } from './duration.ts';
import { RekeyError } from './errors.ts';
import type { RotationRule } from './rotation.ts';

/**
 * Which rotation rules can be kept, by the rules of AWS Secrets Manager (user guide, "Rotation schedules";
 * `RotationRulesType` of the API). Pure. When a rule falls due is {@link ./schedule.ts}.
 */

/** The rotation rules of a request, as AWS's API spells them. */
export interface RotationRules {
  readonly AutomaticallyAfterDays?: number | undefined;
  readonly Duration?: string | undefined;
  readonly ScheduleExpression?: string | undefined;
}

const SECOND = 1_000;
const HOUR = 3_600_000;
const DAY = 86_400_000;

/** AWS rotates no more often than every four hours. Milliseconds. */
export const SHORTEST_AWS_INTERVAL = 4 * HOUR;
/** Native intervals may be as short as a second, for demonstrations and tests. Milliseconds. */
export const SHORTEST_INTERVAL = SECOND;
export const LONGEST_INTERVAL = 999 * DAY;
/** What a secret gets that names no rule. */
export const DEFAULT_RULE: RotationRule = { kind: 'days', days: 30, duration: null };

/**
 * Turns AWS's RotationRules into a rule, checked.
 *
 * @throws RekeyError `invalid-input` as {@link checkRule}, and `rotation-rules-both` or `rotation-rules-empty`
 */
export function ruleFrom(rules: RotationRules): RotationRule {
  const { AutomaticallyAfterDays: days, ScheduleExpression: expression } = rules;
  const duration = rules.Duration ?? null;
  if (days !== undefined && expression !== undefined)
    throw invalid(
      'rotation-rules-both',
      'You can specify either AutomaticallyAfterDays or ScheduleExpression in RotationRules, but not both.',
    );
  if (days !== undefined) return checkRule({ kind: 'days', days, duration });
  if (expression !== undefined) return checkRule({ kind: 'expression', expression, duration });
  throw invalid(
    'rotation-rules-empty',
    'RotationRules must specify either AutomaticallyAfterDays or ScheduleExpression.',
  );
}

/**
 * Passes a rule that can be kept.
 *
 * @throws RekeyError `invalid-input`; reasons `automatically-after-days-out-of-bounds`, `schedule-expression-invalid`,
 *   `schedule-too-frequent`, `duration-invalid`, `duration-crosses-day`, `duration-reaches-next-window`,
 *   `duration-out-of-bounds`
 */
export function checkRule(rule: RotationRule): RotationRule {
  switch (rule.kind) {
    case 'manual':
      return rule;
    case 'every':
      checkDuration(rule.every, { what: 'the rotation interval', min: SHORTEST_INTERVAL, max: LONGEST_INTERVAL });
      return rule;
    case 'days':
      if (!Number.isInteger(rule.days) || rule.days < 1 || rule.days > 1_000)
        throw invalid(
          'automatically-after-days-out-of-bounds',
          'RotationRules.AutomaticallyAfterDays must be within 1-1000.',
        );
      checkWindowHours(rule.duration, { startHour: 0, hoursBetween: 24 });
      return rule;
    case 'expression':
      checkExpression(rule.expression, rule.duration);
      return rule;
  }
}

/**
 * Refuses a rule that would begin a rotation while the overlap of the one before may still run.
 *
 * @param overlap milliseconds
 * @throws RekeyError `invalid-input`, reason `interval-not-longer-than-overlap`
 */
export function checkOverlap(rule: RotationRule, overlap: number): void {
  const interval = shortestInterval(rule);
  if (interval === null || interval > overlap) return;
  throw invalid(
    'interval-not-longer-than-overlap',
    `The schedule rotates every ${interval / SECOND} seconds, but the old value stays valid for ${overlap / SECOND} seconds after each rotation: make the interval longer or the overlap shorter.`,
  );
}

/**
 * Refuses a retirement that must be over before the overlap is, or that a scheduled rotation would have to wait for.
 *
 * @param retireWithin milliseconds; null where none is set
 * @throws RekeyError `invalid-input`, reasons `retirement-shorter-than-overlap`, `interval-not-longer-than-retirement`
 */
export function checkRetirement(rule: RotationRule, retireWithin: number | null, overlap: number): void {
  if (retireWithin === null) return;
  if (retireWithin < overlap)
    throw invalid(
      'retirement-shorter-than-overlap',
      `The old value is to be retired within ${retireWithin / SECOND} seconds of promotion, but its overlap is ${overlap / SECOND} seconds: make the overlap shorter or retireWithin longer.`,
    );
  const interval = shortestInterval(rule);
  if (interval === null || interval > retireWithin) return;
  throw invalid(
    'interval-not-longer-than-retirement',
    `The schedule rotates every ${interval / SECOND} seconds, but holders may keep the old value for ${retireWithin / SECOND} seconds after each rotation: make the interval longer or retireWithin shorter.`,
  );
}

/** Least time between the openings of two windows, in milliseconds; null for `manual`. */
export function shortestInterval(rule: RotationRule): number | null {
  if (rule.kind === 'manual') return null;
  if (rule.kind === 'every') return rule.every;
  if (rule.kind === 'days') return rule.days * DAY;
  const rate = parseRate(rule.expression);
  return rate === null ? leastGap(parseCron(rule.expression)) * HOUR : rate.count * unitLength(rate.unit);
}

/** A `rate(…)` expression. */
export interface Rate {
  readonly count: number;
  readonly unit: 'hour' | 'day';
}

/** `rate(N hours)` or `rate(N days)`; null if the expression is no rate at all. */
export function parseRate(expression: string): Rate | null {
  if (!expression.startsWith('rate(')) return null;
  const match = /^rate\(\s*([1-9][0-9]{0,4})\s+(hour|day)s?\s*\)$/.exec(expression);
  if (match === null)
    throw invalid(
      'schedule-expression-invalid',
      `The schedule expression '${expression}' is not valid: a rate is written as rate(12 hours) or rate(10 days).`,
    );
  return { count: Number(match[1]), unit: match[2] === 'hour' ? 'hour' : 'day' };
}

function checkExpression(expression: string, duration: string | null): void {
  if (expression.length > 256 || !/^(rate|cron)\(/.test(expression))
    throw invalid(
      'schedule-expression-invalid',
      'The schedule expression is not valid: it must be rate(…) or cron(…) of at most 256 characters.',
    );
  const rate = parseRate(expression);
  if (rate === null) checkCron(expression, duration);
  else checkRate(expression, rate, duration);
}

function checkRate(expression: string, rate: Rate, duration: string | null): void {
  const interval = rate.count * unitLength(rate.unit);
  if (interval < SHORTEST_AWS_INTERVAL) throw tooFrequent(expression);
  if (interval > LONGEST_INTERVAL)
    throw invalid(
      'schedule-expression-invalid',
      `The schedule expression '${expression}' is not valid: the interval must be at most 999 days.`,
    );
  checkWindowHours(duration, { startHour: 0, hoursBetween: rate.unit === 'hour' ? rate.count : 24 });
}

function checkCron(expression: string, duration: string | null): void {
  const cron = parseCron(expression);
  if (leastGap(cron) * HOUR < SHORTEST_AWS_INTERVAL) throw tooFrequent(expression);
  const gaps = cron.hours.slice(1).map((hour, index) => hour - cron.hours[index]!);
  checkWindowHours(duration, { startHour: cron.hours.at(-1)!, hoursBetween: Math.min(24, ...gaps) });
}

/** Hours of a window, as given or by default null. It may reach neither into the next UTC day nor into the next window. */
function checkWindowHours(duration: string | null, day: { startHour: number; hoursBetween: number }): void {
  if (duration === null) return;
  const hours = /^[0-9]{1,2}h$/.test(duration) ? Number.parseInt(duration, 10) : 0;
  if (hours < 1 || hours > 24)
    throw invalid(
      'duration-invalid',
      `The Duration '${duration.slice(0, 20)}' is not valid: it must be a number of hours from 1h to 24h.`,
    );
  if (day.startHour + hours > 24)
    throw invalid(
      'duration-crosses-day',
      'The rotation window must not extend into the next UTC day: shorten Duration.',
    );
  if (hours > day.hoursBetween)
    throw invalid(
      'duration-reaches-next-window',
      'The rotation window must not extend into the next rotation window: shorten Duration.',
    );
}

/** Least hours between two openings. */
function leastGap(cron: Cron): number {
  const gaps = cron.hours.slice(1).map((hour, index) => hour - cron.hours[index]!);
  return Math.min(...gaps, leastDaysApart(cron) * 24 + cron.hours[0]! - cron.hours.at(-1)!);
}

/** Looked up in the 28 years after which weekdays and leap days repeat; a day that comes once in them is a year apart. */
function leastDaysApart(cron: Cron): number {
  const until = Date.UTC(2028, 0, 1);
  let least = 365;
  let last: number | null = null;
  for (let midnight = Date.UTC(2000, 0, 1); midnight < until && least > 1; midnight += DAY) {
    if (!matchesDay(cron, midnight)) continue;
    if (last !== null) least = Math.min(least, (midnight - last) / DAY);
    last = midnight;
  }
  return least;
}

function tooFrequent(expression: string): RekeyError {
  return invalid(
    'schedule-too-frequent',
    `The schedule expression '${expression}' is not valid: a secret can be rotated at most every four hours.`,
  );
}

function unitLength(unit: 'hour' | 'day'): number {
  return unit === 'hour' ? HOUR : DAY;
}

function invalid(reason: string, message: string): RekeyError {
  return new RekeyError('invalid-input', message, { reason });
}
