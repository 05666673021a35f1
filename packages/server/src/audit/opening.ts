import { createPublicKey, type KeyObject } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Checkpoint } from './checkpoint.ts';
import type { AuditEntry } from './entry.ts';
import { auditFailure, CHECKPOINTS, makeAuditFolder, PUBLIC_KEY, setChainAside } from './folder.ts';
import { BROKEN_CHAIN, ownEntry, TORN_LINE } from './own-entries.ts';
import { type ChainTail, openTail } from './tail.ts';

/** An existing or new chain, ready to be continued. */
export interface OpenedChain {
  readonly tail: ChainTail;
  /** What has to be recorded first. */
  readonly notes: readonly AuditEntry[];
}

/**
 * Makes the folder ready and finds the end of its chain. A chain whose end was tampered with is set aside.
 *
 * @throws RekeyError `unavailable` or `storage-full` if the folder cannot be used.
 */
export function openChain(
  folder: string,
  signingKey: KeyObject,
  checkpoint: Checkpoint | null,
  now: number,
): OpenedChain {
  try {
    makeAuditFolder(folder);
    cutTornCheckpoint(folder);
    const tail = openTail(folder, checkpoint);
    const opened = tail.broken === null ? continued(tail, now) : startedAnew(folder, tail.broken, now);
    writePublicKey(folder, signingKey);
    return opened;
  } catch (error) {
    throw auditFailure(folder, error);
  }
}

function continued(tail: ChainTail, now: number): OpenedChain {
  const detail = `A crash tore a line of ${tail.tornBytes} bytes; it was cut off and nothing it told of was answered.`;
  return { tail, notes: tail.tornBytes === 0 ? [] : [ownEntry(now, TORN_LINE, detail)] };
}

function startedAnew(folder: string, broken: string, now: number): OpenedChain {
  const setAside = setChainAside(folder, now);
  const detail = `The chain before this one ${broken}; its files were kept in ${setAside} and a new chain begins.`;
  return { tail: openTail(folder, null), notes: [ownEntry(now, BROKEN_CHAIN, detail)] };
}

function writePublicKey(folder: string, signingKey: KeyObject): void {
  const text = createPublicKey(signingKey).export({ type: 'spki', format: 'pem' }).toString();
  writeFileSync(join(folder, PUBLIC_KEY), text, { mode: 0o600 });
}

/** A checkpoint torn by a crash is repeated by the next one anyway. */
function cutTornCheckpoint(folder: string): void {
  const path = join(folder, CHECKPOINTS);
  const text = readIfThere(path);
  const end = text.lastIndexOf('\n') + 1;
  if (end < text.length) writeFileSync(path, text.slice(0, end), { mode: 0o600 });
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
