import { type ErrorCode, RekeyError } from '@rekey/core';

/** A failure that can cross from a thread: an error loses its class on the way. */
export interface Failure {
  readonly code: ErrorCode;
  readonly reason: string;
  readonly message: string;
}

/** Primary result codes of SQLite (sqlite.org/rescode.html): the low byte of the extended ones. */
const FULL = 13;
const CORRUPT = 11;
const NOT_A_DATABASE = 26;
const BUSY = 5;
const READ_ONLY = 8;
const CANNOT_OPEN = 14;

/** Words any failure of the file as one of a driver's own. SQLite's own text says nothing about contents. */
export function failureOf(error: unknown, file: string): Failure {
  if (error instanceof RekeyError) return { code: error.code, reason: error.reason, message: error.message };
  const { errcode, errstr, message } = error as { errcode?: number; errstr?: string; message?: string };
  const primary = errcode === undefined ? null : errcode & 0xff;
  return sentence(primary, file, errstr ?? message ?? 'unknown error');
}

export function toError(failure: Failure): RekeyError {
  return new RekeyError(failure.code, failure.message, { reason: failure.reason });
}

/** Runs what touches the file, with its failures worded. */
export function guarded<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw toError(failureOf(error, file));
  }
}

function sentence(primary: number | null, file: string, detail: string): Failure {
  switch (primary) {
    case FULL:
      return {
        code: 'storage-full',
        reason: 'storage-full',
        message: `The file ${file} cannot grow, its disk is full; make room on it, rekey goes on by itself.`,
      };
    case CORRUPT:
    case NOT_A_DATABASE:
      return {
        code: 'integrity',
        reason: 'store-damaged',
        message: `The store ${file} is damaged (${detail}); stop rekey and restore a backup.`,
      };
    case BUSY:
      return {
        code: 'unavailable',
        reason: 'store-busy',
        message: `The store ${file} is locked by another process; find out which one has it open and stop it.`,
      };
    case READ_ONLY:
    case CANNOT_OPEN:
      return {
        code: 'unavailable',
        reason: 'store-not-writable',
        message: `The store ${file} cannot be opened (${detail}); give it and its folder to the account that rekey runs as.`,
      };
    default:
      return {
        code: 'unavailable',
        reason: 'store-failure',
        message: `The store ${file} failed (${detail}); look at the disk it is on and try again.`,
      };
  }
}
