import { createReadStream } from 'node:fs';

const NEWLINE = 0x0a;
const CHUNK_BYTES = 1024 * 1024;

/** What stands behind the last newline of a file, and which line that would be. */
export interface Remainder {
  readonly bytes: Buffer;
  readonly number: number;
}

/**
 * Reads a file line by line as bytes: a line that was tampered with need not be text any more.
 *
 * @param take is given each line without its newline, and its number counted from 1.
 */
export async function readLines(path: string, take: (line: Buffer, number: number) => void): Promise<Remainder> {
  let rest: Buffer = Buffer.alloc(0);
  let number = 1;
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES })) {
    const bytes: Buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let from = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, from)) {
      take(bytes.subarray(from, end), number++);
      from = end + 1;
    }
    rest = bytes.subarray(from);
  }
  return { bytes: rest, number };
}
