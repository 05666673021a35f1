import type { ListQuery } from './driver.ts';

/** A place in an index: everything with a value, or one record. */
export interface Place {
  readonly value: string;
  /** Null: before the first record with this value. */
  readonly id: string | null;
}

/** What a list covers, with the cursor folded in; drivers translate it. */
export interface ListRange {
  /** Null: from the beginning. A place with an id is exclusive, one without is inclusive. */
  readonly lower: Place | null;
  /** Null: to the end. Always exclusive. */
  readonly upper: Place | null;
}

/** The tighter of bound and cursor on either side, so that a driver seeks once and filters nothing. */
export function rangeOf(query: ListQuery): ListRange {
  const lower = query.from === undefined ? null : { value: query.from, id: null };
  const upper = query.until === undefined ? null : { value: query.until, id: null };
  if (query.after === undefined) return { lower, upper };
  const cursor: Place = query.index === null ? { value: query.after.id, id: query.after.id } : query.after;
  if (query.descending === true) {
    return { lower, upper: upper === null || compareText(cursor.value, upper.value) < 0 ? cursor : upper };
  }
  return { lower: lower === null || compareText(cursor.value, lower.value) >= 0 ? cursor : lower, upper };
}

/** Byte order of UTF-8, which is what databases sort by; JavaScript's own order differs beyond U+FFFF. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  const end = Math.min(a.length, b.length);
  let at = 0;
  while (at < end && a.charCodeAt(at) === b.charCodeAt(at)) at += 1;
  if (at === end) return a.length - b.length;
  const [mine, theirs] = [a.charCodeAt(at), b.charCodeAt(at)];
  if (isSurrogate(mine) || isSurrogate(theirs)) return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return mine - theirs;
}

/** Half of a character beyond U+FFFF. */
function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}
