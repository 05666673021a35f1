import { closeSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { RekeyError } from '@rekey/core';
import { syncToDisk } from './sync-to-disk.ts';

/** A backup under way: fill the empty file `partial`, then finish or abandon it. */
export interface BackupFile {
  readonly partial: string;
  /** Puts the content under its name in one step, on the disk. */
  finish(): void;
  /** Leaves nothing behind. */
  abandon(): void;
}

/**
 * Takes a name for a backup at once, by an empty file of mode 0600, which gets its content in one step at the end: no
 * crash leaves half a backup under it.
 *
 * @throws RekeyError `already-exists`, reason `backup-exists`; `invalid-input`, reason `backup-unwritable`.
 */
export function beginBackupFile(file: string): BackupFile {
  reserve(file);
  const partial = `${file}.partial`;
  const abandon = () => {
    rmSync(partial, { force: true });
    rmSync(file, { force: true });
  };
  try {
    rmSync(partial, { force: true });
    closeSync(openSync(partial, 'wx', 0o600));
  } catch (error) {
    abandon();
    throw error;
  }
  return { partial, finish: () => putUnder(file, partial), abandon };
}

function putUnder(file: string, partial: string): void {
  syncToDisk(partial);
  renameSync(partial, file);
  syncToDisk(dirname(file));
}

function reserve(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST') throw unwritable(file, code ?? 'unknown error');
    const message = `There is a file at ${file} already; a backup never overwrites, choose another name.`;
    throw new RekeyError('already-exists', message, { reason: 'backup-exists' });
  }
}

function unwritable(file: string, code: string): RekeyError {
  const message = `The backup ${file} cannot be written (${code}); choose a folder that exists and that rekey may write to.`;
  return new RekeyError('invalid-input', message, { reason: 'backup-unwritable' });
}
