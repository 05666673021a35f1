import type { CountRange, ListQuery } from '../driver.ts';
import { type Place, rangeOf } from '../list-range.ts';

/** A statement and what to bind, in order. */
export interface ListStatement {
  readonly sql: string;
  readonly parameters: readonly (string | number)[];
}

interface Condition {
  readonly sql: string;
  readonly parameters: readonly string[];
}

const NONE: Condition = { sql: '', parameters: [] };

/** One range of one index in index order: at most a handful of different statements, each a single seek. */
export function listStatement(query: ListQuery): ListStatement {
  return query.index === null ? byId(query) : byIndex(query, query.index);
}

/** Of an index its entries alone are counted: no record is read. */
export function countStatement(collection: string, range?: CountRange): ListStatement {
  if (range === undefined)
    return { sql: 'SELECT count(*) AS count FROM record WHERE collection = ?', parameters: [collection] };
  const { index, until } = range;
  const bounds = until === undefined ? NONE : { sql: ' AND value < ?', parameters: [until] };
  return {
    sql: `SELECT count(*) AS count FROM entry WHERE collection = ? AND name = ?${bounds.sql}`,
    parameters: [collection, index, ...bounds.parameters],
  };
}

function byId(query: ListQuery): ListStatement {
  const { lower, upper } = rangeOf(query);
  const conditions = [bound('id', lower, (place) => (place.id === null ? '>=' : '>')), bound('id', upper, () => '<')];
  return {
    sql: `SELECT id, revision, body, NULL AS indexValue FROM record
          WHERE collection = ?${conditions.map((condition) => condition.sql).join('')}
          ORDER BY id${direction(query)} LIMIT ?`,
    parameters: [query.collection, ...conditions.flatMap((condition) => condition.parameters), query.limit],
  };
}

/** CROSS JOIN keeps SQLite from turning the join round (sqlite.org/optoverview.html, "Manual control"). */
function byIndex(query: ListQuery, index: string): ListStatement {
  const { lower, upper } = rangeOf(query);
  const conditions = [placeBound(lower, '>'), placeBound(upper, '<')];
  return {
    sql: `SELECT record.id AS id, record.revision AS revision, record.body AS body, entry.value AS indexValue
          FROM entry CROSS JOIN record ON record.collection = entry.collection AND record.id = entry.id
          WHERE entry.collection = ? AND entry.name = ?${conditions.map((condition) => condition.sql).join('')}
          ORDER BY entry.value${direction(query)}, entry.id${direction(query)} LIMIT ?`,
    parameters: [query.collection, index, ...conditions.flatMap((condition) => condition.parameters), query.limit],
  };
}

function placeBound(place: Place | null, comparison: '>' | '<'): Condition {
  if (place === null) return NONE;
  if (place.id === null) return bound('entry.value', place, () => (comparison === '>' ? '>=' : '<'));
  return { sql: ` AND (entry.value, entry.id) ${comparison} (?, ?)`, parameters: [place.value, place.id] };
}

function bound(column: string, place: Place | null, comparison: (place: Place) => string): Condition {
  return place === null ? NONE : { sql: ` AND ${column} ${comparison(place)} ?`, parameters: [place.value] };
}

function direction(query: ListQuery): string {
  return query.descending === true ? ' DESC' : '';
}
