import type { KeyObject } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, type Logger, messageOf, RekeyError, silentLogger, systemClock } from '@rekey/core';
import { type ChainHead, chainEntry } from './chain.ts';
import { type Checkpoint, checkpointLine, signCheckpoint } from './checkpoint.ts';
import type { AuditEntry, AuditLog } from './entry.ts';
import { AuditFile, type FileCalls } from './file.ts';
import { auditFailure, CHECKPOINTS } from './folder.ts';
import { openChain } from './opening.ts';
import type { ChainTail } from './tail.ts';

/**
 * How durable an entry is before its request is answered: `written` is in the page cache (survives the process, not a
 * power cut), `synced` is on the disk (one fdatasync per batch, some milliseconds each on common disks).
 */
export type AuditDurability = 'written' | 'synced';

export interface AuditLogOptions {
  /** Made (0700) if it does not exist. */
  readonly folder: string;
  /** Ed25519 private key that signs checkpoints. */
  readonly signingKey: KeyObject;
  readonly durability?: AuditDurability;
  /** Bytes beyond which the log goes on in a new file; 64 MiB if not given. */
  readonly fileBytes?: number;
  /** The last checkpoint that {@link onCheckpoint} was told; null for a new chain. */
  readonly checkpoint?: Checkpoint | null;
  /** Keeps a checkpoint outside the folder, so that a tail cut off together with its checkpoints is seen. */
  readonly onCheckpoint?: (checkpoint: Checkpoint) => Promise<void> | void;
  readonly clock?: Clock;
  readonly log?: Logger;
  /** For tests that fill the disk. */
  readonly calls?: FileCalls;
}

/** Entries after a checkpoint can be forged by who may write the folder; a shorter time costs a signature and an fsync each. */
const CHECKPOINT_MILLISECONDS = 60_000;
const FILE_BYTES = 64 * 1024 * 1024;

/** Entries that are written together, and those who wait for them. */
interface Batch {
  readonly entries: AuditEntry[];
  readonly written: PromiseWithResolvers<void>;
}

/**
 * The audit log as a hash chain in JSON-lines files. All entries of one turn of the event loop are written by one
 * write. An entry that cannot be written rejects, and so must its request; the chain is then as if it had never come.
 */
export class ChainedAuditLog implements AuditLog {
  readonly #options: AuditLogOptions;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #file: AuditFile;
  readonly #closing = new AbortController();
  #head: ChainHead;
  #checkpointed: number;
  #batch: Batch | null = null;
  #flushing: Promise<void> | null = null;
  #checkpointing: Promise<void> | null = null;

