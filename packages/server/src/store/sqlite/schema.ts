import type { DatabaseSync } from 'node:sqlite';
import { RekeyError } from '@rekey/core';

/**
 * The sqlite store file. WAL journal; `application_id` says that it is ours, `user_version` how many of
 * {@link MIGRATIONS} it has seen.
 *
 * ```
 *   record   (collection, id) → revision, entries, body     entries: the record's index values as JSON, so that a
 *                                                           write finds what it has to take out of `entry`
 *   entry    (collection, name, value, id)                  the indexes; the key is the whole row
 *   claim    key → holder (null: released), fence, until    never deleted: a fence never starts again
 *   change   (revision, collection, id)                     the change feed, pruned to the last 10,000 revisions
 *   counter  name → value                                   `revision`: the last one given out
 * ```
 */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE record (
     collection TEXT NOT NULL,
     id TEXT NOT NULL,
     revision INTEGER NOT NULL,
     entries TEXT NOT NULL,
     body BLOB NOT NULL,
     PRIMARY KEY (collection, id)
   ) STRICT;
   CREATE TABLE entry (
     collection TEXT NOT NULL,
     name TEXT NOT NULL,
     value TEXT NOT NULL,
     id TEXT NOT NULL,
     PRIMARY KEY (collection, name, value, id)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE claim (
     key TEXT PRIMARY KEY,
     holder TEXT,
     fence INTEGER NOT NULL,
     until INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE change (
     revision INTEGER NOT NULL,
     collection TEXT NOT NULL,
     id TEXT NOT NULL,
     PRIMARY KEY (revision, collection, id)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
   INSERT INTO counter VALUES ('revision', 0);`,
];

/** "rkey" in ASCII, at byte 68 of the file (SQLite file format, "Application ID"). */
const APPLICATION_ID = 0x726b6579;

/** What a file is, judged by its header. */
export type FileKind = 'blank' | 'store' | 'foreign';

export function fileKind(db: DatabaseSync): FileKind {
  if (pragma(db, 'application_id') === APPLICATION_ID) return 'store';
  const tables = db.prepare('SELECT count(*) AS count FROM sqlite_schema').get() as { count: number };
  return tables.count === 0 ? 'blank' : 'foreign';
}

/** Runs the migrations that the file has not seen, all or none of them. */
export function migrate(db: DatabaseSync): void {
  db.exec('BEGIN IMMEDIATE');
  try {
    for (const migration of MIGRATIONS.slice(pragma(db, 'user_version'))) db.exec(migration);
    db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${MIGRATIONS.length}; COMMIT`);
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

/** @throws RekeyError `invalid-state`, reason `store-newer`, for a file of a rekey newer than this one. */
export function refuseNewer(db: DatabaseSync, file: string): void {
  const version = pragma(db, 'user_version');
  if (version <= MIGRATIONS.length) return;
  const message = `The store ${file} was written by a newer rekey (store version ${version}, this one knows ${MIGRATIONS.length}); run that one or a later one.`;
  throw new RekeyError('invalid-state', message, { reason: 'store-newer' });
}

/** @throws RekeyError `invalid-state`, reason `store-older`, for a file that has to be migrated before it is read. */
export function refuseOlder(db: DatabaseSync, file: string): void {
  const version = pragma(db, 'user_version');
  if (version >= MIGRATIONS.length) return;
  const message = `The store ${file} was written by an older rekey (store version ${version}, this one reads ${MIGRATIONS.length}); start \`rekey serve\` on it once.`;
  throw new RekeyError('invalid-state', message, { reason: 'store-older' });
}

function pragma(db: DatabaseSync, name: 'application_id' | 'user_version'): number {
  return Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0] as number;
}
