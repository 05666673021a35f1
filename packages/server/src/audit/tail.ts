import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type ChainHead, EMPTY_CHAIN, isTornLine, readLine } from './chain.ts';
import type { Checkpoint } from './checkpoint.ts';
import { listLineFiles } from './folder.ts';

/** How an existing chain ends. */
export interface ChainTail {
  readonly head: ChainHead;
  /** The file to go on with; null to begin a new one. */
  readonly file: string | null;
  /** Bytes of a line torn by a crash that were cut off; 0 if there was none. */
  readonly tornBytes: number;
  /** What is wrong with the end of the chain, in one sentence; null if it can be continued. */
  readonly broken: string | null;
}

const NEWLINE = 0x0a;
const CHUNK_BYTES = 64 * 1024;

/**
 * Finds the end of the chain, cutting off a line that a crash tore. Only the end is looked at, so that a start takes
 * no longer the longer the log is; `verifyAudit` looks at everything.
 *
 * @param checkpoint the last one the store knows: a chain that ends before it has lost lines.
 */
export function openTail(folder: string, checkpoint: ChainHead | Checkpoint | null): ChainTail {
  const files = listLineFiles(folder);
  let tornBytes = 0;
  for (let at = files.length - 1; at >= 0; at--) {
    const end = endOfFile(join(folder, files[at]!), at > 0);
    tornBytes += end.tornBytes;
    if (end.broken !== null) return { head: EMPTY_CHAIN, file: null, tornBytes, broken: `${files[at]} ${end.broken}` };
    if (end.head === null) {
      unlinkSync(join(folder, files[at]!));
      continue;
    }
    return { head: end.head, file: files[at]!, tornBytes, broken: contradiction(end.head, checkpoint) };
  }
  return { head: EMPTY_CHAIN, file: null, tornBytes, broken: contradiction(EMPTY_CHAIN, checkpoint) };
}

function contradiction(head: ChainHead, checkpoint: ChainHead | null): string | null {
  if (checkpoint === null || head.sequence > checkpoint.sequence) return null;
  if (head.sequence < checkpoint.sequence) {
    return `ends at sequence ${head.sequence}, but a signed checkpoint says that it reached ${checkpoint.sequence}`;
  }
  return head.hash === checkpoint.hash ? null : `has another line ${head.sequence} than its signed checkpoint says`;
}

interface FileEnd {
  readonly head: ChainHead | null;
  readonly tornBytes: number;
  readonly broken: string | null;
}

function endOfFile(path: string, hasOlderFiles: boolean): FileEnd {
  const descriptor = openSync(path, constants.O_RDWR);
  try {
    const { size } = fstatSync(descriptor);
    const end = readEnd(descriptor, size);
    const found = end.line === null ? null : readLine(end.line);
    if (end.line !== null && found?.actualHash !== found?.statedHash) return brokenEnd('was altered in its last line');
    if (end.line !== null && found === null) return brokenEnd('has a last line that is not one of rekey’s');
    const head = found === null ? null : { sequence: found.sequence, hash: found.actualHash };
    if (end.rest.length > 0) {
      // What a first line of a later file should continue is in the file before; its beginning has to do.
      const torn = isTornLine(end.rest, head ?? EMPTY_CHAIN) || (head === null && hasOlderFiles);
      if (!torn) return brokenEnd('ends in something that is no torn line');
      ftruncateSync(descriptor, size - end.rest.length);
    }
    return { head, tornBytes: end.rest.length, broken: null };
  } finally {
    closeSync(descriptor);
  }
}

function brokenEnd(broken: string): FileEnd {
  return { head: null, tornBytes: 0, broken };
}

/** The last whole line, and what stands behind its newline. */
function readEnd(descriptor: number, size: number): { line: Buffer | null; rest: Buffer } {
  for (let bytes = CHUNK_BYTES; ; bytes *= 2) {
    const from = Math.max(0, size - bytes);
    const chunk = readAt(descriptor, from, size - from);
    const last = chunk.lastIndexOf(NEWLINE);
    const before = last <= 0 ? -1 : chunk.lastIndexOf(NEWLINE, last - 1);
    if (last < 0 && from === 0) return { line: null, rest: chunk };
    if (last >= 0 && (before >= 0 || from === 0)) {
      return { line: chunk.subarray(before + 1, last), rest: chunk.subarray(last + 1) };
    }
  }
}

function readAt(descriptor: number, from: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const count = readSync(descriptor, bytes, filled, length - filled, from + filled);
    if (count === 0) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}
