import { DatabaseSync } from 'node:sqlite';

/** Milliseconds a connection waits for another process's write (`rekey` has one writer; a DBA's shell may be there). */
const BUSY_TIMEOUT = 5_000;
/** Kibibytes of pages a connection keeps: hot records are cached above and the rest by the system, so that 2 MB of index pages are plenty. */
const PAGE_CACHE = 2_048;
/** The WAL is cut back to this many bytes after a checkpoint. */
const WAL_KEPT = 16 << 20;

/** Sees every commit at once, and never waits for the writer (sqlite.org/wal.html). */
export function openForReading(file: string): DatabaseSync {
  const db = new DatabaseSync(file, { readOnly: true, timeout: BUSY_TIMEOUT });
  db.exec(`PRAGMA cache_size = -${PAGE_CACHE}; PRAGMA query_only = ON`);
  return db;
}

/**
 * A COMMIT returns when the WAL is on the disk (synchronous=FULL). Deleted content is overwritten with zeros.
 *
 * @param maximumBytes the file never grows beyond it; null: as far as the disk goes.
 */
export function openForWriting(file: string, maximumBytes: number | null): DatabaseSync {
  const db = new DatabaseSync(file, { timeout: BUSY_TIMEOUT });
  db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA trusted_schema = OFF;
           PRAGMA cache_size = -${PAGE_CACHE}; PRAGMA journal_size_limit = ${WAL_KEPT}`);
  if (maximumBytes !== null) limitSize(db, maximumBytes);
  return db;
}

function limitSize(db: DatabaseSync, maximumBytes: number): void {
  const { page_size } = db.prepare('PRAGMA page_size').get() as { page_size: number };
  db.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(maximumBytes / page_size))}`);
}
