import { RekeyError } from '@rekey/core';
import { compileGlob, globParts } from '../../auth/policy/glob.ts';
import { instantOf, isTimeZone, wallAt } from './wall-time.ts';

/** How often a freeze comes; `once` names its year. */
export const RECURRENCES = ['once', 'year', 'month', 'week', 'day'] as const;
export type Recurrence = (typeof RECURRENCES)[number];

/** A freeze as people write it, and as it is kept. */
export interface FreezeText {
  readonly name: string;
  /** Names of the environments it was made for; null: for all secrets. */
  readonly environments: readonly string[] | null;
  /** Patterns (`*`, `?`) of the names of secrets it is for; null: for all. */
  readonly secrets: readonly string[] | null;
  readonly every: Recurrence;
  /** `2026-12-20 18:00` (once), `12-20 18:00` (year), `28 18:00` (month), `Fri 18:00` (week), `18:00` (day). */
  readonly from: string;
  /** In the same form; its first moment after `from` that is free again. */
  readonly until: string;
  /** IANA name of the zone whose clocks `from` and `until` are read on. */
  readonly timeZone: string;
}

/** A range of the calendar in which no rotation begins. */
export interface Freeze {
  readonly text: FreezeText;
  covers(secretName: string): boolean;
  /** When the range ends that a moment lies in; null if it lies in none. Milliseconds since the epoch. */
  endAfter(now: number): number | null;
  /** Whether it never comes (again). */
  isOver(now: number): boolean;
}

/**
 * Reads a freeze.
 *
 * @throws RekeyError `invalid-input`, reason `freeze-invalid`, naming what of it cannot be read
 */
export function parseFreeze(text: FreezeText): Freeze {
  const { name, every, timeZone } = text;
  if (!isTimeZone(timeZone)) throw invalid(name, `there is no time zone "${timeZone.slice(0, 40)}"`);
  const [from, until] = [readPlace(text, 'from'), readPlace(text, 'until')];
  if (every === 'once' && until.at <= from.at) throw invalid(name, 'it ends before it begins');
  if (every !== 'once' && until.at === from.at) throw invalid(name, 'it would never end: from and until are the same');
  const tests = text.secrets?.map((pattern) => compileGlob(globParts(pattern))) ?? null;
  const later = until.at > from.at ? 0 : 1;
  /** Of the turn a moment lies in, the one before and the one after: no range is longer than a turn. */
  const rangesNear = (wall: number): readonly Range[] =>
    [-1, 0, 1].map((turn) => ({
      begins: instantOf(placeIn(every, from, wall, turn), timeZone, 'first'),
      ends: instantOf(placeIn(every, until, wall, turn + later), timeZone, 'last'),
    }));
  let known: Known = { since: 0, until: 0, end: null };
  const lasts = every === 'once' ? instantOf(until.at, timeZone, 'last') : Number.POSITIVE_INFINITY;
  return {
    text,
    isOver: (now) => now >= lasts,
    covers: (secretName) => tests?.some((test) => test(secretName)) ?? true,
    endAfter: (now) => {
      if (now < known.since || now >= known.until) known = lookAround(rangesNear(wallAt(now, timeZone)), now);
      return known.end;
    },
  };
}

/** Milliseconds since the epoch. */
interface Range {
  readonly begins: number;
  readonly ends: number;
}

/** What holds from one moment to another: looking at calendars is slow, and thousands of secrets may ask at once. */
interface Known {
  readonly since: number;
  readonly until: number;
  readonly end: number | null;
}

function lookAround(ranges: readonly Range[], now: number): Known {
  const end = ranges.reduce(
    (last, { begins, ends }) => (begins <= now && now < ends ? Math.max(last, ends) : last),
    now,
  );
  if (end > now) return { since: now, until: end, end };
  const next = ranges.reduce((first, { begins }) => (begins > now ? Math.min(first, begins) : first), Infinity);
  return { since: now, until: next, end: null };
}

/** That a secret is frozen: until when, and by which freeze. */
export interface Frozen {
  readonly name: string;
  readonly until: number;
}

/** Freezes that go on for ever, one after the other, are looked at anew after so many. */
const MOST_LINKED = 50;

