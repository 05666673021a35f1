import { constants } from 'node:fs';
import { chmod, copyFile, rm } from 'node:fs/promises';
import { FileEscrowJournal } from '../engine/escrow/escrow-journal.ts';
import type { Seal } from '../seal/seal.ts';
import type { Store } from '../store/store.ts';

export interface EscrowMerge {
  /** The journal that takes all entries; one that an earlier attempt left there is overwritten. */
  readonly into: string;
  readonly journals: readonly [string, ...string[]];
  readonly store: Store;
  readonly seal: Seal;
}

type Open = (path: string) => Promise<FileEscrowJournal>;

/**
 * Makes one escrow journal of those of several servers, whose store is to be restored. The journals stay as they are;
 * an entry that two of them hold is replayed like one.
 *
 * @throws RekeyError as {@link FileEscrowJournal.open}, and `integrity` for a journal with damage in it
 */
export async function mergeEscrowJournals({ into, journals, store, seal }: EscrowMerge): Promise<void> {
  const [first, ...others] = journals;
  const wrapped = store.keys?.record ?? (await store.keyring.wrap(seal));
  const open: Open = (path) => FileEscrowJournal.open({ paths: [path], keyring: store.keyring, wrapped, seal });
  await rm(into, { force: true });
  await copyPrivately(first, into);
  if (others.length === 0) return;
  const merged = await open(into);
  try {
    for (const other of others) await appendAll(merged, other, `${into}.merging`, open);
  } finally {
    await merged.close();
  }
}

/** @param copy place for a copy of the other journal: opening one writes to it */
async function appendAll(merged: FileEscrowJournal, other: string, copy: string, open: Open): Promise<void> {
  try {
    await rm(copy, { force: true });
    await copyPrivately(other, copy);
    const journal = await open(copy);
    try {
      for await (const entry of journal.entries()) await merged.append(entry);
    } finally {
      await journal.close();
    }
  } finally {
    await rm(copy, { force: true });
  }
}

async function copyPrivately(from: string, to: string): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_EXCL);
  await chmod(to, 0o600);
}
