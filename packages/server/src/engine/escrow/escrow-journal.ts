import { RekeyError } from '@rekey/core';
import type { Keyring, KeyringRecord } from '../../seal/keyring.ts';
import type { Seal } from '../../seal/seal.ts';
import {
  DEFAULT_ESCROW_RETENTION,
  type EscrowEntry,
  type EscrowFinding,
  type EscrowJournal,
  type EscrowRetention,
  type EscrowSource,
  isDroppable,
} from './escrow.ts';
import { catchUp, type LineOfCopy } from './escrow-copies.ts';
import { AppendFile } from './escrow-file.ts';
import { checkHeader, decodeLine, ESCROW_FORMAT, ESCROW_PURPOSE, type EscrowLine, encodeLine } from './escrow-line.ts';
import { EscrowReader, keyringLine, lastNumbered } from './escrow-reader.ts';
import { resealed } from './escrow-reseal.ts';

export interface EscrowJournalOptions {
  /** One file, or one on each of several disks; made if absent. */
  readonly paths: readonly [string, ...string[]];
  readonly keyring: Keyring;
  /** The same keyring, wrapped: written into the journal, so that the KEK alone reads it. */
  readonly wrapped: KeyringRecord;
  /**
   * The keyring as it is kept at the moment: where it has changed since, it goes into the journal before the next entry, so
   * that there is never an entry whose DEK the KEK does not open. Left out: it changes by {@link FileEscrowJournal.follow}.
   */
  readonly current?: () => KeyringRecord;
  /** Unwraps the keyrings found in the journal. */
  readonly seal: Seal;
  readonly retention?: EscrowRetention;
}

interface Waiting {
  readonly entry: EscrowEntry;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The escrow journal in files. Entries appended while the disk is busy share the next fsync. Entries are numbered and
 * the number is sealed with them, so that one missing from the middle, moved or altered is told; one cut off the end
 * is not (the store knows those versions, and says so, unless it is older than they are).
 */
export class FileEscrowJournal implements EscrowJournal, EscrowSource {
  readonly #files: readonly AppendFile[];
  readonly #seal: Seal;
  readonly #retention: EscrowRetention;
  readonly #current: (() => KeyringRecord) | null;
  /** The newest keyring in the journal, as JSON. */
  #carried: string;
  #keyring: Keyring;
  #last: number;
  readonly #waiting: Waiting[] = [];
  /** Everything that writes takes its turn here. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(files: readonly AppendFile[], options: EscrowJournalOptions, last: number) {
    this.#files = files;
    this.#seal = options.seal;
    this.#retention = options.retention ?? DEFAULT_ESCROW_RETENTION;
    this.#current = options.current ?? null;
    this.#carried = '';
    this.#keyring = options.keyring;
    this.#last = last;
  }

  /**
   * Opens or makes the journal. A copy that lags behind (a crash between two disks, a new disk) is brought up first.
   *
   * @throws RekeyError `invalid-state` for another store's journal, `integrity` where two copies contradict each other
   */
  static async open(options: EscrowJournalOptions): Promise<FileEscrowJournal> {
    const files: AppendFile[] = [];
    try {
      for (const path of options.paths) files.push(await AppendFile.open(path));
      await Promise.all(files.map((file) => checkOwner(file, options.keyring.storeId)));
      await catchUp(files, (one, other) => isSameEntry(one, other, options));
      if ((await lastNumbered(files[0]!)) === null) await beginAll(files, options);
      const last = await lastNumbered(files[0]!);
      const journal = new FileEscrowJournal(files, options, last?.n ?? 0);
      await journal.useKeyring(options.keyring, options.wrapped);
      await journal.#inTurn(() => journal.#sealAnew(options.wrapped));
      return journal;
    } catch (error) {
      await Promise.all(files.map((file) => file.close()));
      throw error;
    }
  }

