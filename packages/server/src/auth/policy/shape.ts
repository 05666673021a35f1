import type { Place } from './problems.ts';

/** Members of a JSON object; of anything else none, after noting so. */
export function membersOf(value: unknown, place: Place): [string, unknown][] {
  if (isObject(value)) return Object.entries(value);
  place.refuse('This must be an object.');
  return [];
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Most elements take one value or a list of them. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}

/** One string or a list of at least one; null, after noting why, for anything else. */
export function stringsOf(value: unknown, place: Place): readonly string[] | null {
  const items = listOf(value);
  if (items.length === 0) return place.refuse('This list is empty; it needs at least one item.');
  const strings = items.filter((item) => typeof item === 'string');
  return strings.length === items.length ? strings : place.refuse('This must be a string or a list of strings.');
}
