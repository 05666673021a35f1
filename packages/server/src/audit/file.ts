import {
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { lineFileName } from './folder.ts';

const syncData = promisify(fdatasync);

/** The system calls that a test replaces to fill the disk or break it. */
export interface FileCalls {
  write(descriptor: number, bytes: Uint8Array, from: number): number;
  truncate(descriptor: number, length: number): void;
  sync(descriptor: number): Promise<void>;
}

export const systemCalls: FileCalls = {
  write: (descriptor, bytes, from) => writeSync(descriptor, bytes, from),
  truncate: ftruncateSync,
  sync: (descriptor) => syncData(descriptor),
};

export interface AuditFileOptions {
  readonly folder: string;
  /** Bytes beyond which the log goes on in a new file. */
  readonly fileBytes: number;
  readonly calls?: FileCalls;
}

/**
 * The file that lines are appended to at the moment. A batch is in it whole or not at all: what a failed write left
 * behind is cut off, at the latest before the next one.
 *
 * Writes are synchronous: into the page cache they take a few microseconds, less than handing them to another thread.
 */
export class AuditFile {
  readonly #options: AuditFileOptions;
  readonly #calls: FileCalls;
  #descriptor: number | null = null;
  #name: string;
  #length = 0;
  #dirty = false;
  #syncing: Promise<unknown> | null = null;

  /** @param name the file to go on with (whole lines only); null to begin with a new one. */
  constructor(options: AuditFileOptions, name: string | null) {
    this.#options = options;
    this.#calls = options.calls ?? systemCalls;
    this.#name = name ?? '';
    if (name !== null) this.#use(name, 0);
  }

  /** Name of the file, for messages; empty before the first write. */
  get path(): string {
    return join(this.#options.folder, this.#name);
  }

  /** Appends whole lines, or throws and leaves the file as it was. Returns where in the file they begin. */
  append(lines: Uint8Array, firstSequence: number): number {
    const full = this.#length > 0 && this.#length + lines.length > this.#options.fileBytes;
    if (this.#descriptor === null || full) this.#rotate(firstSequence);
    this.#cutRemains();
    this.#dirty = true;
    for (let from = 0; from < lines.length; ) from += this.#calls.write(this.#descriptor!, lines, from);
    const start = this.#length;
    this.#length += lines.length;
    this.#dirty = false;
    return start;
  }

  /** Lets go of a file that is no longer the one its name stands for; the next append begins a new one. */
  leaveIfReplaced(): boolean {
    if (this.#descriptor === null || this.#dirty) return false;
    const named = statSync(this.path, { throwIfNoEntry: false });
    const own = fstatSync(this.#descriptor);
    if (named?.ino === own.ino && own.size === this.#length) return false;
    this.close();
    return true;
  }

  /** Takes the newest lines back, after they could not be made durable. */
  cutTo(length: number): void {
    this.#length = length;
    this.#dirty = true;
    try {
      this.#cutRemains();
    } catch {
      // The next append tries again before it writes.
    }
  }

  /** Resolves when all lines are on the disk. */
  async sync(): Promise<void> {
    if (this.#descriptor === null) return;
    const syncing = this.#calls.sync(this.#descriptor);
    this.#syncing = Promise.allSettled([this.#syncing, syncing]);
    await syncing;
  }

  close(): void {
    if (this.#descriptor !== null) this.#release(this.#descriptor);
    this.#descriptor = null;
  }

  /** Closes a file, but not under the hands of a sync that still runs on it. */
  #release(descriptor: number): void {
    const close = () => closeSync(descriptor);
    if (this.#syncing === null) close();
    else void this.#syncing.then(close);
    this.#syncing = null;
  }

  #rotate(firstSequence: number): void {
    if (this.#descriptor !== null) {
      this.#cutRemains();
      fdatasyncSync(this.#descriptor);
    }
    const finished = this.#descriptor;
    this.#use(lineFileName(firstSequence), constants.O_CREAT | constants.O_EXCL);
    if (finished !== null) this.#release(finished);
    syncFolder(dirname(this.path));
  }

  #use(name: string, flags: number): void {
    const path = join(this.#options.folder, name);
    this.#descriptor = openSync(path, constants.O_WRONLY | constants.O_APPEND | flags, 0o600);
    this.#name = name;
    this.#length = fstatSync(this.#descriptor).size;
    this.#dirty = false;
  }

  #cutRemains(): void {
    if (!this.#dirty) return;
    this.#calls.truncate(this.#descriptor!, this.#length);
    this.#dirty = false;
  }
}

/** Makes the names in a folder durable. */
export function syncFolder(folder: string): void {
  const descriptor = openSync(folder, constants.O_RDONLY);
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
