import {
  type Clock,
  type FindRotationFunction,
  type Logger,
  messageOf,
  RekeyError,
  type SecretRecord,
} from '@rekey/core';
import type { AuditLog } from '../../audit/entry.ts';
import type { Claim } from '../../store/driver.ts';
import type { Store } from '../../store/store.ts';
import type { EscrowFinding, EscrowSource } from '../escrow/escrow.ts';
import { ENGINE } from '../rotation/rotation-audit.ts';
import type { RotationAlerts } from '../rotation/rotation-journal.ts';
import { LoginBudget } from '../target/login-budget.ts';
import { DEFAULT_LOGIN_LIMIT, type LoginLimit } from '../target/login-count.ts';
import { restoredWrite } from '../target/restored-at.ts';
import { TargetProofs } from '../target/target-proof.ts';
import { FURTHER_LOGINS, QuarantineLook } from './quarantine-look.ts';
import {
  HINDERING,
  needing,
  type QuarantineReport,
  type QuarantineRow,
  type QuarantineSetting,
  reportOf,
} from './quarantine-report.ts';
import { QuarantineWrites } from './quarantine-writes.ts';

export interface QuarantineParts {
  readonly store: Store;
  readonly escrow: EscrowSource;
  readonly findFunction: FindRotationFunction;
  readonly clock: Clock;
  readonly audit: AuditLog;
  readonly alerts: RotationAlerts;
  readonly log: Logger;
  /** Id of this server: of several on one store, one looks. */
  readonly holder: string;
  /** As rotations have it; {@link DEFAULT_LOGIN_LIMIT}. */
  readonly loginLimit?: LoginLimit;
}

/** Id of the setting whose presence is the quarantine. */
const SETTING = 'quarantine';
const CLAIM = 'quarantine';
/** Longer than a look at four secrets takes with every call of it timing out. Milliseconds. */
const CLAIM_TIME = 600_000;
/** Secrets looked at side by side: quick, and no flood for one target. */
const ABREAST = 4;
const PAGE = 100;
/** What could not be looked at is looked at again, later each time. Milliseconds. */
const AGAIN = [60_000, 300_000, 900_000, 3_600_000];

/**
 * The time after a restore. The store is older than the world: the escrow journal is replayed, then each current value
 * is probed, and what no longer logs in is mended or listed. Meanwhile reads are served and nothing rotates; it ends by
 * a person's word. Everything may be done again: a server that stops half-way starts over.
 */
export class Quarantine {
  readonly #parts: QuarantineParts;
  readonly #look: QuarantineLook;
  readonly #writes: QuarantineWrites;
  readonly #stopped = new AbortController();
  readonly #rows = new Map<string, QuarantineRow>();
  /** Admin credentials of which the target has said whether they log in. */
  readonly #admins = new Set<string>();
  #claim: Claim | null = null;
  #looked = false;
  #loop: Promise<void> = Promise.resolve();

  constructor(parts: QuarantineParts) {
    this.#parts = parts;
    this.#writes = new QuarantineWrites({ ...parts, claim: () => this.#held() });
    const limit = parts.loginLimit ?? DEFAULT_LOGIN_LIMIT;
    const budget = new LoginBudget({ ...parts, limit, further: FURTHER_LOGINS });
    this.#look = new QuarantineLook({ ...parts, proofs: new TargetProofs(parts.store), writes: this.#writes, budget });
  }

  /** Looks in the background, if the store is in quarantine, and again while something could not be looked at. */
  start(): void {
    this.#loop = this.#goOn();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
  }

