import { existsSync } from 'node:fs';
import { messageOf } from '@rekey/core';
import { AppendFile } from '../../engine/escrow/escrow-file.ts';
import { checkHeader, decodeLine } from '../../engine/escrow/escrow-line.ts';
import { EscrowReader } from '../../engine/escrow/escrow-reader.ts';
import type { Keyring } from '../../seal/keyring.ts';
import type { Seal } from '../../seal/seal.ts';

/** What a restore would find in an escrow journal. */
export interface EscrowReport {
  readonly file: string;
  readonly entries: number;
  /** Entries made after what the backup holds. */
  readonly later: number;
  /** When the newest entry was made; milliseconds since the epoch. */
  readonly newestAt: number | null;
  readonly problems: readonly string[];
}

/** Reads the whole journal; writes nothing to it, also beside the server that does. */
export async function checkEscrow(
  path: string,
  { keyring, seal, since }: { readonly keyring: Keyring; readonly seal: Seal; readonly since: number | null },
): Promise<EscrowReport> {
  const nothing = { file: path, entries: 0, later: 0, newestAt: null };
  if (!existsSync(path))
    return { ...nothing, problems: [`There is no escrow journal at ${path}; name the right file.`] };
  try {
    return { file: path, ...(await read(path, keyring, seal, since ?? 0)) };
  } catch (error) {
    return { ...nothing, problems: [messageOf(error)] };
  }
}

async function read(path: string, keyring: Keyring, seal: Seal, since: number) {
  const file = await AppendFile.open(path);
  try {
    for await (const { text } of file.lines()) {
      checkHeader(decodeLine(text), keyring.storeId, path);
      break;
    }
    const problems: string[] = [];
    let [entries, later, newestAt] = [0, 0, null as number | null];
    for await (const finding of new EscrowReader(file, seal, keyring).scan()) {
      if (finding.kind === 'problem') problems.push(finding.sentence);
      if (finding.kind !== 'entry') continue;
      entries += 1;
      if (finding.entry.at > since) later += 1;
      newestAt = Math.max(newestAt ?? 0, finding.entry.at);
    }
    return { entries, later, newestAt, problems };
  } finally {
    await file.close();
  }
}
