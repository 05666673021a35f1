import { RekeyError } from './errors.ts';

/**
 * The cron grammar of AWS Secrets Manager: `cron(Minutes Hours Day-of-month Month Day-of-week Year)`, always UTC.
 * Minutes must be 0 and year `*`; of the two day fields exactly one is `?`; weekdays count from 1 = SUN; a step in
 * the hours starts anew each day. Source: AWS Secrets Manager user guide, "Rotation schedules".
 */
export interface Cron {
  /** Hours of the day, ascending. */
  readonly hours: readonly number[];
  /** Months, 1 to 12. */
  readonly months: ReadonlySet<number>;
  readonly day: DayRule;
}

/** Which days of a month count. */
export type DayRule =
  | { readonly by: 'month-day'; readonly days: ReadonlySet<number>; readonly last: boolean }
  | {
      readonly by: 'weekday';
      /** Every such weekday, 1 = SUN. */
      readonly every: ReadonlySet<number>;
      /** The n-th such weekday of the month (`2#1`: first Monday). */
      readonly nth: readonly { readonly weekday: number; readonly n: number }[];
      /** The last such weekday of the month (`6L`: last Friday). */
      readonly last: ReadonlySet<number>;
    };

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const WEEKDAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** Names of the numbers from `min` on. */
  readonly names: readonly string[];
}
const HOUR: Field = { name: 'hours', min: 0, max: 23, names: [] };
const MONTH_DAY: Field = { name: 'day of month', min: 1, max: 31, names: [] };
const MONTH: Field = { name: 'month', min: 1, max: 12, names: MONTHS };
const WEEKDAY: Field = { name: 'day of week', min: 1, max: 7, names: WEEKDAYS };

/**
 * Reads `cron(…)`.
 *
 * @throws RekeyError `invalid-input`, reason `schedule-expression-invalid`, naming the field
 */
export function parseCron(expression: string): Cron {
  const inner = /^cron\((.*)\)$/.exec(expression)?.[1];
  const fields = inner?.trim().split(/\s+/) ?? [];
  if (fields.length !== 6)
    throw invalid(expression, 'it must have six fields: cron(Minutes Hours Day-of-month Month Day-of-week Year)');
  const [minutes, hours, monthDay, month, weekday, year] = fields as [string, string, string, string, string, string];
  if (minutes !== '0') throw invalid(expression, 'the minutes must be 0, because rotation windows open on the hour');
  if (year !== '*') throw invalid(expression, 'the year must be *');
  if ((monthDay === '?') === (weekday === '?'))
    throw invalid(expression, 'exactly one of day of month and day of week must be ?');
  const complain = (reason: string) => invalid(expression, reason);
  const cron: Cron = {
    hours: [...parseList(hours, HOUR, complain)].sort((a, b) => a - b),
    months: parseList(month, MONTH, complain),
    day: weekday === '?' ? parseMonthDays(monthDay, complain) : parseWeekdays(weekday, complain),
  };
  if (!everMatches(cron)) throw invalid(expression, 'no month has such a day');
  return cron;
}

/** Whether the UTC day that begins at `midnight` (milliseconds since the epoch) counts. */
export function matchesDay(cron: Cron, midnight: number): boolean {
  const date = new Date(midnight);
  if (!cron.months.has(date.getUTCMonth() + 1)) return false;
  const day = date.getUTCDate();
  const lastDay = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
  return matchesDayRule(cron.day, day, date.getUTCDay() + 1, lastDay);
}

/** Whether a window of the schedule opens at exactly this moment. */
export function matchesHour(cron: Cron, time: number): boolean {
  const date = new Date(time);
  const onTheHour = time % 3_600_000 === 0;
  return (
    onTheHour && cron.hours.includes(date.getUTCHours()) && matchesDay(cron, Math.floor(time / 86_400_000) * 86_400_000)
  );
}

function matchesDayRule(rule: DayRule, day: number, weekday: number, lastDay: number): boolean {
  if (rule.by === 'month-day') return rule.days.has(day) || (rule.last && day === lastDay);
  const nth = Math.ceil(day / 7);
  return (
    rule.every.has(weekday) ||
    rule.nth.some((wanted) => wanted.weekday === weekday && wanted.n === nth) ||
    (rule.last.has(weekday) && day + 7 > lastDay)
  );
}

