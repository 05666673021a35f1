import { constants, createReadStream } from 'node:fs';
import { type FileHandle, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { RekeyError } from '@rekey/core';

const NEWLINE = 0x0a;

/** One line of a file as found. */
export interface FoundLine {
  readonly text: string;
  /** Where it begins and where the next one does, in bytes. */
  readonly from: number;
  readonly until: number;
  /** False for a last line that lacks its newline: torn by a crash, or being written this moment. */
  readonly complete: boolean;
}

/**
 * A file that only grows, by whole lines, each on the disk before {@link AppendFile.append} resolves. What a failed
 * write may have left behind is cut off before the next one begins, so that a line is there whole or not at all.
 */
export class AppendFile {
  readonly path: string;
  #handle: FileHandle;
  #length: number;
  #dirty = false;

  private constructor(path: string, handle: FileHandle, length: number) {
    this.path = path;
    this.#handle = handle;
    this.#length = length;
  }

  /** Opens or makes (mode 0600) the file and cuts off a line that a crash tore. */
  static async open(path: string): Promise<AppendFile> {
    const handle = await attempt(path, async () => {
      const opened = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
      await syncFolder(dirname(path));
      return opened;
    });
    const { size } = await handle.stat();
    const length = (await lastNewline(handle, size)) + 1;
    const file = new AppendFile(path, handle, length);
    file.#dirty = length < size;
    return file;
  }

  /** Bytes of whole lines. */
  get length(): number {
    return this.#length;
  }

  /** Resolves when the lines are on the disk; if it rejects, they are not in the file. */
  async append(lines: Uint8Array): Promise<void> {
    await attempt(this.path, async () => {
      if (this.#dirty) await this.#cut();
      this.#dirty = true;
      await writeWhole(this.#handle, lines, this.#length);
      await this.#handle.datasync();
      this.#length += lines.length;
      this.#dirty = false;
    });
  }

  /** Takes back what was appended behind the given length; at the latest before the next append. */
  async truncate(length: number): Promise<void> {
    if (length >= this.#length && !this.#dirty) return;
    this.#length = Math.min(this.#length, length);
    this.#dirty = true;
    await this.#cut().catch(() => {});
  }

  /** Puts new content in the place of the old, all or nothing, also across a crash. */
  async replace(parts: AsyncIterable<Uint8Array>): Promise<void> {
    await attempt(this.path, async () => {
      const draft = `${this.path}.new`;
      const handle = await open(draft, 'w', 0o600);
      let length = 0;
      for await (const part of parts) length += await writeWhole(handle, part, length);
      await handle.sync();
      await rename(draft, this.path);
      await syncFolder(dirname(this.path));
      await this.#handle.close();
      this.#handle = handle;
      this.#length = length;
      this.#dirty = false;
    });
  }

  /** Lines from a byte on; those appended meanwhile may or may not be among them. */
  async *lines(from = 0): AsyncGenerator<FoundLine> {
    const { size } = await this.#handle.stat();
    let rest: Buffer = Buffer.alloc(0);
    let at = from;
    for await (const chunk of this.bytes(from, size)) {
      const bytes = Buffer.concat([rest, chunk]);
      let begin = 0;
      for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, begin)) {
        const until = at + end + 1 - begin;
        yield { text: bytes.toString('utf8', begin, end), from: at, until, complete: true };
        at = until;
        begin = end + 1;
      }
      rest = bytes.subarray(begin);
    }
    if (rest.length > 0) yield { text: rest.toString('utf8'), from: at, until: at + rest.length, complete: false };
  }

  /** Whole lines from the end towards the beginning, without reading what is not asked for. */
  async *linesFromEnd(): AsyncGenerator<FoundLine> {
    let until = this.#length;
    while (until > 0) {
      const from = (await lastNewline(this.#handle, until - 1)) + 1;
      const bytes = await readRange(this.#handle, from, until - 1);
      yield { text: bytes.toString('utf8'), from, until, complete: true };
      until = from;
    }
  }

  /** Bytes between two places. */
  async *bytes(from: number, until: number): AsyncGenerator<Uint8Array> {
    if (from >= until) return;
    for await (const chunk of createReadStream(this.path, { start: from, end: until - 1 })) yield chunk as Buffer;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async #cut(): Promise<void> {
    await this.#handle.truncate(this.#length);
    await this.#handle.datasync();
    this.#dirty = false;
  }
}

const STRIDE = 64 * 1024;

/** Place of the last newline before `until`; -1 if there is none. */
async function lastNewline(handle: FileHandle, until: number): Promise<number> {
  for (let end = until; end > 0; ) {
    const from = Math.max(0, end - STRIDE);
    const found = (await readRange(handle, from, end)).lastIndexOf(NEWLINE);
    if (found !== -1) return from + found;
    end = from;
  }
  return -1;
}

async function readRange(handle: FileHandle, from: number, until: number): Promise<Buffer> {
  const buffer = Buffer.alloc(until - from);
  let read = 0;
  while (read < buffer.length) {
    const { bytesRead } = await handle.read(buffer, read, buffer.length - read, from + read);
    if (bytesRead === 0) break;
    read += bytesRead;
  }
  return buffer.subarray(0, read);
}

async function writeWhole(handle: FileHandle, bytes: Uint8Array, position: number): Promise<number> {
  let written = 0;
  while (written < bytes.length)
    written += (await handle.write(bytes, written, bytes.length - written, position + written)).bytesWritten;
  return written;
}

/** A new or renamed file is on the disk only when its folder is. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function attempt<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown';
    const full = code === 'ENOSPC' || code === 'EDQUOT';
    throw new RekeyError(
      full ? 'storage-full' : 'unavailable',
      `The escrow journal ${path} cannot be written (${code}): ${full ? 'free space there' : 'mend its disk or its permissions'}; until then no rotation gives a target a new value.`,
      { reason: 'escrow-not-written', cause },
    );
  }
}
