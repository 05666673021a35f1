import type { ListQuery } from '../driver.ts';
import { type Place, rangeOf } from '../list-range.ts';
import type { Statement } from './connections.ts';

/** A list as PostgreSQL is asked for it; lists of one shape share a prepared statement. */
export interface ListStatement extends Statement {
  readonly values: readonly unknown[];
}

/** One range of one index in index order: at most a handful of different statements, each a single seek. */
export function listStatement(query: ListQuery): ListStatement {
  const values: unknown[] = [query.collection];
  const bind = (value: unknown): string => `$${values.push(value)}`;
  const { lower, upper } = rangeOf(query);
  const shape = ['list', query.index === null ? 'id' : 'index', shapeOf(lower), shapeOf(upper)].join(' ');
  const text = query.index === null ? byId(query, lower, upper, bind) : byIndex(query, query.index, lower, upper, bind);
  return { name: query.descending === true ? `${shape} desc` : shape, text, values };
}

type Bind = (value: unknown) => string;

function byId(query: ListQuery, lower: Place | null, upper: Place | null, bind: Bind): string {
  const from = lower === null ? '' : ` AND id ${lower.id === null ? '>=' : '>'} ${bind(lower.value)}`;
  const until = upper === null ? '' : ` AND id < ${bind(upper.value)}`;
  return `SELECT id, revision, body, NULL AS "indexValue" FROM record
    WHERE collection = $1${from}${until} ORDER BY id${direction(query)} LIMIT ${bind(query.limit)}`;
}

function byIndex(query: ListQuery, index: string, lower: Place | null, upper: Place | null, bind: Bind): string {
  const name = bind(index);
  const bounds = placeBound(lower, '>', bind) + placeBound(upper, '<', bind);
  return `SELECT record.id, record.revision, record.body, entry.value AS "indexValue"
    FROM entry JOIN record ON record.collection = entry.collection AND record.id = entry.id
    WHERE entry.collection = $1 AND entry.name = ${name}${bounds}
    ORDER BY entry.value${direction(query)}, entry.id${direction(query)} LIMIT ${bind(query.limit)}`;
}

function placeBound(place: Place | null, comparison: '>' | '<', bind: Bind): string {
  if (place === null) return '';
  if (place.id === null) return ` AND entry.value ${comparison === '>' ? '>=' : '<'} ${bind(place.value)}`;
  return ` AND (entry.value, entry.id) ${comparison} (${bind(place.value)}, ${bind(place.id)})`;
}

function shapeOf(place: Place | null): string {
  return place === null ? 'open' : place.id === null ? 'value' : 'place';
}

function direction(query: ListQuery): string {
  return query.descending === true ? ' DESC' : '';
}
