import { RekeyError } from './errors.ts';

/** Milliseconds per unit, largest first. */
const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

const PATTERN = /^([0-9]{1,9})([smhd])$/;

export interface DurationBounds {
  /** What the duration is for, as it should read in an error: `the overlap`. */
  readonly what: string;
  /** Milliseconds, inclusive. Default 0. */
  readonly min?: number;
  /** Milliseconds, inclusive. Default 1,000 days. */
  readonly max?: number;
}

/** Longest duration anything in rekey takes unless told otherwise; AWS's longest rotation interval. Milliseconds. */
export const LONGEST_DURATION = 1_000 * 86_400_000;

/**
 * Reads a duration written as a whole number and a unit: `30s`, `10m`, `1h`, `30d`.
 *
 * @returns milliseconds
 * @throws RekeyError `invalid-input` (reason `duration-malformed` or `duration-out-of-bounds`) in one sentence
 */
export function parseDuration(text: string, bounds: DurationBounds): number {
  const match = PATTERN.exec(text);
  if (match === null) {
    const shown = text.length > 20 ? `${text.slice(0, 20)}…` : text;
    throw new RekeyError(
      'invalid-input',
      `${capital(bounds.what)} is '${shown}', which is not a duration: write a whole number and s, m, h or d, such as 30s, 10m, 1h or 30d.`,
      { reason: 'duration-malformed' },
    );
  }
  return checkDuration(Number(match[1]) * unitOf(match[2]), bounds);
}

/**
 * Passes a duration that lies within its bounds.
 *
 * @throws RekeyError `invalid-input` (reason `duration-out-of-bounds`)
 */
export function checkDuration(milliseconds: number, bounds: DurationBounds): number {
  const { what, min = 0, max = LONGEST_DURATION } = bounds;
  if (Number.isFinite(milliseconds) && milliseconds >= min && milliseconds <= max) return milliseconds;
  throw new RekeyError(
    'invalid-input',
    `${capital(what)} is ${formatDuration(milliseconds)}, but it must be between ${formatDuration(min)} and ${formatDuration(max)}.`,
    { reason: 'duration-out-of-bounds' },
  );
}

/**
 * Writes milliseconds in the largest unit that is exact: `90s`, `1h`, `30d`. Anything finer than a second is written
 * as decimals of a second, which {@link parseDuration} does not take back.
 */
export function formatDuration(milliseconds: number): string {
  if (milliseconds === 0) return '0s';
  for (const [unit, size] of UNITS) if (milliseconds % size === 0) return `${milliseconds / size}${unit}`;
  return `${Number((milliseconds / 1_000).toFixed(3))}s`;
}

function unitOf(letter: string | undefined): number {
  return UNITS.find(([unit]) => unit === letter)?.[1] ?? Number.NaN;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