/** When the secret is free again, freezes that follow each other taken together; null if it is not frozen. Pure. */
export function frozenAt(freezes: readonly Freeze[], secretName: string, now: number): Frozen | null {
  const covering = freezes.filter((freeze) => freeze.covers(secretName));
  let frozen: Frozen | null = null;
  for (let linked = 0, at = now; linked < MOST_LINKED; linked += 1, at = frozen.until) {
    const [longest] = covering
      .flatMap((freeze) => {
        const until = freeze.endAfter(at);
        return until === null ? [] : [{ name: freeze.text.name, until }];
      })
      .sort((one, other) => other.until - one.until);
    if (longest === undefined) return frozen;
    frozen = frozen === null ? longest : { name: frozen.name, until: longest.until };
  }
  return frozen;
}

/** A moment of the calendar that comes again: `at` sorts those of one form. */
interface Place {
  readonly at: number;
  readonly month: number;
  /** Of the month, from 1; of the week, from 0 (Monday). */
  readonly day: number;
  readonly time: number;
}

const MINUTE = 60_000;
const DAY = 86_400_000;
/** A Monday. */
const FIRST_MONDAY = Date.UTC(1970, 0, 5);
const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];

const TIME = '(?<hour>[01]\\d|2[0-3]):(?<minute>[0-5]\\d)';
const FORMS: Readonly<Record<Recurrence, { readonly form: RegExp; readonly example: string }>> = {
  once: {
    form: new RegExp(`^(?<year>2\\d{3})-(?<month>\\d{2})-(?<day>\\d{2})(?:[ T]${TIME})?$`),
    example: '2026-12-20 18:00',
  },
  year: { form: new RegExp(`^(?<month>\\d{2})-(?<day>\\d{2})(?: ${TIME})?$`), example: '12-20 18:00' },
  month: { form: new RegExp(`^(?<day>\\d{1,2})(?: ${TIME})?$`), example: '28 18:00' },
  week: { form: new RegExp(`^(?<weekday>mon|tue|wed|thu|fri|sat|sun)(?: ${TIME})?$`, 'i'), example: 'Fri 18:00' },
  day: { form: new RegExp(`^${TIME}$`), example: '18:00' },
};

function readPlace({ name, every, ...text }: FreezeText, member: 'from' | 'until'): Place {
  const { form, example } = FORMS[every];
  const read = form.exec(text[member].trim())?.groups;
  const number = (part: string, otherwise: number) => Number(read?.[part] ?? otherwise);
  const [month, time] = [number('month', 1), (number('hour', 0) * 60 + number('minute', 0)) * MINUTE];
  const weekday = WEEKDAYS.indexOf(read?.weekday?.toLowerCase() ?? '');
  const day = weekday === -1 ? number('day', every === 'week' ? 0 : 1) : weekday;
  const year = number('year', 2000);
  const exists = every === 'week' || every === 'day' || new Date(Date.UTC(year, month - 1, day)).getUTCDate() === day;
  if (read === undefined || month < 1 || month > 12 || !exists)
    throw invalid(name, `${member} is written as "${example}"${every === 'once' ? '' : `, every ${every}`}`);
  const at = every === 'week' ? day * DAY + time : Date.UTC(year, month - 1, day) + time;
  return { at, month, day, time };
}

/** The wall time of a place in the turn (day, week, month, year) that holds a wall time, or one so many turns later. */
function placeIn(every: Recurrence, { at, month, day, time }: Place, near: number, turn: number): number {
  const date = new Date(near);
  const [year, monthNow] = [date.getUTCFullYear(), date.getUTCMonth()];
  switch (every) {
    case 'once':
      return at;
    case 'day':
      return floorTo(near, DAY) + turn * DAY + time;
    case 'week':
      return floorTo(near - FIRST_MONDAY, 7 * DAY) + FIRST_MONDAY + (turn * 7 + day) * DAY + time;
    case 'month':
      return dayOf(year, monthNow + turn, day) + time;
    case 'year':
      return dayOf(year + turn, month - 1, day) + time;
  }
}

/** The last day of a month that is too short. */
function dayOf(year: number, month: number, day: number): number {
  const lastDay = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  return Date.UTC(year, month, Math.min(day, lastDay));
}

function floorTo(time: number, size: number): number {
  return Math.floor(time / size) * size;
}

function invalid(name: string, why: string): RekeyError {
  return new RekeyError('invalid-input', `The freeze "${name}" cannot be read: ${why}.`, { reason: 'freeze-invalid' });
}
