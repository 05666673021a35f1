import { createHash } from 'node:crypto';
import { type Cron, matchesDay, parseCron } from './cron.ts';
import type { RotationRule } from './rotation.ts';
import { parseRate, SHORTEST_AWS_INTERVAL } from './rotation-rule.ts';

/**
 * When a rotation may begin, by the rules of AWS Secrets Manager (user guide, "Rotation schedules"; `RotationRulesType`
 * of the API). Pure: times are milliseconds since the epoch, everything is UTC.
 */
export interface RotationWindow {
  readonly opensAt: number;
  /** Its last second (native intervals: its last millisecond); what DescribeSecret reports as NextRotationDate. */
  readonly closesAt: number;
  /** Milliseconds from its opening over which rotations are spread; left out: a fraction of the window. */
  readonly spreadOver?: number;
}

const SECOND = 1_000;
const HOUR = 3_600_000;
const DAY = 86_400_000;

/**
 * Part of a window over which rotations are spread when nothing else is configured: early enough that a rotation that
 * fails at first has the rest of the window to be retried before it is overdue.
 */
export const DEFAULT_SPREAD = 0.5;

/** A 29 February that is the fifth of its weekday comes every 28 years, or 40 across a year like 2100. */
const SEARCHED_DAYS = 41 * 366;

/**
 * The first window that opens after the given moment (the last rotation; for a secret never rotated, when its rule was
 * set). Days and rates count from that moment; days open at midnight and hours on the hour, as AWS's do. Null for
 * `manual`. The rule must have passed {@link checkRule}.
 */
export function nextWindow(rule: RotationRule, after: number): RotationWindow | null {
  switch (rule.kind) {
    case 'manual':
      return null;
    case 'every':
      return nativeWindow(after + rule.every, rule.every);
    case 'days':
      return dayWindow(floorTo(after, DAY) + rule.days * DAY, rule.duration);
    case 'expression':
      return nextOfExpression(rule.expression, rule.duration, after);
  }
}

/**
 * The moment inside a window at which one secret's rotation begins: always the same for the same secret, and even
 * over all of them, so that 10,000 secrets on one schedule do not knock at one database in one second.
 *
 * @param key the secret's id
 * @param fraction 0 to 1: the part of the window that is used, from its opening on; native intervals say it themselves
 */
export function spread(window: RotationWindow, key: string, fraction: number = DEFAULT_SPREAD): number {
  const length = window.spreadOver ?? (window.closesAt - window.opensAt) * Math.min(1, Math.max(0, fraction));
  const share = createHash('sha256').update(key).digest().readUIntBE(0, 6) / 2 ** 48;
  return window.opensAt + Math.floor(length * share);
}

/**
 * What DescribeSecret reports as AutomaticallyAfterDays: the days between rotations, rounded up; null where AWS has no
 * word for the rule (`manual`, and native intervals below its four hours).
 *
 * @param after the last rotation; a cron schedule is measured between the two windows that follow it
 */
export function automaticallyAfterDays(rule: RotationRule, after: number): number | null {
  if (rule.kind === 'manual' || (rule.kind === 'every' && rule.every < SHORTEST_AWS_INTERVAL)) return null;
  if (rule.kind === 'days') return rule.days;
  if (rule.kind === 'every') return Math.ceil(rule.every / DAY);
  const first = nextWindow(rule, after);
  const second = first && nextWindow(rule, first.opensAt);
  return first && second && Math.max(1, Math.ceil((second.opensAt - first.opensAt) / DAY));
}

function nextOfExpression(expression: string, duration: string | null, after: number): RotationWindow | null {
  const rate = parseRate(expression);
  if (rate === null) return nextOfCron(parseCron(expression), duration, after);
  if (rate.unit === 'day') return dayWindow(floorTo(after, DAY) + rate.count * DAY, duration);
  return windowOf(floorTo(after, HOUR) + rate.count * HOUR, duration ?? '1h');
}

function nextOfCron(cron: Cron, duration: string | null, after: number): RotationWindow | null {
  const today = floorTo(after, DAY);
  for (let passed = 0; passed < SEARCHED_DAYS; passed += 1) {
    const midnight = today + passed * DAY;
    const hour = cron.hours.find((candidate) => midnight + candidate * HOUR > after);
    if (hour === undefined || !matchesDay(cron, midnight)) continue;
    const opensAt = midnight + hour * HOUR;
    return cron.hours.length > 1 ? windowOf(opensAt, duration ?? '1h') : dayWindow(opensAt, duration);
  }
  return null;
}

/** A window of a schedule in days: until the end of the UTC day unless a duration is given. */
function dayWindow(opensAt: number, duration: string | null): RotationWindow {
  return windowOf(opensAt, duration ?? '24h');
}

/** Never past the end of the UTC day it opens in: rates in hours come to open at any hour. */
function windowOf(opensAt: number, duration: string): RotationWindow {
  const endOfDay = floorTo(opensAt, DAY) + DAY;
  return { opensAt, closesAt: Math.min(opensAt + Number.parseInt(duration, 10) * HOUR, endOfDay) - SECOND };
}

/** How long a rotation may take before a short interval counts as overdue; more would overlap the next one. */
const NATIVE_PATIENCE = 30 * SECOND;

/** A tenth of the interval, at most an hour, to spread it: enough for many secrets, too little to make ages uneven. */
function nativeWindow(opensAt: number, every: number): RotationWindow {
  const spreadOver = Math.min(Math.floor(every / 10), HOUR);
  return { opensAt, closesAt: opensAt + Math.max(spreadOver, Math.min(every - 1, NATIVE_PATIENCE)), spreadOver };
}

function floorTo(time: number, size: number): number {
  return Math.floor(time / size) * size;
}
