import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, formatDuration, type Logger, messageOf, RekeyError } from '@rekey/core';
import type { AuditLog } from '../../audit/entry.ts';
import type { BackupConfig } from '../../config/config.ts';
import type { Alerts } from '../../engine/alerts/alerts.ts';
import { isQuarantined } from '../../engine/quarantine/quarantine-state.ts';
import { ENGINE } from '../../engine/rotation/rotation-audit.ts';
import type { Store } from '../../store/store.ts';
import { backupName, damagedName, isOurs, superseded } from './backup-names.ts';
import type { BackupReport } from './backup-verification.ts';

export interface BackupScheduleParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly audit: AuditLog;
  readonly alerts: Pick<Alerts, 'raise' | 'resolve'>;
  readonly log: Logger;
  readonly holder: string;
  readonly config: BackupConfig;
  /** Tries a backup that was just written. */
  verify(file: string): Promise<BackupReport>;
}

/** The last scheduled backups, as the store remembers them; milliseconds since the epoch. */
export interface BackupNote {
  /** When the last one was begun, whatever came of it. */
  readonly triedAt: number;
  /** When the last one that was tried and found good was begun. */
  readonly goodAt: number | null;
  readonly goodFile: string | null;
  readonly bytes: number | null;
}

/** Id of the claim of the server that backs up, of the setting with the note, and of the alert. */
export const BACKUP = 'backup';
/** Longer than a pass goes between two renewals. Milliseconds. */
const CLAIM_TIME = 30_000;
/** What failed is tried again so much sooner than it is due, and never later than after ten minutes. */
const AGAIN = 10;
const LATEST_AGAIN = 600_000;
const MOST_PAUSE = 60_000;
const LEAST_PAUSE = 1_000;

/** Writes a backup every so often, tries it, and lets old ones go only when a newer good one is there. */
export class BackupSchedule {
  readonly #parts: BackupScheduleParts;
  readonly #stopped = new AbortController();
  #loop: Promise<void> = Promise.resolve();

  constructor(parts: BackupScheduleParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#loop = this.#goOn();
  }

  /** Waits for a backup under way. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
  }

  /**
   * One look at whether a backup is due, with the backup if it is. None is made of a store in quarantine: what was restored
   * would push the backups out that it may have to be restored from again.
   */
  async pass(): Promise<void> {
    const { store, clock, holder } = this.#parts;
    if (await isQuarantined(store)) return;
    if (!isDue(await findNote(store), this.#parts.config.every, clock.now())) return;
    const claim = await store.claim({ key: BACKUP, holder, now: clock.now(), milliseconds: CLAIM_TIME });
    if (claim === null) return;
    const finished = new AbortController();
    const renewing = this.#renew(claim, finished.signal);
    try {
      const note = await findNote(store);
      if (isDue(note, this.#parts.config.every, clock.now())) await this.#backUp(note);
    } finally {
      finished.abort();
      await renewing;
      await store.release(claim);
    }
  }

  async #goOn(): Promise<void> {
    const { clock, config, log } = this.#parts;
    const pause = Math.min(MOST_PAUSE, Math.max(LEAST_PAUSE, config.every / 60));
    while (!this.#stopped.signal.aborted) {
      await this.pass().catch((error) => log.error({}, `The scheduled backup is tried again: ${told(error)}`));
      await clock.sleep(pause, this.#stopped.signal);
    }
  }

  async #renew(claim: Parameters<Store['renew']>[0], finished: AbortSignal): Promise<void> {
    const { store, clock } = this.#parts;
    for (;;) {
      await clock.sleep(CLAIM_TIME / 3, finished);
      if (finished.aborted) return;
      await store.renew(claim, { now: clock.now(), milliseconds: CLAIM_TIME }).catch(() => {});
    }
  }

  async #backUp(before: BackupNote | null): Promise<void> {
    const { clock, alerts, config, log } = this.#parts;
    const triedAt = clock.now();
    await this.#note({ goodAt: null, goodFile: null, bytes: null, ...before, triedAt });
    try {
      const { file, bytes } = await this.#write(triedAt);
      await this.#note({ triedAt, goodAt: triedAt, goodFile: file, bytes });
      await this.#audited('allowed', `${file}: written and tried.`);
      await alerts.resolve(BACKUP);
      log.info({ file, bytes }, `Backup written and tried: ${file}`);
      this.#letGo(file);
    } catch (error) {
      const since = before?.goodAt ?? null;
      const last =
        since === null ? 'there is no good one yet' : `the last good one is of ${new Date(since).toISOString()}`;
      const text = `The scheduled backup into ${config.folder} failed, ${last}: ${told(error)}`;
      log.error({}, text);
      await this.#audited('failed', text);
      await alerts.raise(BACKUP, { secretId: null, text });
    }
  }

  async #write(at: number): Promise<{ readonly file: string; readonly bytes: number }> {
    const { store, config, verify } = this.#parts;
    makeFolder(config.folder);
    for (const name of unfinished(config.folder, store.storeId)) rmSync(join(config.folder, name), { force: true });
    const file = join(config.folder, backupName(store.storeId, at));
    await store.backup(file);
    const report = await verify(file).catch((error: unknown) => {
      renameSync(file, damagedName(file));
      throw error;
    });
    if (report.sound) return { file, bytes: report.bytes };
    renameSync(file, damagedName(file));
    throw new RekeyError('integrity', `${report.problems[0]} It is kept as ${damagedName(file)}.`, {
      reason: 'backup-damaged',
    });
  }

  /** What cannot be removed is tried again after the next one. */
  #letGo(newest: string): void {
    const { store, config, log } = this.#parts;
    const names = readdirSync(config.folder);
    const facts = { storeId: store.storeId, newest: newest.slice(config.folder.length + 1), keep: config.keep };
    for (const name of superseded(names, facts)) {
      try {
        rmSync(join(config.folder, name));
      } catch (error) {
        log.warn({}, `The old backup ${join(config.folder, name)} cannot be removed (${codeOf(error)}).`);
      }
    }
  }

