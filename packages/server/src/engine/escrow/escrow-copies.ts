import { RekeyError } from '@rekey/core';
import type { AppendFile } from './escrow-file.ts';
import { decodeLine } from './escrow-line.ts';
import { lastNumbered } from './escrow-reader.ts';

export interface LineOfCopy {
  readonly file: AppendFile;
  readonly text: string;
}

/** Whether two lines with entries of one number hold the same, sealed apart: a crash may fall between two copies that are sealed anew. */
export type IsSameEntry = (one: LineOfCopy, other: LineOfCopy) => Promise<boolean>;

type End = Awaited<ReturnType<typeof lastNumbered>>;

/**
 * Brings copies of a journal that lag behind up to the longest one: a new disk starts empty, and a crash may fall
 * between two disks.
 *
 * @throws RekeyError `integrity` where a copy holds what the longest one does not
 */
export async function catchUp(files: readonly AppendFile[], isSameEntry: IsSameEntry): Promise<void> {
  const ends = await Promise.all(files.map(lastNumbered));
  const newest = ends.reduce((best, end, index) => ((end?.n ?? -1) > (ends[best]?.n ?? -1) ? index : best), 0);
  const source = files[newest]!;
  for (const [index, file] of files.entries()) {
    if (ends[index] === null) await file.truncate(0);
    if (index === newest || ends[newest] === null) continue;
    const from = await placeAfter(source, ends[index] ?? null, file, isSameEntry);
    if (from < source.length) await copy(source, from, file);
  }
}

/** Where in the source the lines begin that the copy lacks. */
async function placeAfter(source: AppendFile, end: End, copy: AppendFile, isSameEntry: IsSameEntry): Promise<number> {
  if (end === null) return 0;
  for await (const found of source.linesFromEnd()) {
    const line = decodeLine(found.text);
    if (line?.kind !== 'entry' && line?.kind !== 'start') continue;
    if (line.n < end.n) break;
    if (line.n > end.n) continue;
    if (await isSame({ file: source, text: found.text }, { file: copy, text: end.found.text }, isSameEntry))
      return found.until;
    break;
  }
  throw new RekeyError(
    'integrity',
    `The escrow journals ${source.path} and ${copy.path} contradict each other: move the wrong one away, rekey then copies the other.`,
    { reason: 'escrow-copies-differ' },
  );
}

/** Two starts of one number are the same though sealed apart, and so is a start that compaction put for an entry. */
async function isSame(one: LineOfCopy, other: LineOfCopy, isSameEntry: IsSameEntry): Promise<boolean> {
  const bothEntries = [one, other].every(({ text }) => decodeLine(text)?.kind === 'entry');
  return !bothEntries || one.text === other.text || isSameEntry(one, other);
}

async function copy(source: AppendFile, from: number, target: AppendFile): Promise<void> {
  for await (const part of source.bytes(from, source.length)) await target.append(part);
}
