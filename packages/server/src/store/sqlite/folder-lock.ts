import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { RekeyError } from '@rekey/core';
import { failureOf, toError } from './failures.ts';

/** Held until released, or until the process is gone, however it went: the operating system keeps it. */
export interface FolderLock {
  release(): void;
}

const BUSY = 5;

/**
 * Takes a data folder for this process, by an exclusive lock on the empty SQLite file `lock` in it: SQLite knows how
 * files are locked on each system, and a lock of the system's vanishes with `kill -9`.
 *
 * @throws RekeyError `unavailable`, reason `folder-in-use`.
 */
export function lockFolder(folder: string): FolderLock {
  const file = join(folder, 'lock');
  try {
    closeSync(openSync(file, 'a', 0o600));
    const db = new DatabaseSync(file, { timeout: 0 });
    db.exec('PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
    return { release: () => db.close() };
  } catch (error) {
    if ((error as { errcode?: number }).errcode === BUSY) throw inUse(folder);
    throw toError(failureOf(error, file));
  }
}

function inUse(folder: string): RekeyError {
  const message = `The data folder ${folder} is in use by another rekey server; stop that one, or give this one a folder of its own with --data.`;
  return new RekeyError('unavailable', message, { reason: 'folder-in-use' });
}
