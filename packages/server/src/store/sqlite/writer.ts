import type { Worker } from 'node:worker_threads';
import { closed } from '../driver-errors.ts';
import { type Failure, failureOf, toError } from './failures.ts';
import type { Outcome } from './group-commit.ts';
import type { Job, JobResult } from './ledger.ts';
import { startThread } from './thread.ts';

export interface WriterSettings {
  readonly file: string;
  readonly maximumBytes: number | null;
}
export type WriterMessage = { readonly id: number; readonly job: Job } | 'close';
export interface WriterAnswer {
  readonly id: number;
  readonly outcome: Outcome;
}

interface Waiting {
  readonly resolve: (result: JobResult) => void;
  readonly reject: (error: Error) => void;
}

/** This thread's side of the writer: sends jobs, hands out answers. Keeps the process alive only while jobs are out. */
export class Writer {
  readonly #thread: Worker;
  readonly #file: string;
  readonly #onCommit: (revision: number) => void;
  readonly #waiting = new Map<number, Waiting>();
  readonly #ended: Promise<void>;
  #nextId = 1;
  #stopped: Failure | null = null;

  /** @param onCommit told of each commit before the promise of its job resolves. */
  constructor(settings: WriterSettings, onCommit: (revision: number) => void) {
    this.#file = settings.file;
    this.#onCommit = onCommit;
    this.#thread = startThread('writer-thread', settings);
    this.#thread.unref();
    this.#thread.on('message', (answers: readonly WriterAnswer[]) => this.#take(answers));
    this.#thread.on('error', (error) => this.#stop(failureOf(error, this.#file)));
    this.#thread.on('exit', () => this.#stop(failureOf(closed(), this.#file)));
    this.#ended = new Promise((resolve) => this.#thread.on('exit', () => resolve()));
  }

  perform(job: Job): Promise<JobResult> {
    const stopped = this.#stopped;
    if (stopped !== null) return Promise.reject(toError(stopped));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#thread.ref();
      this.#thread.postMessage({ id, job } satisfies WriterMessage);
    });
  }

  /** What was asked before is done first. */
  async close(): Promise<void> {
    this.#stopped ??= failureOf(closed(), this.#file);
    this.#thread.ref();
    this.#thread.postMessage('close' satisfies WriterMessage);
    await this.#ended;
  }

  #take(answers: readonly WriterAnswer[]): void {
    for (const { id, outcome } of answers) {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (waiting !== undefined) this.#answer(waiting, outcome);
    }
    if (this.#waiting.size === 0) this.#thread.unref();
  }

  #answer(waiting: Waiting, outcome: Outcome): void {
    if ('failure' in outcome) {
      waiting.reject(toError(outcome.failure));
      return;
    }
    const { result } = outcome;
    if (result !== null && 'revision' in result) this.#onCommit(result.revision);
    waiting.resolve(result);
  }

  /** Whatever was out has an unknown end: it may have been committed. */
  #stop(failure: Failure): void {
    this.#stopped ??= failure;
    for (const waiting of this.#waiting.values()) waiting.reject(toError(failure));
    this.#waiting.clear();
  }
}
