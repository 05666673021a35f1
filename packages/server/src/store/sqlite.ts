/** The default driver: one SQLite file. Reads run here, on a read-only connection; writes go to a thread of their own. */
import { dirname } from 'node:path';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { RekeyError } from '@rekey/core';
import {
  type Batch,
  type Change,
  type Claim,
  type ClaimRequest,
  type CommitResult,
  type CountRange,
  KEPT_REVISIONS,
  type ListQuery,
  type StoreDriver,
  type StoredRecord,
} from './driver.ts';
import { changesForgotten, closed } from './driver-errors.ts';
import { openForReading } from './sqlite/connection.ts';
import { guarded } from './sqlite/failures.ts';
import { type FolderLock, lockFolder } from './sqlite/folder-lock.ts';
import { countStatement, listStatement } from './sqlite/list-sql.ts';
import { isMissing, openBeside, prepareFile, storeMissing } from './sqlite/store-file.ts';
import { runUpkeep } from './sqlite/upkeep-request.ts';
import { Writer } from './sqlite/writer.ts';

export interface SqliteOptions {
  readonly file: string;
  /** Make the file if there is none. Its folder must exist. */
  readonly create: boolean;
  /** Only read, beside a server that may be running: takes no lock and refuses to commit. */
  readonly readOnly?: boolean;
  /** The file never grows beyond it: commits then fail with `storage-full`. Left out: as far as the disk goes. */
  readonly maximumBytes?: number;
}

/** Milliseconds between two looks for commits of another process; a read-only store only. */
const LOOK_INTERVAL = 1_000;

/**
 * Opens a store file and takes its folder for this process; migrates a file of an older rekey.
 *
 * @throws RekeyError `invalid-state` with reason `store-missing`, `not-a-store` or `store-newer`; `unavailable` with
 *   reason `folder-in-use`; `integrity` for a damaged file.
 */
