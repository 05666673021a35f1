import type { DatabaseSync } from 'node:sqlite';
import { type Failure, failureOf } from './failures.ts';
import { type Job, type JobResult, Ledger } from './ledger.ts';

type Synchronous = 'FULL' | 'NORMAL';

export type Outcome = { readonly result: JobResult } | { readonly failure: Failure };

/**
 * Performs many jobs with one fsync: all in one transaction, each seeing what those before it did. If the group fails
 * (the disk is full, say), each job is tried alone, so that a small one is not refused for a big one's sake.
 */
export class GroupCommit {
  readonly #db: DatabaseSync;
  readonly #file: string;
  readonly #ledger: Ledger;
  #synchronous: Synchronous = 'FULL';

  /** @param db opened with synchronous=FULL. */
  constructor(db: DatabaseSync, file: string) {
    this.#db = db;
    this.#file = file;
    this.#ledger = new Ledger(db);
  }

  perform(jobs: readonly Job[]): readonly Outcome[] {
    try {
      return this.#transact(jobs).map((result) => ({ result }));
    } catch (error) {
      if (jobs.length === 1) return [{ failure: failureOf(error, this.#file) }];
      return jobs.flatMap((job) => this.perform([job]));
    }
  }

  #transact(jobs: readonly Job[]): readonly JobResult[] {
    this.#synchronize(jobs.some(({ kind }) => kind === 'commit') ? 'FULL' : 'NORMAL');
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      this.#ledger.begin();
      const results = jobs.map((job) => this.#ledger.perform(job));
      this.#ledger.end();
      this.#db.exec('COMMIT');
      return results;
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  /**
   * Claims alone need not be on the disk before they are answered. A power cut that takes them takes their holders too,
   * and what was committed under one brought it along: the WAL is synced up to the commit's end. Without a sync the
   * claims stand in the page cache, where the end of the process does not hurt them (sqlite.org/pragma.html#pragma_synchronous).
   */
  #synchronize(wanted: Synchronous): void {
    if (wanted === this.#synchronous) return;
    this.#db.exec(`PRAGMA synchronous = ${wanted}`);
    this.#synchronous = wanted;
  }
}