  append(entry: EscrowEntry): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ entry, resolve, reject });
      if (this.#waiting.length === 1) void this.#inTurn(() => this.#appendWaiting());
    });
  }

  async *entries(): AsyncGenerator<EscrowEntry> {
    const problems: string[] = [];
    for await (const finding of this.scan()) {
      if (finding.kind === 'entry') yield finding.entry;
      else if (finding.kind === 'problem') problems.push(finding.sentence);
    }
    if (problems.length > 0)
      throw new RekeyError('integrity', `${problems[0]} (${problems.length} such places in all)`, {
        reason: 'escrow-damaged',
      });
  }

  /** As {@link FileEscrowJournal.entries}, but telling of damage where it lies; a torn last line is no damage. */
  scan(): AsyncIterable<EscrowFinding> {
    return new EscrowReader(this.#files[0]!, this.#seal, this.#keyring).scan();
  }

  /** Seals with another keyring from now on: after a new DEK, or the same DEKs wrapped by a new KEK. */
  async useKeyring(keyring: Keyring, wrapped: KeyringRecord): Promise<void> {
    await this.#inTurn(async () => {
      if (!(await this.#holdsLast(wrapped))) await this.#write(encodeLine({ kind: 'keyring', keyring: wrapped }));
      this.#carried = JSON.stringify(wrapped);
      this.#keyring = keyring;
    });
  }

  /**
   * Follows the store's keyring: takes along the record that stands there, and leaves no entry sealed with a DEK that is
   * not active, so that the older ones can be dropped.
   *
   * @returns the DEK under which every entry is sealed that can be read at all
   */
  async follow(keyring: Keyring, wrapped: KeyringRecord): Promise<number> {
    await this.useKeyring(keyring, wrapped);
    await this.#inTurn(() => this.#sealAnew(wrapped));
    return keyring.activeId;
  }

  /**
   * Drops the oldest entries that {@link isDroppable} lets go; stops at the first that must stay. A journal with
   * damage in it is left as it is.
   *
   * @returns how many went
   */
  compact(facts: {
    readonly now: number;
    readonly backedUpAt: number | null;
    readonly wrapped: KeyringRecord;
  }): Promise<number> {
    return this.#inTurn(() => this.#compact(facts));
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    await this.#inTurn(() => Promise.all(this.#files.map((file) => file.close())));
  }

  async #appendWaiting(): Promise<void> {
    const batch = this.#waiting.splice(0);
    try {
      const record = this.#current?.() ?? null;
      const carried = record === null ? this.#carried : JSON.stringify(record);
      const before =
        record === null || carried === this.#carried ? [] : [encodeLine({ kind: 'keyring', keyring: record })];
      const entries = batch.map(({ entry }, index) => this.#encode(entry, this.#last + 1 + index));
      await this.#write(Buffer.concat([...before, ...entries]));
      this.#carried = carried;
      this.#last += batch.length;
    } catch (error) {
      for (const { reject } of batch) reject(error);
      return;
    }
    for (const { resolve } of batch) resolve();
  }

  #encode(entry: EscrowEntry, n: number): Buffer {
    const sealed = this.#keyring.seal(ESCROW_PURPOSE, `entry/${n}`, Buffer.from(JSON.stringify(entry)));
    return encodeLine({ kind: 'entry', n, body: Buffer.from(sealed).toString('base64') });
  }

  /** On every disk or, as far as can be brought about, on none. */
  async #write(lines: Buffer): Promise<void> {
    const before = this.#files.map((file) => file.length);
    const results = await Promise.allSettled(this.#files.map((file) => file.append(lines)));
    const failure = results.find((result) => result.status === 'rejected');
    if (failure === undefined) return;
    await Promise.all(this.#files.map((file, index) => file.truncate(before[index]!)));
    throw failure.reason;
  }

  /** Whether each copy's newest keyring is this one. */
  async #holdsLast(wrapped: KeyringRecord): Promise<boolean> {
    const wanted = JSON.stringify(wrapped);
    for (const file of this.#files) {
      let last: string | null = null;
      for await (const { text } of file.lines()) {
        const line = keyringLine(text);
        if (line !== null) last = JSON.stringify(line.keyring);
      }
      if (last !== wanted) return false;
    }
    return true;
  }

  /** A copy after the other: a crash in between leaves two that hold the same, sealed apart. */
  async #sealAnew(wrapped: KeyringRecord): Promise<void> {
    const keyring = this.#keyring;
    for (const file of this.#files) {
      const reader = new EscrowReader(file, this.#seal, keyring);
      const draft = await resealed({ file, reader, keyring, wrapped });
      if (draft !== null) await file.replace(draft);
    }
  }

  async #compact(facts: { now: number; backedUpAt: number | null; wrapped: KeyringRecord }): Promise<number> {
    const cut = await this.#findCut(facts);
    if (cut === null) return 0;
    for (const file of this.#files) await this.#dropUntil(file, cut.n, facts.wrapped);
    return cut.count;
  }

  /** Number of the last entry to go. Null where nothing can go, or something is wrong. */
  async #findCut(facts: { now: number; backedUpAt: number | null }): Promise<{ n: number; count: number } | null> {
    let n: number | null = null;
    let count = 0;
    for await (const finding of this.scan()) {
      if (finding.kind === 'problem') return null;
      if (finding.kind !== 'entry') continue;
      if (!isDroppable(finding.entry, { ...facts, retention: this.#retention })) break;
      n = finding.n;
      count += 1;
    }
    return n === null ? null : { n, count };
  }

  async #dropUntil(file: AppendFile, n: number, wrapped: KeyringRecord): Promise<void> {
    const from = await placeBehind(file, n);
    if (from === null) return;
    const beginning = beginningOf(this.#keyring, wrapped, n);
    await file.replace(
      (async function* () {
        yield beginning;
        yield* file.bytes(from, file.length);
      })(),
    );
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work, work);
    this.#turn = mine.catch(() => {});
    return mine;
  }
}

