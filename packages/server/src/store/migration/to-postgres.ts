import { DatabaseSync } from 'node:sqlite';
import { RekeyError } from '@rekey/core';
import type pg from 'pg';
import type { PostgresAddress } from '../postgres/address.ts';
import { Connections } from '../postgres/connections.ts';
import { MIGRATIONS, prepareSchema } from '../postgres/schema.ts';
import { isKeyring, isMoved } from './moved-settings.ts';
import { type ContentDigest, digestOf, rowsOfFile, rowsOfSchema, type StoreRow } from './store-rows.ts';

export interface MoveToPostgres {
  /** A consistent copy of the store, as {@link StoreDriver.backup} writes it. */
  readonly snapshot: string;
  readonly address: PostgresAddress;
  /** Records that are made for the new place, sealed. */
  readonly made: readonly StoreRow[];
  /** Told now and then: records copied, and how many there are. */
  readonly onProgress: (done: number, total: number) => void;
  /** Asked right before the keyring is put, after which the new store can be opened; throws if the source was written to. */
  readonly confirm: () => Promise<void>;
}

/** Counter that stands while a move is unfinished: the revision of the snapshot it is made from. */
const MOVING = 'moving';
/** Rows in one transaction: where it is interrupted, so much is done again. */
const ROWS = 500;

/**
 * Copies a snapshot into a schema that holds no store. The keyring comes last, with what proves that all the rest is there:
 * before that nobody can open the store there. Interrupted, it goes on behind the last record that arrived.
 *
 * @throws RekeyError `already-exists`, reason `store-exists`; `integrity` if what arrived is not what was sent
 */
export async function moveToPostgres(move: MoveToPostgres): Promise<ContentDigest> {
  const connections = new Connections(move.address);
  try {
    await prepareSchema(connections, { create: true, readOnly: false, migrations: MIGRATIONS });
    return await connections.alone(async (client) => {
      await client.query(`SELECT set_config('search_path', $1, false)`, [move.address.schema]);
      await takeLock(client, move.address);
      return copy(client, move);
    });
  } finally {
    await connections.close();
  }
}

async function takeLock(client: pg.Client, { schema, place }: PostgresAddress): Promise<void> {
  const { rows } = await client.query<{ taken: boolean }>(
    `SELECT pg_try_advisory_lock(hashtextextended('rekey move ' || $1, 0)) AS taken`,
    [schema],
  );
  if (rows[0]?.taken === true) return;
  throw new RekeyError(
    'unavailable',
    `Another \`rekey migrate\` is copying into PostgreSQL at ${place}; wait for it.`,
    {
      reason: 'migration-running',
    },
  );
}

async function copy(client: pg.Client, move: MoveToPostgres): Promise<ContentDigest> {
  const source = rowsOfFile(move.snapshot);
  const revision = revisionOf(move.snapshot);
  const after = await beginOrGoOn(client, move.address, revision);
  const expected = await digestOf(source, isMoved);
  await copyRecords(client, move, after, expected.records);
  await copyRest(client, move);
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  const made = new Set(move.made.map(({ collection, id }) => `${collection}/${id}`));
  const arrived = await digestOf(
    rowsOfSchema(client),
    (row) => isMoved(row) && !made.has(`${row.collection}/${row.id}`),
  );
  if (arrived.digest !== expected.digest) throw different(move.address, expected, arrived);
  await move.confirm();
  for await (const row of source.records()) if (isKeyring(row)) await putRecords(client, [row]);
  await client.query(`UPDATE counter SET value = $1 WHERE name = 'revision'`, [revision]);
  await client.query('DELETE FROM counter WHERE name = $1', [MOVING]);
  await client.query('COMMIT');
  return arrived;
}

/** The last record that an interrupted move of the same snapshot brought; null: from the beginning. */
async function beginOrGoOn(client: pg.Client, address: PostgresAddress, revision: number) {
  const { rows: moving } = await client.query<{ value: number }>('SELECT value FROM counter WHERE name = $1', [MOVING]);
  const { rows: any } = await client.query('SELECT 1 FROM record LIMIT 1');
  if (moving.length === 0 && any.length > 0) throw occupied(address);
  if (moving[0]?.value !== revision) {
    await client.query('BEGIN');
    for (const table of ['record', 'entry', 'claim', 'change']) await client.query(`DELETE FROM ${table}`);
    await client.query('INSERT INTO counter VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2', [
      MOVING,
      revision,
    ]);
    await client.query('COMMIT');
    return null;
  }
  const { rows } = await client.query<{ collection: string; id: string }>(
    'SELECT collection, id FROM record ORDER BY collection DESC, id DESC LIMIT 1',
  );
  return rows[0] ?? null;
}

