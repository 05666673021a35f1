import { envelopeKeyId } from '../../seal/envelope.ts';
import type { Keyring, KeyringRecord } from '../../seal/keyring.ts';
import type { AppendFile } from './escrow-file.ts';
import { decodeLine, ESCROW_PURPOSE, type EscrowLine, encodeLine } from './escrow-line.ts';
import { type EscrowReader, keyringLine } from './escrow-reader.ts';

export interface EscrowReseal {
  readonly file: AppendFile;
  readonly reader: EscrowReader;
  readonly keyring: Keyring;
  /** The keyring as it is to be taken along, in the place of all others in the journal. */
  readonly wrapped: KeyringRecord;
}

type Numbered = Extract<EscrowLine, { kind: 'entry' | 'start' }>;

/**
 * A journal's content with every entry sealed by the active DEK, and with the keyring in force only. What cannot be
 * opened stays as it is, with the keyrings that may open it.
 *
 * @returns null where there is nothing to be done
 */
export async function resealed(work: EscrowReseal): Promise<AsyncIterable<Uint8Array> | null> {
  const found = await inspect(work);
  return found.outdated ? content(work, found.broken) : null;
}

/** Whether anything is outdated, and whether anything cannot be opened. */
async function inspect({ file, reader, keyring, wrapped }: EscrowReseal) {
  const known = JSON.stringify(wrapped);
  let [outdated, broken, stale] = [false, false, false];
  for await (const { text, complete } of file.lines()) {
    const line = decodeLine(text);
    if (line?.kind === 'keyring') stale ||= JSON.stringify(line.keyring) !== known;
    else if (line?.kind === 'entry' || line?.kind === 'start') {
      if (!isOutdated(line, keyring)) continue;
      if ((await reader.open(text)) === null) broken = true;
      else outdated = true;
    } else if (line === null && complete) broken = true;
  }
  return { outdated: outdated || (stale && !broken), broken };
}

async function* content({ file, reader, keyring, wrapped }: EscrowReseal, broken: boolean) {
  let told = false;
  for await (const { text, complete } of file.lines()) {
    if (!complete) continue;
    const line = decodeLine(text);
    if (keyringLine(text) !== null && !broken) continue;
    if (!told && (line?.kind === 'start' || line?.kind === 'entry')) {
      yield encodeLine({ kind: 'keyring', keyring: wrapped });
      told = true;
    }
    const numbered = line?.kind === 'start' || line?.kind === 'entry' ? line : null;
    const plain = numbered !== null && isOutdated(numbered, keyring) ? await reader.open(text) : null;
    yield numbered === null || plain === null ? Buffer.from(`${text}\n`) : sealed(numbered, keyring, plain);
  }
}

function sealed(line: Numbered, keyring: Keyring, plain: Uint8Array): Buffer {
  const body = keyring.seal(ESCROW_PURPOSE, `${line.kind}/${line.n}`, plain);
  return encodeLine({ ...line, body: Buffer.from(body).toString('base64') });
}

/** The head of the envelope says it; the rest is not looked at. */
function isOutdated({ body }: Numbered, keyring: Keyring): boolean {
  return envelopeKeyId(Buffer.from(body.slice(0, 48), 'base64')) !== keyring.activeId;
}
