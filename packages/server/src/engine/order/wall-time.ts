/**
 * What clocks on the wall show, and when: calendars are read in somebody's time zone, rekey counts milliseconds. A wall
 * time is a number too: the milliseconds that UTC would give it, so that calendars are computed without a zone.
 */

const formats = new Map<string, Intl.DateTimeFormat>();

/** True for a name of the IANA time zone database (`Europe/Berlin`, `UTC`). */
export function isTimeZone(name: string): boolean {
  try {
    return formatIn(name) !== null;
  } catch {
    return false;
  }
}

/** What the clock shows in a zone at a moment, to the second. */
export function wallAt(instant: number, zone: string): number {
  const shown = new Map(
    formatIn(zone)
      .formatToParts(instant)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const part = (type: Intl.DateTimeFormatPartTypes) => shown.get(type) ?? 0;
  return Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'));
}

/**
 * When the clock in a zone shows a wall time. One that comes twice (clocks go back) is the first or the last of the two;
 * one that never comes (clocks go forward) is read by the clock before or after the change, whichever is earlier or later.
 */
export function instantOf(wall: number, zone: string, which: 'first' | 'last'): number {
  const read = [wall - DAY, wall + DAY].map((near) => wall - (wallAt(near, zone) - near));
  const shown = read.filter((instant) => wallAt(instant, zone) === wall);
  const instants = shown.length > 0 ? shown : read;
  return which === 'first' ? Math.min(...instants) : Math.max(...instants);
}

const DAY = 86_400_000;

function formatIn(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone);
  if (known !== undefined) return known;
  const made = new Intl.DateTimeFormat('en-u-hc-h23', {
    timeZone,
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  formats.set(timeZone, made);
  return made;
}