  async #note(note: BackupNote): Promise<void> {
    await this.#parts.store.commit([{ collection: 'setting', id: BACKUP, record: { ...note } }]);
  }

  #audited(outcome: 'allowed' | 'failed', detail: string): Promise<void> {
    const nobody = { accessKeyId: null, address: null, requestId: null, resource: null, versionId: null };
    const time = this.#parts.clock.now();
    return this.#parts.audit.append({
      time,
      kind: 'engine',
      action: 'rekey:Backup',
      principal: ENGINE,
      ...nobody,
      outcome,
      detail,
    });
  }
}

/** After a failure sooner than after a success, so that what passes by itself costs no whole interval. */
function isDue(note: BackupNote | null, every: number, now: number): boolean {
  if (note === null || note.triedAt > now) return true;
  const failed = note.goodAt !== note.triedAt;
  const wait = failed ? Math.min(every / AGAIN, LATEST_AGAIN) : every;
  return now - note.triedAt >= wait;
}

/** Whether the last good one is older than two intervals. One that never was is late after its first attempt. */
export function isLate(note: BackupNote | null, every: number, now: number): boolean {
  return note !== null && now - (note.goodAt ?? 0) > 2 * every;
}

export async function findNote(store: Store): Promise<BackupNote | null> {
  const entry = await store.get('setting', BACKUP);
  return entry === null ? null : (entry.record as unknown as BackupNote);
}

/** For `rekey status`: one sentence. */
export function describeNote(note: BackupNote | null, { every, keep, folder }: BackupConfig): string {
  const rhythm = `every ${formatDuration(every)} into ${folder}, ${keep} kept`;
  return note?.goodAt == null
    ? `${rhythm}; none yet`
    : `${rhythm}; the last good one ${new Date(note.goodAt).toISOString()}`;
}

/** What a crash left of backups of this store: only who holds the claim looks, so none of it is being written. */
function unfinished(folder: string, storeId: string): readonly string[] {
  return readdirSync(folder).filter(
    (name) => isOurs(name, storeId) && (name.endsWith('.partial') || statSync(join(folder, name)).size === 0),
  );
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new RekeyError(
      'unavailable',
      `The folder of the backups, ${folder}, cannot be made (${codeOf(error)}); make it, for the account that rekey runs as.`,
    );
  }
}

function told(error: unknown): string {
  return error instanceof RekeyError ? messageOf(error) : `an unexpected failure (${codeOf(error)})`;
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown error';
}
