import { createHash } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import type pg from 'pg';

/** A record as both SQL drivers keep it: sealed, with its index values as JSON. */
export interface StoreRow {
  readonly collection: string;
  readonly id: string;
  readonly revision: number;
  readonly entries: string;
  readonly body: Uint8Array;
}

export interface IndexRow {
  readonly collection: string;
  readonly name: string;
  readonly value: string;
  readonly id: string;
}

/** Everything of a store that a move takes along, in the order of its keys. */
export interface StoreRows {
  records(): AsyncIterable<StoreRow>;
  entries(): AsyncIterable<IndexRow>;
}

/** What a store holds, to be compared: no two stores with different content have the same digest. */
export interface ContentDigest {
  readonly records: number;
  readonly digest: string;
}

const RECORDS = 'SELECT collection, id, revision, entries, body FROM record ORDER BY collection, id';
const ENTRIES = 'SELECT collection, name, value, id FROM entry ORDER BY collection, name, value, id';
/** Rows at a time, between which the thread does something else. */
const ROWS = 200;

/** The rows of a store file that nobody writes to. */
export function rowsOfFile(file: string): StoreRows {
  return {
    records: () => fromFile<StoreRow>(file, RECORDS),
    entries: () => fromFile<IndexRow>(file, ENTRIES),
  };
}

async function* fromFile<Row>(file: string, sql: string): AsyncGenerator<Row> {
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    let read = 0;
    for (const row of db.prepare(sql).iterate()) {
      yield row as unknown as Row;
      read += 1;
      if (read % ROWS === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    db.close();
  }
}

/** The rows of a schema, as one transaction of the client sees them. */
export function rowsOfSchema(client: pg.Client): StoreRows {
  return {
    records: () => fromSchema<StoreRow>(client, RECORDS),
    entries: () => fromSchema<IndexRow>(client, ENTRIES),
  };
}

async function* fromSchema<Row extends pg.QueryResultRow>(client: pg.Client, sql: string): AsyncGenerator<Row> {
  await client.query(`DECLARE moved NO SCROLL CURSOR FOR ${sql}`);
  for (;;) {
    const { rows } = await client.query<Row>(`FETCH ${ROWS} FROM moved`);
    if (rows.length === 0) break;
    yield* rows;
  }
  await client.query('CLOSE moved');
}

/** @param counts whether a record is compared: those that are made for the new place are not */
export async function digestOf(rows: StoreRows, counts: (row: StoreRow) => boolean): Promise<ContentDigest> {
  const hash = createHash('sha256');
  const add = (...parts: readonly (string | number)[]) => hash.update(`${JSON.stringify(parts)}\n`);
  let records = 0;
  for await (const row of rows.records()) {
    if (!counts(row)) continue;
    records += 1;
    add(row.collection, row.id, row.revision, row.entries, row.body.length);
    hash.update(row.body);
  }
  for await (const { collection, name, value, id } of rows.entries()) add(collection, name, value, id);
  return { records, digest: hash.digest('hex') };
}
