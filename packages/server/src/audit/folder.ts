import { mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { RekeyError } from '@rekey/core';

/** Names inside an audit folder. A file of lines is named after the sequence of its first line. */
export const CHECKPOINTS = 'checkpoints.jsonl';
export const PUBLIC_KEY = 'public-key.pem';
const LINES = /^audit-(\d{12})\.jsonl$/;
const SET_ASIDE = /^broken-\d+$/;

export function lineFileName(firstSequence: number): string {
  return `audit-${String(firstSequence).padStart(12, '0')}.jsonl`;
}

/** Names of the files of lines, oldest first. */
export function listLineFiles(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => LINES.test(name))
    .sort();
}

/** Folders of earlier chains that were found broken. */
export function listSetAside(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => SET_ASIDE.test(name))
    .sort();
}

/** Makes the folder, for its owner alone. */
export function makeAuditFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
}

/** Moves a broken chain out of the way, untouched: it is evidence. Returns the name of the folder it lies in now. */
export function setChainAside(folder: string, now: number): string {
  const name = `broken-${now}`;
  mkdirSync(join(folder, name), { mode: 0o700 });
  const moved = [...listLineFiles(folder), ...readdirSync(folder).filter((file) => file === CHECKPOINTS)];
  for (const file of moved) renameSync(join(folder, file), join(folder, name, file));
  return name;
}

/** Turns a failure of the file system into one sentence; the disk being full is a case of its own. */
export function auditFailure(path: string, error: unknown): RekeyError {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    const sentence = `The audit log ${path} cannot be written because the disk is full; free some space, then repeat the request.`;
    return new RekeyError('storage-full', sentence, { reason: 'audit-storage-full', cause: error });
  }
  const sentence = `The audit log ${path} cannot be written (${code}), so nothing is answered; check the folder and its disk.`;
  return new RekeyError('unavailable', sentence, { reason: 'audit-unavailable', cause: error });
}
