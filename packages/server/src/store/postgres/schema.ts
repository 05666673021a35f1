import { RekeyError } from '@rekey/core';
import type pg from 'pg';
import { COMMIT_FUNCTION } from './commit-function.ts';
import type { Connections } from './connections.ts';

/**
 * The postgres store: a schema of its own, with the tables of the sqlite store (see `../sqlite/schema.ts`).
 *
 * ```
 *   record   (collection, id) → revision, entries, body     entries: the record's index values as JSON
 *   entry    (collection, name, value, id)                  the indexes; the key is the whole row
 *   claim    key → holder (null: released), fence, until    until: milliseconds of the database's clock
 *   change   (revision, collection, id)                     the change feed
 *   counter  name → value                                   `revision`: the last one given out; `format`: how many of
 *                                                           MIGRATIONS the schema has seen
 * ```
 *
 * Texts compare byte by byte (COLLATE "C"). Bodies are sealed, so compressing them is lost labour (EXTERNAL). The rows
 * of `counter` and `claim` change for ever in place: room in their pages keeps those updates out of the indexes.
 *
 * **Servers of the format before go on working while a newer one has migrated** (a rolling upgrade). A migration
 * therefore only adds: tables, nullable columns, indexes, functions under new names; what it makes superfluous is taken
 * away by the next one. Two formats apart is refused, at the start and by each commit.
 */
export const MIGRATIONS: readonly string[] = [
  `CREATE TABLE record (
     collection text COLLATE "C" NOT NULL,
     id text COLLATE "C" NOT NULL,
     revision bigint NOT NULL,
     entries text NOT NULL,
     body bytea NOT NULL,
     PRIMARY KEY (collection, id)
   );
   ALTER TABLE record ALTER COLUMN body SET STORAGE EXTERNAL;
   CREATE TABLE entry (
     collection text COLLATE "C" NOT NULL,
     name text COLLATE "C" NOT NULL,
     value text COLLATE "C" NOT NULL,
     id text COLLATE "C" NOT NULL,
     PRIMARY KEY (collection, name, value, id)
   );
   CREATE TABLE claim (
     key text COLLATE "C" PRIMARY KEY,
     holder text,
     fence bigint NOT NULL,
     until bigint NOT NULL
   ) WITH (fillfactor = 50);
   CREATE TABLE change (
     revision bigint NOT NULL,
     collection text COLLATE "C" NOT NULL,
     id text COLLATE "C" NOT NULL,
     PRIMARY KEY (revision, collection, id)
   );
   CREATE TABLE counter (name text PRIMARY KEY, value bigint NOT NULL) WITH (fillfactor = 10);
   INSERT INTO counter VALUES ('revision', 0), ('format', 1);
   ${COMMIT_FUNCTION}`,
];

export interface PrepareOptions {
  /** Make the schema if there is none. */
  readonly create: boolean;
  /** Refuse what would have to be migrated. */
  readonly readOnly: boolean;
  readonly migrations: readonly string[];
}

/**
 * Makes the schema ready for this rekey. One server at a time, by an advisory lock; the others then find it done.
 *
 * @throws RekeyError `invalid-state` with reason `store-missing`, `not-a-store` or `store-newer`; `unavailable`.
 */
export async function prepareSchema(connections: Connections, options: PrepareOptions): Promise<void> {
  await connections.alone(async (client) => {
    await client.query('BEGIN');
    await client.query(`SELECT set_config('lock_timeout', $1, true)`, [String(MIGRATION_PATIENCE)]);
    await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('rekey store ' || $1, 0))`, [
      connections.address.schema,
    ]);
    await prepareLocked(client, connections.address, options);
    await client.query('COMMIT');
  });
}

/** Milliseconds to wait for another server that migrates. */
const MIGRATION_PATIENCE = 60_000;

interface Place {
  readonly place: string;
  readonly schema: string;
}

async function prepareLocked(client: pg.Client, address: Place, options: PrepareOptions): Promise<void> {
  const { create, readOnly, migrations } = options;
  const found = await formatOf(client, address);
  if (found === 0 && !create) throw storeMissing(address);
  refuseNewer(found, migrations.length, address);
  if (found >= migrations.length) return;
  if (readOnly) throw storeOlder(found, migrations.length, address);
  await refuseOtherEncoding(client, address);
  if (found === 0) await client.query(`CREATE SCHEMA IF NOT EXISTS "${address.schema}"`);
  await client.query(`SELECT set_config('search_path', $1, true)`, [address.schema]);
  for (const migration of migrations.slice(found)) await client.query(migration);
  await client.query(`UPDATE counter SET value = $1 WHERE name = 'format'`, [migrations.length]);
}

/** How many migrations the schema has seen; 0 if it is empty or not there. */
async function formatOf(client: pg.Client, address: Place): Promise<number> {
  const { rows } = await client.query<{ relname: string }>(
    `SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
     WHERE nspname = $1 AND relkind IN ('r', 'p', 'v', 'm')`,
    [address.schema],
  );
  if (rows.length === 0) return 0;
  const names = new Set(rows.map(({ relname }) => relname));
  if (!['record', 'entry', 'claim', 'change', 'counter'].every((name) => names.has(name))) throw notAStore(address);
  const counted = await client.query<{ value: number }>(
    `SELECT value FROM "${address.schema}".counter WHERE name = 'format'`,
  );
  const [row] = counted.rows;
  if (row === undefined) throw notAStore(address);
  return row.value;
}

/** Names and tags are sealed, yet ids of other alphabets exist: in a database of one alphabet a write would fail late. */
async function refuseOtherEncoding(client: pg.Client, { place }: Place): Promise<void> {
  const { rows } = await client.query<{ encoding: string }>(`SELECT current_setting('server_encoding') AS encoding`);
  if (rows[0]?.encoding === 'UTF8') return;
  const message = `The database at ${place} has the encoding ${rows[0]?.encoding}; make one with ENCODING 'UTF8' for rekey.`;
  throw new RekeyError('invalid-state', message, { reason: 'store-encoding' });
}

function refuseNewer(found: number, known: number, { place, schema }: Place): void {
  if (found <= known + 1) return;
  const message = `The store in schema ${schema} of PostgreSQL at ${place} was written by a newer rekey (store format ${found}, this one goes up to ${known + 1}); run that one or a later one.`;
  throw new RekeyError('invalid-state', message, { reason: 'store-newer' });
}

function storeOlder(found: number, known: number, { place, schema }: Place): RekeyError {
  const message = `The store in schema ${schema} of PostgreSQL at ${place} was written by an older rekey (store format ${found}, this one reads ${known}); start \`rekey serve\` on it once.`;
  return new RekeyError('invalid-state', message, { reason: 'store-older' });
}

function storeMissing({ place, schema }: Place): RekeyError {
  const message = `There is no store in schema ${schema} of PostgreSQL at ${place}; run \`rekey serve --init\` to make one, or name the right database.`;
  return new RekeyError('invalid-state', message, { reason: 'store-missing' });
}

function notAStore({ place, schema }: Place): RekeyError {
  const message = `The schema ${schema} of PostgreSQL at ${place} holds something else than a rekey store; name another one with ?schema=NAME.`;
  return new RekeyError('invalid-state', message, { reason: 'not-a-store' });
}
