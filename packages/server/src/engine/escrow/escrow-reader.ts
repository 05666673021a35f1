import { Keyring } from '../../seal/keyring.ts';
import type { Seal } from '../../seal/seal.ts';
import type { EscrowEntry, EscrowFinding } from './escrow.ts';
import type { AppendFile, FoundLine } from './escrow-file.ts';
import { decodeLine, ESCROW_PURPOSE, type EscrowLine } from './escrow-line.ts';

/** Reads one journal from front to end and goes on behind damage: every sound entry counts when a store is lost. */
export class EscrowReader {
  readonly #file: AppendFile;
  readonly #seal: Seal;
  readonly #own: Keyring;

  constructor(file: AppendFile, seal: Seal, own: Keyring) {
    this.#file = file;
    this.#seal = seal;
    this.#own = own;
  }

  async *scan(): AsyncGenerator<EscrowFinding> {
    const keyrings = await this.#keyrings();
    let last: number | null = null;
    let number = 0;
    for await (const found of this.#file.lines()) {
      number += 1;
      if (!found.complete) {
        yield { kind: 'torn', line: number };
        continue;
      }
      const line = decodeLine(found.text);
      if (line?.kind === 'header' || line?.kind === 'keyring') continue;
      const finding = this.#read(line, last, number, keyrings);
      if (finding.gap !== null) yield finding.gap;
      if (finding.result !== null) yield finding.result;
      last = line?.n ?? (last === null ? null : last + 1);
    }
  }

  #read(line: Numbered | null, last: number | null, number: number, keyrings: readonly Keyring[]): Reading {
    const problem = (text: string): EscrowFinding => ({
      kind: 'problem',
      line: number,
      sentence: `Line ${number} of the escrow journal ${this.#file.path} ${text}.`,
    });
    if (line === null) return { gap: null, result: problem('is damaged') };
    const gap = gapBefore(line, last);
    const plain = openWith(keyrings, line);
    const entry = plain === null ? null : decodeEntry(line, plain);
    const broken = plain === null ? problem('was altered, moved or sealed with a key that is gone') : null;
    return {
      gap: gap === null ? null : problem(gap),
      result: broken ?? (entry === null ? null : { kind: 'entry', n: line.n, entry }),
    };
  }

  /** Newest first: a later keyring opens what earlier ones sealed, and may be wrapped by the KEK that is in force. */
  async #keyrings(): Promise<readonly Keyring[]> {
    const found = new Map<string, Keyring>();
    for await (const { text } of this.#file.lines()) {
      if (!text.startsWith('{"kind":"keyring"')) continue;
      const line = decodeLine(text);
      if (line?.kind !== 'keyring' || found.has(line.keyring.wrapped)) continue;
      const keyring = await Keyring.unwrap(line.keyring, this.#seal).catch(() => null);
      if (keyring !== null) found.set(line.keyring.wrapped, keyring);
    }
    return [this.#own, ...[...found.values()].reverse()];
  }
}

type Numbered = Extract<EscrowLine, { kind: 'entry' | 'start' }>;
interface Reading {
  readonly gap: EscrowFinding | null;
  readonly result: EscrowFinding | null;
}

function gapBefore(line: Numbered, last: number | null): string | null {
  if (line.kind === 'start') return last === null ? null : 'begins the journal a second time';
  if (last === null) return `is entry ${line.n}, but the beginning of the journal is missing`;
  return line.n === last + 1 ? null : `is entry ${line.n}, but entry ${last + 1} should stand there`;
}

function openWith(keyrings: readonly Keyring[], line: Numbered): Uint8Array | null {
  const envelope = Buffer.from(line.body, 'base64');
  for (const keyring of keyrings) {
    try {
      return keyring.open(ESCROW_PURPOSE, `${line.kind}/${line.n}`, envelope);
    } catch {
      // Another keyring may open it.
    }
  }
  return null;
}

function decodeEntry(line: Numbered, plain: Uint8Array): EscrowEntry | null {
  return line.kind === 'entry' ? (JSON.parse(Buffer.from(plain).toString('utf8')) as EscrowEntry) : null;
}

/** The last entry (or start) as it stands in the file. */
export async function lastNumbered(
  file: AppendFile,
): Promise<{ readonly n: number; readonly found: FoundLine } | null> {
  for await (const found of file.linesFromEnd()) {
    const line = decodeLine(found.text);
    if (line?.kind === 'entry' || line?.kind === 'start') return { n: line.n, found };
  }
  return null;
}
