import { DatabaseSync } from 'node:sqlite';
import type pg from 'pg';
import { beginBackupFile } from '../backup-file.ts';
import { failureOf as fileFailureOf, toError } from '../sqlite/failures.ts';
import { migrate } from '../sqlite/schema.ts';
import type { Connections } from './connections.ts';

/**
 * Copies the store as it stands at one moment into a file of the sqlite store, mode 0600, which `rekey restore` takes.
 * Servers go on writing meanwhile.
 */
export async function writePostgresBackup(connections: Connections, file: string): Promise<void> {
  const backup = beginBackupFile(file);
  try {
    await connections.alone((client) => copyInto(client, connections.address.schema, backup.partial));
    backup.finish();
  } catch (error) {
    backup.abandon();
    throw error;
  }
}

/** The file is not used before it is finished, so that SQLite need not make it safe on the way. */
async function copyInto(client: pg.Client, schema: string, partial: string): Promise<void> {
  const db = inFile(partial, () => new DatabaseSync(partial));
  try {
    inFile(partial, () => {
      db.exec('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA trusted_schema = OFF');
      migrate(db);
    });
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    await client.query(`SELECT set_config('search_path', $1, true)`, [schema]);
    for (const table of TABLES) await copyTable(client, db, table, partial);
    await client.query('COMMIT');
  } finally {
    db.close();
  }
}

interface Table {
  readonly name: string;
  readonly columns: readonly string[];
  readonly where?: string;
}

const TABLES: readonly Table[] = [
  { name: 'counter', columns: ['name', 'value'], where: `WHERE name = 'revision'` },
  { name: 'claim', columns: ['key', 'holder', 'fence', 'until'] },
  { name: 'change', columns: ['revision', 'collection', 'id'] },
  { name: 'entry', columns: ['collection', 'name', 'value', 'id'] },
  { name: 'record', columns: ['collection', 'id', 'revision', 'entries', 'body'] },
];

/** Rows at a time: SQLite takes them within a few milliseconds, and the thread answers requests in between. */
const ROWS = 200;

async function copyTable(client: pg.Client, db: DatabaseSync, table: Table, file: string): Promise<void> {
  const { name, columns, where = '' } = table;
  const places = columns.map(() => '?').join(', ');
  const insert = db.prepare(`INSERT OR REPLACE INTO ${name} (${columns.join(', ')}) VALUES (${places})`);
  await client.query(`DECLARE copied NO SCROLL CURSOR FOR SELECT ${columns.join(', ')} FROM ${name} ${where}`);
  for (;;) {
    const { rows } = await client.query<(string | number | Buffer | null)[]>({
      text: `FETCH ${ROWS} FROM copied`,
      rowMode: 'array',
    });
    if (rows.length === 0) break;
    inFile(file, () => {
      db.exec('BEGIN');
      for (const row of rows) insert.run(...row);
      db.exec('COMMIT');
    });
  }
  await client.query('CLOSE copied');
}

function inFile<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw toError(fileFailureOf(error, file));
  }
}
