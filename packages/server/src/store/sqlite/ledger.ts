import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { type ClaimStanding, releaseClaim, renewClaim, takeClaim } from '../claims.ts';
import { findConflict } from '../conflict.ts';
import { type Batch, type Claim, type ClaimRequest, type CommitResult, KEPT_REVISIONS, type Write } from '../driver.ts';

/** What the writer is asked to do. */
export type Job =
  | { readonly kind: 'commit'; readonly batch: Batch }
  | { readonly kind: 'claim'; readonly request: ClaimRequest }
  | { readonly kind: 'renew'; readonly claim: Claim; readonly request: { now: number; milliseconds: number } }
  | { readonly kind: 'release'; readonly claim: Claim };

export type JobResult = CommitResult | Claim | null;

interface RecordRow {
  readonly revision: number;
  readonly entries: string;
}

/** Performs jobs on the tables, inside a transaction that {@link ./group-commit.ts} opens and ends. */
export class Ledger {
  readonly #statements: Statements;
  #revision = 0;

  constructor(db: DatabaseSync) {
    this.#statements = prepare(db);
  }

  /** To be called first in each transaction: what an earlier one did not commit is not there. */
  begin(): void {
    this.#revision = (this.#statements.readRevision.get() as { value: number }).value;
  }

  perform(job: Job): JobResult {
    switch (job.kind) {
      case 'commit':
        return this.#commit(job.batch);
      case 'claim':
        return this.#keep(takeClaim(this.#standing(job.request.key), job.request));
      case 'renew':
        return this.#keep(renewClaim(this.#standing(job.claim.key), job.claim, job.request));
      case 'release':
        this.#release(job.claim);
        return null;
    }
  }

  /** To be called last in each transaction. */
  end(): void {
    this.#statements.writeRevision.run(this.#revision);
    this.#statements.pruneChanges.run(this.#revision - KEPT_REVISIONS);
  }

  #commit(batch: Batch): CommitResult {
    const conflict = findConflict(batch, {
      revisionOf: (collection, id) => this.#record(collection, id)?.revision ?? 0,
      fenceOf: (key) => this.#standing(key)?.fence ?? 0,
    });
    if (conflict !== null) return { committed: false, conflict };
    this.#revision += 1;
    for (const write of batch.writes) this.#write(write);
    return { committed: true, revision: this.#revision };
  }

  #write(write: Write): void {
    const { collection, id, body } = write;
    const old = this.#record(collection, id)?.entries ?? '{}';
    const entries = body === null ? '{}' : JSON.stringify(write.index ?? {});
    if (old !== entries) this.#moveEntries(collection, id, old, entries);
    if (body === null) this.#statements.deleteRecord.run(collection, id);
    else this.#statements.putRecord.run(collection, id, this.#revision, entries, body);
    this.#statements.addChange.run(this.#revision, collection, id);
  }

  /** Most writes leave most entries where they are: each page that is touched is one more to be written to the disk. */
  #moveEntries(collection: string, id: string, old: string, entries: string): void {
    const left = new Map(entriesOf(old));
    for (const [name, value] of entriesOf(entries)) {
      if (left.get(name) === value) left.delete(name);
      else this.#statements.addEntry.run(collection, name, value, id);
    }
    for (const [name, value] of left) this.#statements.deleteEntry.run(collection, name, value, id);
  }

  #record(collection: string, id: string): RecordRow | undefined {
    return this.#statements.readRecord.get(collection, id) as RecordRow | undefined;
  }

  #standing(key: string): ClaimStanding | null {
    return (this.#statements.readClaim.get(key) as ClaimStanding | undefined) ?? null;
  }

  #keep(claim: Claim | null): Claim | null {
    if (claim !== null) this.#statements.putClaim.run(claim.key, claim.holder, claim.fence, claim.until);
    return claim;
  }

  #release(claim: Claim): void {
    const released = releaseClaim(this.#standing(claim.key), claim);
    if (released !== null) this.#statements.putClaim.run(claim.key, released.holder, released.fence, released.until);
  }
}

type Statements = Readonly<Record<keyof typeof SQL, StatementSync>>;

const SQL = {
  readRevision: `SELECT value FROM counter WHERE name = 'revision'`,
  writeRevision: `UPDATE counter SET value = ?1 WHERE name = 'revision' AND value <> ?1`,
  readRecord: 'SELECT revision, entries FROM record WHERE collection = ? AND id = ?',
  putRecord: `INSERT INTO record (collection, id, revision, entries, body) VALUES (?, ?, ?, ?, ?)
              ON CONFLICT (collection, id) DO UPDATE
              SET revision = excluded.revision, entries = excluded.entries, body = excluded.body`,
  deleteRecord: 'DELETE FROM record WHERE collection = ? AND id = ?',
  addEntry: 'INSERT OR IGNORE INTO entry (collection, name, value, id) VALUES (?, ?, ?, ?)',
  deleteEntry: 'DELETE FROM entry WHERE collection = ? AND name = ? AND value = ? AND id = ?',
  addChange: 'INSERT OR IGNORE INTO change (revision, collection, id) VALUES (?, ?, ?)',
  pruneChanges: 'DELETE FROM change WHERE revision <= ?',
  readClaim: 'SELECT holder, fence, until FROM claim WHERE key = ?',
  putClaim: `INSERT INTO claim (key, holder, fence, until) VALUES (?, ?, ?, ?)
             ON CONFLICT (key) DO UPDATE SET holder = excluded.holder, fence = excluded.fence, until = excluded.until`,
} as const;

function prepare(db: DatabaseSync): Statements {
  const statements = Object.entries(SQL).map(([name, sql]) => [name, db.prepare(sql)]);
  return Object.fromEntries(statements) as Statements;
}

function entriesOf(json: string): [name: string, value: string][] {
  return Object.entries(JSON.parse(json) as Record<string, string>);
}