  /** Replays the journal and looks at every secret; on a second call, at those that could not be looked at. */
  async look(): Promise<void> {
    const setting = await this.#setting();
    if (setting === null) return;
    const { store, clock, holder } = this.#parts;
    this.#claim = await store.claim({ key: CLAIM, holder, now: clock.now(), milliseconds: CLAIM_TIME });
    if (this.#claim === null) return;
    try {
      const knownUntil = await this.#knownUntil(setting);
      if (!this.#looked) await this.#replay(knownUntil);
      await this.#lookAtAll(
        (secret) => this.#isOpen(secret.id),
        (secret) => this.#look.look(secret, { knownUntil, signal: this.#stopped.signal }),
      );
      await this.#lookAtAdmins();
      await this.#repairAgain();
      this.#looked ||= !this.#stopped.signal.aborted;
      await this.#tell();
    } finally {
      if (this.#claim !== null) await store.release(this.#claim);
      this.#claim = null;
    }
  }

  async report(): Promise<QuarantineReport> {
    return reportOf(await this.#setting(), [...this.#rows.values()], { looked: this.#looked });
  }

  /**
   * Lets rotations begin again.
   *
   * @returns whether there was a quarantine to end
   * @throws RekeyError `invalid-state`: `quarantine-not-looked` or `quarantine-findings`, unless despite findings
   */
  async end({ despiteFindings }: { readonly despiteFindings: boolean }): Promise<boolean> {
    const entry = await this.#parts.store.get('setting', SETTING);
    if (entry === null) return false;
    const hindering = [...this.#rows.values()].filter(({ outcome }) => HINDERING.has(outcome));
    if (!despiteFindings) this.#refuseEnd(hindering);
    await this.#audit('rekey:QuarantineEnded', `${hindering.length} findings were left`);
    // The alert first: while the quarantine stands it is raised again, afterwards nobody would take it back.
    await this.#parts.alerts.resolve(SETTING);
    const { since } = entry.record;
    await this.#parts.store.commit([{ collection: 'setting', id: SETTING, record: null }, restoredWrite(since)]);
    this.#stopped.abort();
    return true;
  }

  #refuseEnd(hindering: readonly QuarantineRow[]): void {
    if (!this.#looked)
      throw new RekeyError('invalid-state', 'Current values are still being looked at: ask again in a while.', {
        reason: 'quarantine-not-looked',
      });
    const [first] = hindering;
    if (first === undefined) return;
    throw new RekeyError(
      'invalid-state',
      `The quarantine is not ended: ${needing(hindering.length)}, ${hindering.length === 1 ? '' : 'the first of them '}${first.name}: ${first.sentence} Those that may wait are left alone by \`rekey quarantine end --despite-findings\`.`,
      { reason: 'quarantine-findings' },
    );
  }

  /** A store that rotates nothing is silent; people are told so. */
  async #tell(): Promise<void> {
    const { quarantine } = await this.report();
    if (quarantine === null) return;
    await this.#parts.alerts.raise(SETTING, { secretId: null, text: quarantine });
    // Another may have ended it just then, and nobody else would take the alert back.
    if ((await this.#setting()) === null) await this.#parts.alerts.resolve(SETTING);
  }

  async #goOn(): Promise<void> {
    const { clock, log } = this.#parts;
    const { signal } = this.#stopped;
    for (let round = 0; !signal.aborted; round += 1) {
      await this.look().catch((error) =>
        log.error({ reason: messageOf(error) }, 'Looking through a restored store failed; it is tried again'),
      );
      const setting = await this.#setting();
      if (setting === null || signal.aborted) return;
      if (this.#looked && ![...this.#rows.values()].some(({ outcome }) => outcome === 'unknown')) return;
      const again = AGAIN[Math.min(round, AGAIN.length - 1)]!;
      const loginsKnownIn = setting.since + (this.#parts.loginLimit ?? DEFAULT_LOGIN_LIMIT).window - clock.now();
      await clock.sleep(loginsKnownIn > 0 ? Math.min(again, loginsKnownIn) : again, signal);
    }
  }

  async #replay(knownUntil: number): Promise<void> {
    for await (const finding of this.#parts.escrow.scan()) {
      if (this.#stopped.signal.aborted) return;
      await this.#keepClaim();
      await this.#replayOne(finding, knownUntil);
    }
  }

  async #replayOne(finding: EscrowFinding, knownUntil: number): Promise<void> {
    if (finding.kind === 'torn') return;
    if (finding.kind === 'problem')
      return this.#note({ secretId: null, name: 'escrow journal', outcome: 'damaged', sentence: finding.sentence });
    const { secretId, secretName: name } = finding.entry;
    try {
      const outcome = await this.#writes.replay(finding.entry, knownUntil);
      const sentence =
        'It was made after the backup: its values are back, its tags, description and rotation are to be set again.';
      if (outcome === 'recreated') this.#note({ secretId, name, outcome, sentence });
    } catch (error) {
      if (!(error instanceof RekeyError) || error.code !== 'already-exists') throw error;
      this.#note({ secretId, name, outcome: 'damaged', sentence: error.message });
    }
  }

  /** Secrets that are not rotated themselves, and that others cannot be rotated without. */
  async #lookAtAdmins(): Promise<void> {
    const seen = new Set(this.#admins);
    await this.#lookAtAll(
      ({ rotation }) => rotation?.functionArn != null,
      (secret) => this.#look.lookAtAdmin(secret, seen, this.#stopped.signal),
    );
    for (const id of seen) if (this.#rows.get(id)?.outcome !== 'unknown') this.#admins.add(id);
  }

  /** A secret whose admin credential was mended just now can be mended too. */
  async #repairAgain(): Promise<void> {
    const mended = [...this.#rows.values()].some(({ outcome }) => outcome === 'promoted' || outcome === 'repaired');
    if (!mended) return;
    const refused = (secret: SecretRecord) => this.#rows.get(secret.id)?.outcome === 'refused';
    await this.#lookAtAll(refused, (secret) => this.#look.repair(secret, this.#stopped.signal));
  }

  async #lookAtAll(
    wanted: (secret: SecretRecord) => boolean,
    look: (secret: SecretRecord) => Promise<QuarantineRow | null>,
  ): Promise<void> {
    for await (const secrets of this.#pages()) {
      const chosen = secrets.filter((secret) => secret.deletedAt === null && wanted(secret));
      for (let from = 0; from < chosen.length && !this.#stopped.signal.aborted; from += ABREAST) {
        await this.#keepClaim();
        const rows = await Promise.all(chosen.slice(from, from + ABREAST).map(look));
        if (this.#stopped.signal.aborted) return;
        for (const row of rows) if (row !== null) this.#note(row);
      }
    }
  }

  async *#pages(): AsyncGenerator<readonly SecretRecord[]> {
    let after: { value: string; id: string } | null = null;
    for (;;) {
      const query = { index: null, limit: PAGE, ...(after === null ? {} : { after }) };
      const page: readonly { readonly id: string; readonly record: SecretRecord }[] = await this.#parts.store.list(
        'secret',
        query,
      );
      yield page.map(({ record }) => record);
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE) return;
      after = { value: last.id, id: last.id };
    }
  }

  #isOpen(secretId: string): boolean {
    const outcome = this.#rows.get(secretId)?.outcome;
    return outcome === undefined || outcome === 'unknown';
  }

  #note(row: QuarantineRow): void {
    this.#rows.set(row.secretId ?? `${row.name} ${row.sentence}`, row);
    if (!HINDERING.has(row.outcome)) return;
    this.#parts.log.warn(
      { secret: row.name, outcome: row.outcome },
      `Found after the restore, ${row.name}: ${row.sentence}`,
    );
  }

  /** The newest moment the store knew of when it was restored; kept, because what is done now is newer. */
  async #knownUntil(setting: QuarantineSetting & { readonly knownUntil?: number }): Promise<number> {
    if (setting.knownUntil !== undefined) return setting.knownUntil;
    let knownUntil = 0;
    for await (const secrets of this.#pages())
      for (const { changedAt, lastAccessedDay } of secrets)
        knownUntil = Math.max(knownUntil, changedAt, lastAccessedDay ?? 0);
    await this.#parts.store.commit([{ collection: 'setting', id: SETTING, record: { ...setting, knownUntil } }], {
      fences: [this.#held()],
    });
    return knownUntil;
  }

  async #setting(): Promise<(QuarantineSetting & { readonly knownUntil?: number }) | null> {
    const entry = await this.#parts.store.get('setting', SETTING);
    return entry === null ? null : (entry.record as unknown as QuarantineSetting & { readonly knownUntil?: number });
  }

  #held(): Claim {
    if (this.#claim !== null) return this.#claim;
    throw new RekeyError('conflict', 'Another server looks through the restored store now.');
  }

  async #keepClaim(): Promise<void> {
    const { store, clock } = this.#parts;
    this.#claim = await store.renew(this.#held(), { now: clock.now(), milliseconds: CLAIM_TIME });
    this.#held();
  }

  #audit(action: string, detail: string): Promise<void> {
    return this.#parts.audit.append({
      time: this.#parts.clock.now(),
      kind: 'server',
      action,
      principal: ENGINE,
      accessKeyId: null,
      address: null,
      requestId: null,
      resource: null,
      versionId: null,
      outcome: 'allowed',
      detail,
    });
  }
}
