import { existsSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { RekeyError } from '@rekey/core';
import type { PostgresAddress } from '../postgres/address.ts';
import { writePostgresBackup } from '../postgres/backup.ts';
import { Connections } from '../postgres/connections.ts';
import { syncToDisk } from '../sync-to-disk.ts';
import { isKeyring, isMoved } from './moved-settings.ts';
import { type ContentDigest, digestOf, rowsOfFile, rowsOfSchema, type StoreRow } from './store-rows.ts';

export interface MoveToSqlite {
  readonly address: PostgresAddress;
  /** The store file to be made. */
  readonly file: string;
  /** Records that are made for the new place, sealed. */
  readonly made: readonly StoreRow[];
  /** Asked right before the file gets its name; throws if the source was written to. */
  readonly confirm: () => Promise<void>;
}

const UNFINISHED = '.moving';

/**
 * Copies a store in PostgreSQL into a store file, which gets its name when it is proven to hold the same. Interrupted, it
 * leaves a file that the next attempt overwrites.
 *
 * @throws RekeyError `already-exists`, reason `store-exists`; `integrity` if what arrived is not what was sent
 */
export async function moveToSqlite({ address, file, made, confirm }: MoveToSqlite): Promise<ContentDigest> {
  if (existsSync(file))
    throw new RekeyError('already-exists', `There is a store at ${file} already; name another folder with --data.`, {
      reason: 'store-exists',
    });
  const unfinished = file + UNFINISHED;
  const clear = () => {
    for (const ending of ['', '-journal', '-wal', '-shm', '.partial']) rmSync(unfinished + ending, { force: true });
  };
  clear();
  const connections = new Connections(address);
  try {
    await writePostgresBackup(connections, unfinished);
    const expected = await connections.alone(async (client) => {
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      await client.query(`SELECT set_config('search_path', $1, true)`, [address.schema]);
      return digestOf(rowsOfSchema(client), isCompared);
    });
    const arrived = await digestOf(rowsOfFile(unfinished), isCompared);
    if (arrived.digest !== expected.digest) throw different(file, expected, arrived);
    settle(unfinished, made);
    await confirm();
    renameSync(unfinished, file);
    syncToDisk(dirname(file));
    return arrived;
  } finally {
    clear();
    await connections.close();
  }
}

function isCompared(row: StoreRow): boolean {
  return isMoved(row) || isKeyring(row);
}

/** Claims are free in the new place, with their fences; what belongs to servers is taken out. */
function settle(file: string, made: readonly StoreRow[]): void {
  const db = new DatabaseSync(file);
  try {
    db.exec('PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; BEGIN');
    db.exec('UPDATE claim SET holder = NULL, until = 0');
    const settings = db.prepare(`SELECT collection, id FROM record WHERE collection = 'setting'`).all();
    const remove = db.prepare('DELETE FROM record WHERE collection = ? AND id = ?');
    for (const row of settings as unknown as Pick<StoreRow, 'collection' | 'id'>[])
      if (!isMoved(row)) remove.run(row.collection, row.id);
    const put = db.prepare('INSERT INTO record (collection, id, revision, entries, body) VALUES (?, ?, ?, ?, ?)');
    for (const { collection, id, revision, entries, body } of made) put.run(collection, id, revision, entries, body);
    db.exec('COMMIT');
  } finally {
    db.close();
  }
  syncToDisk(file);
}

function different(file: string, expected: ContentDigest, arrived: ContentDigest): RekeyError {
  const message = `What arrived in ${file} is not what was sent (${arrived.records} of ${expected.records} records, or other contents: somebody writes to the source); stop all its servers and run \`rekey migrate\` again.`;
  return new RekeyError('integrity', message, { reason: 'migration-differs' });
}