export function openSqliteDriver(options: SqliteOptions): SqliteDriver {
  const { file, create, readOnly = false, maximumBytes = null } = options;
  if (isMissing(file) && (readOnly || !create)) throw storeMissing(file);
  if (readOnly)
    return new SqliteDriver(
      file,
      guarded(file, () => openBeside(file)),
      null,
      null,
    );
  const lock = lockFolder(dirname(file));
  try {
    guarded(file, () => prepareFile(file, create, maximumBytes));
    return new SqliteDriver(
      file,
      guarded(file, () => openForReading(file)),
      { maximumBytes },
      lock,
    );
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** See {@link openSqliteDriver}. */
export class SqliteDriver implements StoreDriver {
  readonly name = 'sqlite';
  readonly shared: boolean;
  readonly file: string;
  readonly #reader: DatabaseSync;
  readonly #writer: Writer | null;
  readonly #lock: FolderLock | null;
  readonly #get: StatementSync;
  readonly #lists = new Map<string, StatementSync>();
  readonly #listeners = new Set<(revision: number) => void>();
  #lookTimer: NodeJS.Timeout | null = null;
  #closing: Promise<void> | null = null;

  /** Use {@link openSqliteDriver}. */
  constructor(
    file: string,
    reader: DatabaseSync,
    writing: { readonly maximumBytes: number | null } | null,
    lock: FolderLock | null,
  ) {
    this.file = file;
    this.#reader = reader;
    this.#lock = lock;
    this.shared = writing === null;
    this.#get = reader.prepare('SELECT revision, body FROM record WHERE collection = ? AND id = ?');
    this.#writer = writing === null ? null : new Writer({ file, ...writing }, (revision) => this.#tell(revision));
  }

  async get(collection: string, id: string): Promise<StoredRecord | null> {
    const row = this.#read(() => this.#get.get(collection, id)) as { revision: number; body: Uint8Array } | undefined;
    return row === undefined ? null : { id, revision: row.revision, body: row.body, indexValue: null };
  }

  async list(query: ListQuery): Promise<readonly StoredRecord[]> {
    const { sql, parameters } = listStatement(query);
    const rows = this.#read(() => this.#listing(sql).all(...parameters)) as unknown as StoredRecord[];
    return rows.map(({ id, revision, body, indexValue }) => ({ id, revision, body, indexValue }));
  }

  /** How SQLite answers a list, as `EXPLAIN QUERY PLAN` words it: for tests and benchmarks that forbid scans. */
  plan(query: ListQuery): readonly string[] {
    const { sql, parameters } = listStatement(query);
    const rows = this.#read(() => this.#reader.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...parameters));
    return rows.map((row) => String(row.detail));
  }

  async count(collection: string, range?: CountRange): Promise<number> {
    const { sql, parameters } = countStatement(collection, range);
    return (this.#read(() => this.#listing(sql).get(...parameters)) as { count: number }).count;
  }

  async commit(batch: Batch): Promise<CommitResult> {
    return (await this.#write().perform({ kind: 'commit', batch })) as CommitResult;
  }

  async claim(request: ClaimRequest): Promise<Claim | null> {
    return (await this.#write().perform({ kind: 'claim', request })) as Claim | null;
  }

  async renew(claim: Claim, request: { readonly now: number; readonly milliseconds: number }): Promise<Claim | null> {
    return (await this.#write().perform({ kind: 'renew', claim, request })) as Claim | null;
  }

  async release(claim: Claim): Promise<void> {
    await this.#write().perform({ kind: 'release', claim });
  }

  async revision(): Promise<number> {
    return this.#revision();
  }

  /** Whether the feed still goes back far enough is asked last: what was pruned meanwhile counts as forgotten. */
  async changes(after: number, limit: number): Promise<readonly Change[]> {
    const statement = this.#listing(CHANGES);
    const rows = this.#read(() => statement.all(after, limit - 1)) as unknown as Change[];
    if (after < this.#revision() - KEPT_REVISIONS) throw changesForgotten(after);
    return rows.map(({ revision, collection, id }) => ({ revision, collection, id }));
  }

  watch(listener: (revision: number) => void): () => void {
    this.#listeners.add(listener);
    if (this.#writer === null) this.#look();
    return () => this.#listeners.delete(listener);
  }

  async backup(file: string): Promise<void> {
    await runUpkeep({ kind: 'backup', file: this.file, to: file });
  }

  async check(): Promise<readonly string[]> {
    return runUpkeep({ kind: 'check', file: this.file });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** The writer goes last: the last connection that may write takes the WAL away. */
  async #close(): Promise<void> {
    if (this.#lookTimer !== null) clearInterval(this.#lookTimer);
    this.#listeners.clear();
    this.#reader.close();
    await this.#writer?.close();
    this.#lock?.release();
  }

  #read<T>(work: () => T): T {
    if (this.#closing !== null) throw closed();
    return guarded(this.file, work);
  }

  #write(): Writer {
    if (this.#writer === null) throw readOnly(this.file);
    return this.#writer;
  }

  #listing(sql: string): StatementSync {
    const known = this.#lists.get(sql);
    if (known !== undefined) return known;
    const prepared = this.#read(() => this.#reader.prepare(sql));
    this.#lists.set(sql, prepared);
    return prepared;
  }

  #revision(): number {
    const statement = this.#listing(`SELECT value FROM counter WHERE name = 'revision'`);
    return (this.#read(() => statement.get()) as { value: number }).value;
  }

  #tell(revision: number): void {
    for (const listener of this.#listeners) listener(revision);
  }

  /** Another process's commits are not told to this one: it has to look. What fails is looked at again next time. */
  #look(): void {
    if (this.#lookTimer !== null) return;
    let seen = this.#revision();
    this.#lookTimer = setInterval(() => {
      const told = seen;
      try {
        seen = this.#revision();
      } catch {}
      if (seen > told) this.#tell(seen);
    }, LOOK_INTERVAL).unref();
  }
}

/** Whole revisions: up to the one that the last change within the limit belongs to. */
const CHANGES = `SELECT revision, collection, id FROM change
  WHERE revision > ?1 AND revision <= coalesce(
    (SELECT revision FROM change WHERE revision > ?1 ORDER BY revision, collection, id LIMIT 1 OFFSET ?2),
    ${Number.MAX_SAFE_INTEGER})
  ORDER BY revision, collection, id`;

function readOnly(file: string): RekeyError {
  const message = `The store ${file} was opened for reading only; ask the server that runs on it.`;
  return new RekeyError('unavailable', message, { reason: 'read-only' });
}
