import { RekeyError } from '@rekey/core';
import type { KeyringRecord } from '../../seal/keyring.ts';

/**
 * Lines of an escrow journal: JSON, one a line, so that a torn end is a line without its newline and nothing else.
 *
 * - `header`: whose journal this is; first line.
 * - `keyring`: the DEKs, wrapped by the KEK: a journal is read with the KEK alone, whatever became of the store.
 * - `start`: the number after which entries count; sealed, so that nobody can cut off the front.
 * - `entry`: one sealed value. Its number is bound into the envelope, so that none can be left out or moved unseen.
 */
export type EscrowLine =
  | { readonly kind: 'header'; readonly format: number; readonly storeId: string }
  | { readonly kind: 'keyring'; readonly keyring: KeyringRecord }
  | { readonly kind: 'start'; readonly n: number; readonly body: string }
  | { readonly kind: 'entry'; readonly n: number; readonly body: string };

export const ESCROW_FORMAT = 1;
/** What entries and starts are sealed for. */
export const ESCROW_PURPOSE = 'escrow';

export function encodeLine(line: EscrowLine): Buffer {
  return Buffer.from(`${JSON.stringify(line)}\n`);
}

/** Null for what is no line of ours: damaged, or written by somebody else. */
export function decodeLine(text: string): EscrowLine | null {
  try {
    const line: unknown = JSON.parse(text);
    return isLine(line) ? line : null;
  } catch {
    return null;
  }
}

/** @throws RekeyError `invalid-state` where the journal is another store's or a newer rekey's */
export function checkHeader(line: EscrowLine | null, storeId: string, path: string): void {
  if (line?.kind !== 'header')
    throw new RekeyError(
      'integrity',
      `The file ${path} does not begin as an escrow journal does: name another file, or move this one away.`,
      { reason: 'escrow-not-a-journal' },
    );
  if (line.format !== ESCROW_FORMAT)
    throw new RekeyError('invalid-state', `The escrow journal ${path} was written by a newer rekey: run that one.`, {
      reason: 'escrow-format-newer',
    });
  if (line.storeId !== storeId)
    throw new RekeyError(
      'invalid-state',
      `The escrow journal ${path} belongs to another store: name the journal of this store, or move this one away.`,
      { reason: 'escrow-of-another-store' },
    );
}

function isLine(line: unknown): line is EscrowLine {
  if (typeof line !== 'object' || line === null || !('kind' in line)) return false;
  const { kind, n, body, format, storeId, keyring } = line as Record<string, unknown>;
  if (kind === 'header') return typeof format === 'number' && typeof storeId === 'string';
  if (kind === 'keyring') return isKeyring(keyring);
  return (kind === 'start' || kind === 'entry') && Number.isSafeInteger(n) && typeof body === 'string';
}

function isKeyring(keyring: unknown): boolean {
  if (typeof keyring !== 'object' || keyring === null) return false;
  const { storeId, seal, wrapped } = keyring as Record<string, unknown>;
  return [storeId, seal, wrapped].every((member) => typeof member === 'string');
}
