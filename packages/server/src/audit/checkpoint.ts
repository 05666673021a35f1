import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import type { ChainHead } from './chain.ts';

/** The head of the chain at a moment, signed: nobody without the private key can bring another chain in its place. */
export interface Checkpoint extends ChainHead {
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** Which key signed: SHA-256 of its SPKI form, the first 16 hex digits. */
  readonly key: string;
  /** Ed25519 over {@link checkpointText}, base64url. */
  readonly signature: string;
}

/** The bytes that are signed. */
function checkpointText(checkpoint: Omit<Checkpoint, 'signature'>): Buffer {
  const { sequence, hash, time, key } = checkpoint;
  return Buffer.from(`rekey audit checkpoint\n${sequence}\n${hash}\n${time}\n${key}\n`);
}

/** @param privateKey Ed25519. */
export function signCheckpoint(head: ChainHead, time: number, privateKey: KeyObject): Checkpoint {
  const unsigned = { sequence: head.sequence, hash: head.hash, time, key: keyFingerprint(createPublicKey(privateKey)) };
  return { ...unsigned, signature: sign(null, checkpointText(unsigned), privateKey).toString('base64url') };
}

/** Whether the checkpoint was signed by the owner of the key and not touched since. */
export function isGenuine(checkpoint: Checkpoint, publicKey: KeyObject): boolean {
  const signature = Buffer.from(checkpoint.signature, 'base64url');
  // The last character has bits to spare: only one spelling counts.
  const spelledRight = signature.toString('base64url') === checkpoint.signature;
  return spelledRight && verify(null, checkpointText(checkpoint), publicKey, signature);
}

/** Names a key in checkpoints and reports. */
export function keyFingerprint(publicKey: KeyObject): string {
  const bytes = publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16);
}

/** Reads one line of `checkpoints.jsonl` (or a stored checkpoint); null if it is not one. */
export function readCheckpoint(text: string): Checkpoint | null {
  try {
    const found = JSON.parse(text) as Partial<Checkpoint> | null;
    const wellFormed =
      Number.isSafeInteger(found?.sequence) &&
      Number.isSafeInteger(found?.time) &&
      [found?.hash, found?.key, found?.signature].every((field) => typeof field === 'string');
    // Written again it must be the same text: a byte that JSON ignores was not put there by us.
    return wellFormed && checkpointLine(found as Checkpoint) === text ? (found as Checkpoint) : null;
  } catch {
    return null;
  }
}

/** One line of `checkpoints.jsonl`, without its newline. */
export function checkpointLine({ sequence, hash, time, key, signature }: Checkpoint): string {
  return JSON.stringify({ sequence, hash, time, key, signature });
}
