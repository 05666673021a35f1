import { remember } from './context.ts';

/** One way only to read each text: where two runs of digits could share one, its length would count squared. */
const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?$/;
const EPOCH = /^-?(?:\d{5,15}|0)(?:\.\d+)?$/;
const DATE = /^(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T(\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(Z|[+-]\d{2}:\d{2})?)?)?)?$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** A whole or decimal number; NaN for anything else. */
export const parseNumber = remember((text: string): number => (NUMBER.test(text) ? Number(text) : Number.NaN));

/**
 * A date as the policy language writes it: W3C date and time (from `2026` to `2026-01-31T10:00:00.5+02:00`, UTC where no
 * zone is given), or seconds since the epoch (five digits or more: four are a year).
 *
 * @returns milliseconds since the epoch; NaN for anything else, also for a day that the month does not have
 */
export const parseDate = remember((text: string): number => {
  if (EPOCH.test(text)) return Number(text) * 1000;
  const [whole, year, month = '01', day = '01', time = '00:00:00', zone = 'Z'] = DATE.exec(text) ?? [];
  if (whole === undefined) return Number.NaN;
  const midnight = new Date(`${year}-${month}-${day}T00:00:00Z`);
  if (Number.isNaN(midnight.getTime()) || midnight.getUTCDate() !== Number(day)) return Number.NaN;
  return Date.parse(`${year}-${month}-${day}T${time}${zone}`);
});

/** `true` or `false` in any case; null for anything else. */
export function parseFlag(text: string): boolean | null {
  const lower = text.toLowerCase();
  return lower === 'true' ? true : lower === 'false' ? false : null;
}

/** Base64 in its one canonical form, so that equal bytes are equal text; null for anything else. */
export function parseBase64(text: string): string | null {
  return BASE64.test(text) ? Buffer.from(text, 'base64').toString('base64') : null;
}
