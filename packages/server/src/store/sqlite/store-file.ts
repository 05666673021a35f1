import { closeSync, existsSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { RekeyError } from '@rekey/core';
import { openForReading, openForWriting } from './connection.ts';
import { type FileKind, fileKind, migrate, refuseNewer, refuseOlder } from './schema.ts';

/**
 * Makes a file ready for this rekey: creates it if told to, migrates it if it is older. Judged before it is opened for
 * writing: a file that is not ours must stay as it is.
 */
export function prepareFile(file: string, create: boolean, maximumBytes: number | null): void {
  const kind = isMissing(file) ? 'blank' : judge(file);
  if (kind === 'blank' && !create) throw storeMissing(file);
  createEmpty(file);
  const db = openForWriting(file, maximumBytes);
  try {
    migrate(db);
  } finally {
    db.close();
  }
}

function judge(file: string): FileKind {
  const db = openForReading(file);
  try {
    const kind = fileKind(db);
    if (kind === 'foreign') throw notAStore(file);
    refuseNewer(db, file);
    return kind;
  } finally {
    db.close();
  }
}

/** Mode 0600 from its first moment; SQLite gives the journal and the index of the WAL the mode of the file. */
function createEmpty(file: string): void {
  if (!existsSync(file)) closeSync(openSync(file, 'wx', 0o600));
}

/** Opens a finished store file for reading only, beside whoever writes to it. */
export function openBeside(file: string): DatabaseSync {
  if (judge(file) === 'blank') throw storeMissing(file);
  const db = openForReading(file);
  try {
    refuseOlder(db, file);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

export function isMissing(file: string): boolean {
  return !existsSync(file) || statSync(file).size === 0;
}

export function storeMissing(file: string): RekeyError {
  const message = `There is no store at ${file}; run \`rekey init --data ${dirname(file)}\` to make one, or name the right folder with --data.`;
  return new RekeyError('invalid-state', message, { reason: 'store-missing' });
}

function notAStore(file: string): RekeyError {
  const message = `The file ${file} is not a rekey store; name the right one, or move it away.`;
  return new RekeyError('invalid-state', message, { reason: 'not-a-store' });
}
