/**
 * The escrow journal: each value a rotation makes is written here, sealed and on the disk, before its target hears of
 * it. A store restored from yesterday's backup replays it, and so does not lock today's applications out.
 */
export interface EscrowEntry {
  readonly secretId: string;
  readonly secretName: string;
  readonly secretArn: string;
  readonly versionId: string;
  /** Number of the rotation that made the value: the fence its target may have seen. */
  readonly rotationNumber: number;
  /** Text of the value. */
  readonly text: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export interface EscrowJournal {
  /**
   * Resolves when the entry is on the disk, on every disk where there are several.
   *
   * @throws RekeyError `storage-full` or `unavailable` if it is not on all of them; then it counts as on none.
   */
  append(entry: EscrowEntry): Promise<void>;
  /**
   * What can be read, oldest first.
   *
   * @throws RekeyError `integrity` after the last entry, if something before it was missing or altered.
   */
  entries(): AsyncIterable<EscrowEntry>;
}

/** What a walk through the journal meets. */
export type EscrowFinding =
  | { readonly kind: 'entry'; readonly n: number; readonly entry: EscrowEntry }
  /** Something missing, altered or unreadable: one sentence, with the line. */
  | { readonly kind: 'problem'; readonly line: number; readonly sentence: string }
  /** A last line that a crash tore: it was never acknowledged to anyone. */
  | { readonly kind: 'torn'; readonly line: number };

/** What a restored store replays. */
export interface EscrowSource {
  /** The journal from front to end, going on behind damage. */
  scan(): AsyncIterable<EscrowFinding>;
}

/** Bounds of the journal: what is older than needed goes, or it would grow for ever. Milliseconds. */
export interface EscrowRetention {
  /** An entry a backup holds is kept so much longer, for those who have to go back to an older backup. */
  readonly afterBackup: number;
  /** An entry no backup holds is kept so long. A store that is not backed up in that time loses it. */
  readonly withoutBackup: number;
}

/** A month of backups, and a year for those who make none: some hundred bytes per rotation. */
export const DEFAULT_ESCROW_RETENTION: EscrowRetention = {
  afterBackup: 35 * 86_400_000,
  withoutBackup: 400 * 86_400_000,
};

/**
 * Whether an entry may go.
 *
 * @param backedUpAt when the newest backup of the store began; null if there is none
 */
export function isDroppable(
  entry: EscrowEntry,
  facts: { readonly now: number; readonly backedUpAt: number | null; readonly retention: EscrowRetention },
): boolean {
  const { now, backedUpAt, retention } = facts;
  const age = now - entry.at;
  const inBackup = backedUpAt !== null && entry.at < backedUpAt;
  return age > retention.withoutBackup || (inBackup && age > retention.afterBackup);
}

/** An escrow journal in memory, for the memory store, whose values do not outlive the process either. */
export class MemoryEscrowJournal implements EscrowJournal, EscrowSource {
  readonly #entries: EscrowEntry[] = [];

  append(entry: EscrowEntry): Promise<void> {
    this.#entries.push(entry);
    return Promise.resolve();
  }

  async *entries(): AsyncGenerator<EscrowEntry> {
    yield* this.#entries;
  }

  async *scan(): AsyncGenerator<EscrowFinding> {
    for (const [index, entry] of this.#entries.entries()) yield { kind: 'entry', n: index + 1, entry };
  }
}