  private constructor(options: AuditLogOptions, tail: ChainTail) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#log = options.log ?? silentLogger;
    this.#head = tail.head;
    this.#checkpointed = options.checkpoint?.hash === tail.head.hash ? tail.head.sequence : 0;
    const { folder, fileBytes = FILE_BYTES, calls } = options;
    this.#file = new AuditFile({ folder, fileBytes, ...(calls === undefined ? {} : { calls }) }, tail.file);
  }

  /**
   * Opens the log and continues its chain. A line torn by a crash is cut off, and that is recorded. A chain whose end
   * was tampered with is set aside untouched and a new one begins, whose first entry says so: the evidence stays, and
   * so does the service.
   *
   * @throws RekeyError `unavailable` or `storage-full` if the folder cannot be used.
   */
  static async open(options: AuditLogOptions): Promise<ChainedAuditLog> {
    const now = (options.clock ?? systemClock).now();
    const { tail, notes } = openChain(options.folder, options.signingKey, options.checkpoint ?? null, now);
    const log = new ChainedAuditLog(options, tail);
    for (const note of notes) {
      log.#log.warn({ folder: options.folder, action: note.action }, note.detail!);
      await log.append(note);
    }
    if (notes.length > 0) await log.#checkpoint();
    return log;
  }

  /** Where the chain stands. */
  get head(): ChainHead {
    return this.#head;
  }

  append(entry: AuditEntry): Promise<void> {
    if (this.#closing.signal.aborted) return Promise.reject(closedError(this.#options.folder));
    if (this.#batch === null) {
      this.#batch = { entries: [], written: Promise.withResolvers() };
      if (this.#flushing === null) setImmediate(() => this.#flush());
    }
    this.#batch.entries.push(entry);
    return this.#batch.written.promise;
  }

  /** Writes what still waits, signs the head and closes the files. Entries after this are refused. */
  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#flush();
    while (this.#flushing !== null) await this.#flushing;
    await this.#checkpointing;
    await this.#checkpoint();
    this.#file.close();
  }

  /** Writes the batch that has gathered; in `synced` mode one batch at a time, so that a failed one can be taken back. */
  #flush(): void {
    const batch = this.#batch;
    if (batch === null || this.#flushing !== null) return;
    this.#batch = null;
    const before = this.#head;
    let start: number;
    try {
      start = this.#write(batch.entries);
    } catch (error) {
      batch.written.reject(auditFailure(this.#options.folder, error));
      return;
    }
    this.#checkpointSoon();
    if (this.#options.durability !== 'synced') batch.written.resolve();
    else this.#flushing = this.#sync(batch, before, start).finally(() => this.#afterSync());
  }

  /** Returns where in the file the batch begins. */
  #write(entries: readonly AuditEntry[]): number {
    let head = this.#head;
    let text = '';
    for (const entry of entries) {
      const line = chainEntry(head, entry);
      head = line.head;
      text += line.text;
    }
    const start = this.#file.append(Buffer.from(text), this.#head.sequence + 1);
    this.#head = head;
    return start;
  }

  async #sync(batch: Batch, before: ChainHead, start: number): Promise<void> {
    const path = this.#file.path;
    try {
      await this.#file.sync();
      batch.written.resolve();
    } catch (error) {
      this.#file.cutTo(start);
      this.#head = before;
      batch.written.reject(auditFailure(path, error));
    }
  }

  #afterSync(): void {
    this.#flushing = null;
    this.#flush();
  }

  #checkpointSoon(): void {
    if (this.#checkpointing !== null) return;
    const due = this.#clock.sleep(CHECKPOINT_MILLISECONDS, this.#closing.signal);
    this.#checkpointing = due.then(async () => {
      if (!this.#closing.signal.aborted) await this.#checkpoint();
      this.#checkpointing = null;
      if (this.#head.sequence > this.#checkpointed && !this.#closing.signal.aborted) this.#checkpointSoon();
    });
  }

  /**
   * Signs the head. The lines up to it are made durable first: a checkpoint that a power cut leaves ahead of its lines
   * would look like a cut tail. A failure is logged and tried again with the next one; the chain itself is not hurt.
   */
  async #checkpoint(): Promise<void> {
    const { folder, signingKey, onCheckpoint } = this.#options;
    // A batch that is being synced may yet be taken back.
    while (this.#flushing !== null) await this.#flushing;
    const head = this.#head;
    if (head.sequence === this.#checkpointed) return;
    try {
      await this.#file.sync();
      this.#watchFile();
      const checkpoint = signCheckpoint(head, this.#clock.now(), signingKey);
      appendFileSync(join(folder, CHECKPOINTS), `${checkpointLine(checkpoint)}\n`, { mode: 0o600, flush: true });
      await onCheckpoint?.(checkpoint);
      this.#checkpointed = head.sequence;
    } catch (error) {
      const sentence = `The audit log could not keep its checkpoint at ${head.sequence}: ${messageOf(error)}`;
      this.#log.error({ folder, sequence: head.sequence }, sentence);
    }
  }

  /** Whoever moves the file away must not have the entries after that follow it into nowhere. */
  #watchFile(): void {
    const { path } = this.#file;
    if (!this.#file.leaveIfReplaced()) return;
    this.#log.error(
      { path },
      `The audit file ${path} was removed or changed while in use; the log goes on in a new one.`,
    );
  }
}

function closedError(folder: string): RekeyError {
  return new RekeyError('unavailable', `The audit log ${folder} is closed because the server is stopping.`, {
    reason: 'audit-unavailable',
  });
}
