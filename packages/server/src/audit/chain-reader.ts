import { type ChainHead, EMPTY_CHAIN, type FoundLine, readLine } from './chain.ts';
import { BROKEN_CHAIN, TORN_LINE } from './own-entries.ts';
import type { AuditProblem, AuditProblemKind } from './report.ts';

/** A line as the reader went past it. */
interface Passed {
  readonly hash: string;
  readonly file: string;
  readonly line: number;
}

/** Goes along a chain line by line, and keeps account of where it breaks and in which way. */
export class ChainReader {
  /** Hashes of the lines asked for, by sequence. */
  readonly hashes = new Map<number, Passed>();
  readonly notes: string[] = [];
  lines = 0;
  firstSequence: number | null = null;
  lastSequence = 0;
  /** Up to here every line follows from the one before, from sequence 1 on. */
  chainedUpTo = 0;
  readonly #wanted: ReadonlySet<number>;
  readonly #problems: AuditProblem[] = [];
  /** Sequences that were jumped over and have not turned up since. */
  readonly #gaps: { from: number; until: number; problem: AuditProblem }[] = [];
  #head: ChainHead = EMPTY_CHAIN;
  /** The other hash the last line might have had: of an altered line either the bytes or the hash may be the original. */
  #alternative: string | null = null;

  /** @param wanted sequences whose hashes are to be kept. */
  constructor(wanted: ReadonlySet<number>) {
    this.#wanted = wanted;
  }

  /** What a next line has to follow from. */
  get head(): ChainHead {
    return this.#head;
  }

  read(bytes: Buffer, file: string, line: number): void {
    this.lines++;
    const found = readLine(bytes);
    if (found === null) this.#pass(this.#unreadable(file, line), file, line);
    else if (found.actualHash !== found.statedHash) this.#altered(found, file, line);
    else this.#sound(found, bytes, file, line);
  }

  refuse(
    kind: AuditProblemKind,
    file: string,
    line: number | null,
    sentence: string,
    sequence: number | null = null,
  ): void {
    this.#problems.push({ kind, file, line, sequence: sequence ?? this.#head.sequence + 1, sentence });
  }

  /** All problems in the order of the log; gaps whose lines turned up elsewhere are told as swaps by those lines. */
  problems(): readonly AuditProblem[] {
    const filled = new Set(this.#gaps.filter((gap) => gap.from > gap.until).map((gap) => gap.problem));
    return this.#problems.filter((problem) => !filled.has(problem));
  }

  #unreadable(file: string, line: number): FoundLine {
    this.refuse('malformed', file, line, 'this is not a line of an audit log');
    return { sequence: this.#head.sequence + 1, previous: '', statedHash: '', actualHash: '' };
  }

  #altered(found: FoundLine, file: string, line: number): void {
    const sequence = this.#head.sequence + 1;
    this.refuse('altered', file, line, `the content of line ${sequence} does not come to its hash`);
    this.#pass({ ...found, sequence }, file, line);
  }

  #sound(found: FoundLine, bytes: Buffer, file: string, line: number): void {
    const expected = this.#head.sequence + 1;
    const gap = this.#gaps.find(({ from, until }) => found.sequence >= from && found.sequence <= until);
    if (found.sequence > expected) this.#jump(found, expected, file, line);
    else if (gap !== undefined) {
      this.refuse(
        'swapped',
        file,
        line,
        `line ${found.sequence} stands behind line ${this.#head.sequence}`,
        found.sequence,
      );
      if (found.sequence === gap.from) gap.from++;
      else gap.until--;
    } else if (found.sequence < expected) {
      this.refuse('repeated', file, line, `line ${found.sequence} stands there again`, found.sequence);
      return;
    } else if (!this.#follows(found)) {
      this.refuse(
        'relinked',
        file,
        line,
        `line ${found.sequence} does not follow from the line before it`,
        found.sequence,
      );
    }
    this.#note(bytes, found);
    this.#pass(found, file, line);
  }

  #jump(found: FoundLine, expected: number, file: string, line: number): void {
    const until = found.sequence - 1;
    const which = until === expected ? `line ${expected} is` : `lines ${expected} to ${until} are`;
    const problem = {
      kind: 'dropped',
      file,
      line,
      sequence: expected,
      sentence: `${which} missing before line ${found.sequence}`,
    } as const;
    this.#problems.push(problem);
    this.#gaps.push({ from: expected, until, problem });
  }

  #follows(found: FoundLine): boolean {
    return found.previous === this.#head.hash || found.previous === this.#alternative;
  }

  #pass(found: FoundLine, file: string, line: number): void {
    const { sequence, statedHash, actualHash } = found;
    if (this.#wanted.has(sequence)) this.hashes.set(sequence, { hash: actualHash, file, line });
    this.firstSequence ??= sequence;
    this.lastSequence = Math.max(this.lastSequence, sequence);
    if (this.#problems.length === 0) this.chainedUpTo = sequence;
    this.#alternative = statedHash;
    this.#head = { sequence: this.lastSequence, hash: actualHash };
  }

  /** Entries by which the log itself told of a crash or a break. */
  #note(bytes: Buffer, found: FoundLine): void {
    if (!bytes.includes('"entry":{"kind":"server"')) return;
    const { entry } = JSON.parse(bytes.toString()) as { entry: { action: string; detail: string } };
    if (entry.action === TORN_LINE || entry.action === BROKEN_CHAIN) {
      this.notes.push(`sequence ${found.sequence}: ${entry.detail}`);
    }
  }
}
