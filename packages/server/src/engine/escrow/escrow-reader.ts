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
  #found: Promise<readonly Keyring[]> | null = null;

  constructor(file: AppendFile, seal: Seal, own: Keyring) {
    this.#file = file;
    this.#seal = seal;
    this.#own = own;
  }

  /** What a numbered line holds; null if no keyring opens it. */
  async open(text: string): Promise<Uint8Array | null> {
    const line = decodeLine(text);
    if (line?.kind !== 'entry' && line?.kind !== 'start') return null;
    return openWith([this.#own], line) ?? openWith(await this.#others(), line);
  }

  async *scan(): AsyncGenerator<EscrowFinding> {
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
      const finding = this.#read(line, line === null ? null : await this.open(found.text), last, number);
      if (finding.gap !== null) yield finding.gap;
      if (finding.result !== null) yield finding.result;
      last = line?.n ?? (last === null ? null : last + 1);
    }
  }

  #read(line: Numbered | null, plain: Uint8Array | null, last: number | null, number: number): Reading {
    const problem = (text: string): EscrowFinding => ({
      kind: 'problem',
      line: number,
      sentence: `Line ${number} of the escrow journal ${this.#file.path} ${text}.`,
    });
    if (line === null) return { gap: null, result: problem('is damaged') };
    const gap = gapBefore(line, last);
    const entry = plain === null ? null : decodeEntry(line, plain);
    const broken = plain === null ? problem('was altered, moved or sealed with a key that is gone') : null;
    return {
      gap: gap === null ? null : problem(gap),
      result: broken ?? (entry === null ? null : { kind: 'entry', n: line.n, entry }),
    };
  }

  /**
   * The keyrings in the journal, asked for when the store's own does not open a line: unwrapping one may be a question to
   * another house. Newest first: a later keyring opens what earlier ones sealed, and may be wrapped by the KEK in force.
   */
  #others(): Promise<readonly Keyring[]> {
    this.#found ??= this.#findOthers();
    return this.#found;
  }

  async #findOthers(): Promise<readonly Keyring[]> {
    const found = new Map<string, Keyring>();
    for await (const { text } of this.#file.lines()) {
      const line = keyringLine(text);
      if (line === null || found.has(line.keyring.wrapped)) continue;
      const keyring = await Keyring.unwrap(line.keyring, this.#seal).catch(() => null);
      if (keyring !== null) found.set(line.keyring.wrapped, keyring);
    }
    return [...found.values()].reverse();
  }
}

/** Null for any other line. */
export function keyringLine(text: string): Extract<EscrowLine, { kind: 'keyring' }> | null {
  if (!text.startsWith('{"kind":"keyring"')) return null;
  const line = decodeLine(text);
  return line?.kind === 'keyring' ? line : null;
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