async function copyRecords(
  client: pg.Client,
  { snapshot, onProgress }: MoveToPostgres,
  after: Pick<StoreRow, 'collection' | 'id'> | null,
  total: number,
): Promise<void> {
  let batch: StoreRow[] = [];
  let done = 0;
  for await (const row of rowsOfFile(snapshot).records()) {
    if (!isMoved(row)) continue;
    done += 1;
    if (after !== null && !isBehind(row, after)) continue;
    batch.push(row);
    if (batch.length < ROWS) continue;
    await putRecords(client, batch);
    onProgress(done, total);
    batch = [];
  }
  await putRecords(client, batch);
  onProgress(done, total);
}

function isBehind(row: Pick<StoreRow, 'collection' | 'id'>, after: Pick<StoreRow, 'collection' | 'id'>): boolean {
  const byCollection = Buffer.compare(Buffer.from(row.collection), Buffer.from(after.collection));
  return byCollection > 0 || (byCollection === 0 && Buffer.compare(Buffer.from(row.id), Buffer.from(after.id)) > 0);
}

/** Index values, the fences of claims (which never start again), and what is made for the new place. Small: in one go. */
async function copyRest(client: pg.Client, { snapshot, made }: MoveToPostgres): Promise<void> {
  await client.query('BEGIN');
  await client.query('DELETE FROM entry');
  let batch: unknown[][] = [];
  for await (const { collection, name, value, id } of rowsOfFile(snapshot).entries()) {
    batch.push([collection, name, value, id]);
    if (batch.length < ROWS) continue;
    await insert(client, 'entry', 4, batch);
    batch = [];
  }
  await insert(client, 'entry', 4, batch);
  await client.query('DELETE FROM claim');
  const claims = claimsOf(snapshot).map(({ key, fence }) => [key, null, fence, 0]);
  for (let at = 0; at < claims.length; at += ROWS) await insert(client, 'claim', 4, claims.slice(at, at + ROWS));
  await putRecords(client, made);
  await client.query('COMMIT');
}

/** One statement, and so all or nothing. */
async function putRecords(client: pg.Client, rows: readonly StoreRow[]): Promise<void> {
  const values = rows.map(({ collection, id, revision, entries, body }) => [
    ...[collection, id, revision, entries],
    Buffer.from(body),
  ]);
  await insert(client, 'record', 5, values, 'ON CONFLICT (collection, id) DO NOTHING');
}

async function insert(
  client: pg.Client,
  table: 'record' | 'entry' | 'claim',
  columns: number,
  rows: readonly (readonly unknown[])[],
  then = '',
): Promise<void> {
  if (rows.length === 0) return;
  const places = rows.map((_, row) => {
    const numbers = Array.from({ length: columns }, (_unused, column) => `$${row * columns + column + 1}`);
    return `(${numbers.join(', ')})`;
  });
  await client.query(`INSERT INTO ${table} VALUES ${places.join(', ')} ${then}`, rows.flat());
}

export function revisionOf(snapshot: string): number {
  return askFile<{ value: number }>(snapshot, `SELECT value FROM counter WHERE name = 'revision'`)[0]?.value ?? 0;
}

function claimsOf(snapshot: string): readonly { readonly key: string; readonly fence: number }[] {
  return askFile(snapshot, 'SELECT key, fence FROM claim');
}

function askFile<Row>(file: string, sql: string): readonly Row[] {
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    return db.prepare(sql).all() as unknown as Row[];
  } finally {
    db.close();
  }
}

function occupied({ schema, place }: PostgresAddress): RekeyError {
  const message = `There is a store in schema ${schema} of PostgreSQL at ${place} already; name another database, or another schema with ?schema=NAME.`;
  return new RekeyError('already-exists', message, { reason: 'store-exists' });
}

function different({ place }: PostgresAddress, expected: ContentDigest, arrived: ContentDigest): RekeyError {
  const message = `What arrived in PostgreSQL at ${place} is not what was sent (${arrived.records} of ${expected.records} records, or other contents); nothing can open it there; run \`rekey migrate\` again.`;
  return new RekeyError('integrity', message, { reason: 'migration-differs' });
}
