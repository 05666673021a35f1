import { closeSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { RekeyError } from '@rekey/core';
import { syncToDisk } from '../sync-to-disk.ts';
import { openForReading } from './connection.ts';

/**
 * Copies the store as it stands to a new file, mode 0600, while it is being written to. The name is taken at once by
 * an empty file and gets its content in one step at the end: no crash leaves half a backup under it.
 */
export function writeBackup(from: string, to: string): void {
  reserve(to);
  const partial = `${to}.partial`;
  try {
    rmSync(partial, { force: true });
    closeSync(openSync(partial, 'wx', 0o600));
    copyInto(from, partial);
    syncToDisk(partial);
    renameSync(partial, to);
    syncToDisk(dirname(to));
  } catch (error) {
    rmSync(partial, { force: true });
    rmSync(to, { force: true });
    throw error;
  }
}

/** Sentences about what is wrong in the file; reads all of it. */
export function findDamage(file: string): readonly string[] {
  const db = openForReading(file);
  try {
    const lines = db.prepare('PRAGMA integrity_check(20)').all() as unknown as { integrity_check: string }[];
    const damage = lines.map((line) => line.integrity_check).filter((line) => line !== 'ok');
    if (damage.length > 0) return damage.map((line) => `The store ${file} is damaged (${line}); restore a backup.`);
    const lost = db.prepare(STRAY_ENTRIES).get() as { count: number };
    return lost.count === 0
      ? []
      : [`The store ${file} has ${lost.count} index entries without a record; restore a backup.`];
  } finally {
    db.close();
  }
}

const STRAY_ENTRIES = `SELECT count(*) AS count FROM entry WHERE NOT EXISTS
  (SELECT 1 FROM record WHERE record.collection = entry.collection AND record.id = entry.id)`;

/** VACUUM INTO reads one snapshot and writes only to an empty file (sqlite.org/lang_vacuum.html). */
function copyInto(from: string, to: string): void {
  const db = openForReading(from);
  try {
    db.exec('PRAGMA query_only = OFF');
    db.prepare('VACUUM INTO ?').run(to);
  } finally {
    db.close();
  }
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