async function isSameEntry(one: LineOfCopy, other: LineOfCopy, options: EscrowJournalOptions): Promise<boolean> {
  const open = ({ file, text }: LineOfCopy) => new EscrowReader(file, options.seal, options.keyring).open(text);
  const [mine, theirs] = [await open(one), await open(other)];
  return mine !== null && theirs !== null && Buffer.from(mine).equals(theirs);
}

/** First lines of a journal whose first entry will be the one after `n`. */
function beginningOf(keyring: Keyring, wrapped: KeyringRecord, n: number): Buffer {
  const start = keyring.seal(ESCROW_PURPOSE, `start/${n}`, new Uint8Array(0));
  const lines: readonly EscrowLine[] = [
    { kind: 'header', format: ESCROW_FORMAT, storeId: keyring.storeId },
    { kind: 'keyring', keyring: wrapped },
    { kind: 'start', n, body: Buffer.from(start).toString('base64') },
  ];
  return Buffer.concat(lines.map(encodeLine));
}

async function beginAll(files: readonly AppendFile[], options: EscrowJournalOptions): Promise<void> {
  const beginning = beginningOf(options.keyring, options.wrapped, 0);
  await Promise.all(files.map((file) => file.append(beginning)));
}

/** So that a file named by mistake is refused before anything is cut off it. */
async function checkOwner(file: AppendFile, storeId: string): Promise<void> {
  for await (const { text, complete } of file.lines()) {
    if (!complete && isTornHeader(text)) return;
    return checkHeader(decodeLine(text), storeId, file.path);
  }
}

function isTornHeader(text: string): boolean {
  return '{"kind":"header",'.startsWith(text.slice(0, 17));
}

/** Where the line after entry `n` begins; null if the file does not hold entry `n`. */
async function placeBehind(file: AppendFile, n: number): Promise<number | null> {
  for await (const { text, until } of file.lines()) {
    const line = decodeLine(text);
    if (line?.kind === 'entry' && line.n === n) return until;
  }
  return null;
}
