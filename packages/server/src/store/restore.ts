import { createReadStream, createWriteStream, existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { RekeyError } from '@rekey/core';
import type { Seal } from '../seal/seal.ts';
import { keyFileOf, makeDataFolder, storeFileOf } from './data-folder.ts';
import { openStore } from './open-store.ts';
import { openSqliteDriver } from './sqlite.ts';
import { syncToDisk } from './sync-to-disk.ts';

export interface RestoreRequest {
  /** File that {@link Store.backup} wrote. */
  readonly backup: string;
  /** New folder, or one that holds nothing but the key file. */
  readonly dataDir: string;
  readonly seal: Seal;
  readonly now: () => number;
}

/** Id of the setting that says a restored store has not been looked through yet. */
export const QUARANTINE = 'quarantine';

/** Ending of a restored store that has no quarantine yet. */
const UNFINISHED = '.restoring';

/**
 * Makes a data folder out of a backup, in quarantine. The key must open the backup and every page of it must be sound,
 * or nothing is written. The store gets its name when the quarantine is on the disk, so that no crash leaves a
 * restored store that rotates.
 *
 * @throws RekeyError `already-exists` (reason `folder-not-empty`); `invalid-state` (reason `backup-missing`);
 *   `integrity`; what the seal throws.
 */
export async function restoreBackup({ backup, dataDir, seal, now }: RestoreRequest): Promise<void> {
  const source = resolve(backup);
  refuseOccupied(dataDir);
  await verify(source, seal, now);
  makeDataFolder(dataDir);
  const file = storeFileOf(dataDir);
  const unfinished = file + UNFINISHED;
  try {
    await copyPrivately(source, unfinished);
    await quarantine(unfinished, { seal, now, backup: basename(source) });
    renameSync(unfinished, file);
    syncToDisk(dirname(file));
  } catch (error) {
    for (const ending of ['', '-wal', '-shm']) rmSync(unfinished + ending, { force: true });
    throw error;
  }
}

/** The key file may lie there, and what an unfinished restore left. */
function refuseOccupied(dataDir: string): void {
  const folder = resolve(dataDir);
  const harmless = ['lock', basename(keyFileOf(folder)), basename(storeFileOf(folder)) + UNFINISHED];
  const found = existsSync(folder) ? readdirSync(folder) : [];
  const occupied = found.find((name) => !harmless.some((known) => name === known || name.startsWith(`${known}-`)));
  if (occupied === undefined) return;
  const message = `A backup is restored into an empty folder, and there is ${join(folder, occupied)} already; choose another folder.`;
  throw new RekeyError('already-exists', message, { reason: 'folder-not-empty' });
}

async function verify(backup: string, seal: Seal, now: () => number): Promise<void> {
  if (!existsSync(backup)) {
    const message = `There is no backup at ${backup}; name the file that \`rekey backup\` wrote.`;
    throw new RekeyError('invalid-state', message, { reason: 'backup-missing' });
  }
  try {
    await look(backup, seal, now);
  } catch (error) {
    if (!(error instanceof RekeyError) || error.reason !== 'store-damaged') throw error;
    // The store's own sentence says to restore a backup: no advice to somebody who is at it.
    const message = `The backup ${backup} is damaged: it was cut, altered, or is none; nothing was restored, take another.`;
    throw new RekeyError('integrity', message, { reason: 'store-damaged', cause: error });
  }
}

async function look(backup: string, seal: Seal, now: () => number): Promise<void> {
  const driver = openSqliteDriver({ file: backup, create: false, readOnly: true });
  const store = await openStore({ driver, seal, create: false, now, place: backup });
  try {
    const [damage] = await store.check();
    if (damage !== undefined) throw new RekeyError('integrity', damage, { reason: 'store-damaged' });
  } finally {
    await store.close();
  }
}

async function copyPrivately(from: string, to: string): Promise<void> {
  rmSync(to, { force: true });
  await pipeline(createReadStream(from), createWriteStream(to, { flags: 'wx', mode: 0o600 }));
  syncToDisk(to);
}

async function quarantine(
  file: string,
  { seal, now, backup }: { readonly seal: Seal; readonly now: () => number; readonly backup: string },
): Promise<void> {
  const driver = openSqliteDriver({ file, create: false });
  const store = await openStore({ driver, seal, create: false, now, place: file });
  try {
    await store.commit([{ collection: 'setting', id: QUARANTINE, record: { since: now(), cause: 'restore', backup } }]);
  } finally {
    await store.close();
  }
}
