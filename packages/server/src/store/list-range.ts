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
  return SURROGATE.test(a) || SURROGATE.test(b) ? Buffer.compare(Buffer.from(a), Buffer.from(b)) : a < b ? -1 : 1;
}

const SURROGATE = /[\ud800-\udfff]/;
