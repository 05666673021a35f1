/** The driver of a cluster: a schema in PostgreSQL, shared by any number of servers. */
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
import type { PostgresAddress } from './postgres/address.ts';
import { writePostgresBackup } from './postgres/backup.ts';
import { type ClaimClock, ClaimTable } from './postgres/claim-table.ts';
import { CommitQueue } from './postgres/commit-queue.ts';
import { Connections, type Statement } from './postgres/connections.ts';
import { findPostgresDamage } from './postgres/damage.ts';
import { listStatement } from './postgres/list-sql.ts';
import { Listener } from './postgres/listener.ts';
import { MIGRATIONS, prepareSchema } from './postgres/schema.ts';

export interface PostgresOptions {
  readonly address: PostgresAddress;
  /** Make the schema if there is none. The database must exist. */
  readonly create: boolean;
  /** Only look, beside servers that may be running: a store of an older rekey is refused, not migrated. */
  readonly readOnly?: boolean;
  /** `database` unless a test plays with time. */
  readonly clock?: ClaimClock;
  /** What this rekey knows of the store's formats; for tests of upgrades. */
  readonly migrations?: readonly string[];
}

/**
 * Opens a store in PostgreSQL; migrates one of an older rekey.
 *
 * @throws RekeyError `invalid-state` with reason `store-missing`, `not-a-store`, `store-newer`, `store-older` (read-only)
 *   or `store-encoding`;
 *   `unavailable` with what to look at.
 */
export async function openPostgresDriver(options: PostgresOptions): Promise<PostgresDriver> {
  const { address, create, readOnly = false, clock = 'database', migrations = MIGRATIONS } = options;
  const connections = new Connections(address);
  try {
    await prepareSchema(connections, { create, readOnly, migrations });
    return new PostgresDriver(connections, clock, migrations.length);
  } catch (error) {
    await connections.close();
    throw error;
  }
}

/** See {@link openPostgresDriver}. */
export class PostgresDriver implements StoreDriver {
  readonly name = 'postgres';
  readonly shared = true;
  readonly #connections: Connections;
  readonly #claims: ClaimTable;
  readonly #commits: CommitQueue;
  readonly #listeners = new Set<(revision: number) => void>();
  #told = 0;
  #feed: Listener | null = null;
  #closing: Promise<void> | null = null;

  /** Use {@link openPostgresDriver}. */
  constructor(connections: Connections, clock: ClaimClock, format: number) {
    this.#connections = connections;
    this.#claims = new ClaimTable(connections, clock);
    this.#commits = new CommitQueue({ connections, format, onCommit: (revision) => this.#tell(revision) });
  }

  async get(collection: string, id: string): Promise<StoredRecord | null> {
    const [row] = await this.#read<{ revision: number; body: Buffer }>(GET, [collection, id]);
    return row === undefined ? null : { id, revision: row.revision, body: row.body, indexValue: null };
  }

  async list(query: ListQuery): Promise<readonly StoredRecord[]> {
    const statement = listStatement(query);
    return this.#read<StoredRecord>(statement, statement.values);
  }

  /** How PostgreSQL answers a list, as `EXPLAIN` words it: for tests and benchmarks that forbid scans. */
  async plan(query: ListQuery): Promise<readonly string[]> {
    const { name, text, values } = listStatement(query);
    const explained = { name: `explain ${name}`, text: `EXPLAIN ${text}` };
    const rows = await this.#read<Record<string, string>>(explained, values);
    return rows.map((row) => row['QUERY PLAN']!);
  }

  async count(collection: string, range?: CountRange): Promise<number> {
    const [row] = await (range === undefined
      ? this.#read<{ count: number }>(COUNT, [collection])
      : this.#read<{ count: number }>(COUNT_RANGE, [collection, range.index, range.until ?? null]));
    return row!.count;
  }

  async commit(batch: Batch): Promise<CommitResult> {
    this.#refuseClosed();
    return this.#commits.commit(batch);
  }

  async claim(request: ClaimRequest): Promise<Claim | null> {
    return this.#claims.take(request);
  }

  async renew(claim: Claim, request: { readonly now: number; readonly milliseconds: number }): Promise<Claim | null> {
    return this.#claims.renew(claim, request);
  }

  async release(claim: Claim): Promise<void> {
    await this.#claims.release(claim);
  }

  /** Tells the watchers, too: they then hear of commits even while the connection of the feed is lost. */
  async revision(): Promise<number> {
    const [row] = await this.#read<{ value: number }>(REVISION, []);
    this.#tell(row!.value);
    return row!.value;
  }

  /** One statement, one snapshot: what it does not return has not been committed, or is said to be forgotten. */
  async changes(after: number, limit: number): Promise<readonly Change[]> {
    const rows = await this.#read<{ newest: number } & { [K in keyof Change]: Change[K] | null }>(CHANGES, [
      after,
      limit - 1,
    ]);
    if (after < rows[0]!.newest - KEPT_REVISIONS) throw changesForgotten(after);
    return rows.flatMap(({ revision, collection, id }) =>
      revision === null || collection === null || id === null ? [] : [{ revision, collection, id }],
    );
  }

  watch(listener: (revision: number) => void): () => void {
    this.#refuseClosed();
    this.#listeners.add(listener);
    this.#feed ??= new Listener({
      connect: () => this.#connections.listener(),
      channel: `rekey_${this.#connections.address.schema}`,
      onRevision: (revision) => this.#tell(revision),
      catchUp: () => this.revision(),
    });
    return () => this.#listeners.delete(listener);
  }

  async backup(file: string): Promise<void> {
    this.#refuseClosed();
    await writePostgresBackup(this.#connections, file);
  }

  async check(): Promise<readonly string[]> {
    this.#refuseClosed();
    return findPostgresDamage(this.#connections);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#listeners.clear();
    await this.#feed?.stop();
    await this.#commits.drained();
    await this.#connections.close();
  }

  #read<Row>(statement: Statement, values: readonly unknown[]): Promise<readonly Row[]> {
    this.#refuseClosed();
    return this.#connections.read<Row>(statement, values);
  }

  /** Notifications of commits that were told when they were made come late; a revision stands for all before it. */
  #tell(revision: number): void {
    if (revision <= this.#told) return;
    this.#told = revision;
    for (const listener of this.#listeners) listener(revision);
  }

  #refuseClosed(): void {
    if (this.#closing !== null) throw closed();
  }
}

const GET: Statement = { name: 'get', text: 'SELECT revision, body FROM record WHERE collection = $1 AND id = $2' };
const COUNT: Statement = { name: 'count', text: 'SELECT count(*) AS count FROM record WHERE collection = $1' };
const COUNT_RANGE: Statement = {
  name: 'count range',
  text: `SELECT count(*) AS count FROM entry
    WHERE collection = $1 AND name = $2 AND ($3::text IS NULL OR value < $3::text COLLATE "C")`,
};
const REVISION: Statement = { name: 'revision', text: `SELECT value FROM counter WHERE name = 'revision'` };

/** Whole revisions: up to the one that the last change within the limit belongs to. */
const CHANGES: Statement = {
  name: 'changes',
  text: `SELECT newest.value AS newest, change.revision, change.collection, change.id
    FROM (SELECT value FROM counter WHERE name = 'revision') AS newest
    LEFT JOIN change ON change.revision > $1 AND change.revision <= coalesce(
      (SELECT revision FROM change WHERE revision > $1 ORDER BY revision, collection, id LIMIT 1 OFFSET $2),
      newest.value)
    ORDER BY change.revision, change.collection, change.id`,
};