type Complain = (reason: string) => RekeyError;

function parseMonthDays(text: string, complain: Complain): DayRule {
  const items = text.split(',');
  const plain = items.filter((item) => item !== 'L');
  return {
    by: 'month-day',
    days: plain.length === 0 ? new Set() : parseList(plain.join(','), MONTH_DAY, complain),
    last: plain.length < items.length,
  };
}

function parseWeekdays(text: string, complain: Complain): DayRule {
  const every = new Set<number>();
  const last = new Set<number>();
  const nth: { weekday: number; n: number }[] = [];
  for (const item of text.split(',')) {
    const [weekday, count] = item.split('#') as [string, string?];
    if (count !== undefined)
      nth.push({ weekday: parseNumber(weekday, WEEKDAY, complain), n: parseCount(count, complain) });
    else if (item === 'L') every.add(WEEKDAY.max);
    else if (item.length > 1 && item.endsWith('L')) last.add(parseNumber(item.slice(0, -1), WEEKDAY, complain));
    else for (const value of parseItem(item, WEEKDAY, complain)) every.add(value);
  }
  return { by: 'weekday', every, nth, last };
}

function parseCount(text: string, complain: Complain): number {
  if (!/^[1-5]$/.test(text)) throw complain(`'#${text}' in the day of week must be #1 to #5`);
  return Number(text);
}

function parseList(text: string, field: Field, complain: Complain): ReadonlySet<number> {
  return new Set(text.split(',').flatMap((item) => [...parseItem(item, field, complain)]));
}

// One item of a list: `*`, `5`, `1-5`, and each of them with a step: `*/2`, `4/12` (from 4 on), `1-10/3`.
function parseItem(item: string, field: Field, complain: Complain): readonly number[] {
  const [range, stepText, ...rest] = item.split('/') as [string, string?, ...string[]];
  if (rest.length > 0) throw complain(`'${item}' in the ${field.name} has more than one step`);
  const step = stepText === undefined ? 1 : parseStep(stepText, field, complain);
  const [first, last] = parseRange(range, field, stepText !== undefined, complain);
  const values: number[] = [];
  for (let value = first; value <= last; value += step) values.push(value);
  return values;
}

function parseRange(range: string, field: Field, open: boolean, complain: Complain): readonly [number, number] {
  if (range === '*') return [field.min, field.max];
  const [from, to, ...rest] = range.split('-') as [string, string?, ...string[]];
  if (rest.length > 0) throw complain(`'${range}' in the ${field.name} is not a range`);
  const first = parseNumber(from, field, complain);
  if (to === undefined) return [first, open ? field.max : first];
  const last = parseNumber(to, field, complain);
  if (last < first) throw complain(`the range '${range}' in the ${field.name} runs backwards`);
  return [first, last];
}

function parseStep(text: string, field: Field, complain: Complain): number {
  const step = /^[0-9]{1,2}$/.test(text) ? Number(text) : 0;
  if (step < 1 || step > field.max)
    throw complain(`the step '/${text}' in the ${field.name} must be 1 to ${field.max}`);
  return step;
}

function parseNumber(text: string, field: Field, complain: Complain): number {
  const named = field.names.indexOf(text.toUpperCase());
  if (named !== -1) return field.min + named;
  const value = /^[0-9]{1,2}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= field.min && value <= field.max) return value;
  throw complain(`'${text}' is not a ${field.name} between ${field.min} and ${field.max}`);
}

/** A leap year and all months hold every day that exists, except that a fifth weekday may take several years to come. */
function everMatches(cron: Cron): boolean {
  const rule = cron.day;
  if (rule.by === 'weekday') return rule.every.size + rule.nth.length + rule.last.size > 0;
  return rule.last || [...cron.months].some((month) => [...rule.days].some((day) => day <= LONGEST_MONTH[month - 1]!));
}

const LONGEST_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function invalid(expression: string, reason: string): RekeyError {
  return new RekeyError('invalid-input', `The schedule expression '${expression}' is not valid: ${reason}.`, {
    reason: 'schedule-expression-invalid',
  });
}
