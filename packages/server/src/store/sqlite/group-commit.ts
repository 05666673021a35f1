import type { DatabaseSync } from 'node:sqlite';
import { type Failure, failureOf } from './failures.ts';
import { type Job, type JobResult, Ledger } from './ledger.ts';

export type Outcome = { readonly result: JobResult } | { readonly failure: Failure };

/**
 * Performs many jobs with one fsync: all in one transaction, each seeing what those before it did. If the group fails
 * (the disk is full, say), each job is tried alone, so that a small one is not refused for a big one's sake.
 */
export class GroupCommit {
  readonly #db: DatabaseSync;
  readonly #file: string;
  readonly #ledger: Ledger;

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
}
