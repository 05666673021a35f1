import { CURRENT, type FindRotationFunction, RekeyError, type RotationRecord, type SecretRecord } from '@rekey/core';
import type { ListedEntry } from '../../store/store.ts';
import { urgencyOf } from '../../store/turn-index.ts';
import type { Holds } from '../order/hold.ts';
import { isQuarantined } from '../quarantine/quarantine-state.ts';
import { claimKey, type HeldSecret, type HeldSecrets } from '../rotation/held-secrets.ts';
import type { JournalParts, RotationJournal } from '../rotation/rotation-journal.ts';
import { type Rotations, upTo } from '../rotation/rotations.ts';
import { Runner } from '../rotation/runner.ts';
import type { HolderList } from '../rotation/work.ts';
import type { LoginBudget } from '../target/login-budget.ts';
import { TargetProofs } from '../target/target-proof.ts';
import { findLabelled } from '../versions.ts';
import { Backlog, type Candidate, type Offered } from './backlog.ts';
import { OverdueWatch, overdueCondition } from './overdue.ts';
import { Pauses } from './pauses.ts';
import { type Caps, DEFAULT_CAPS, RunSlots } from './run-slots.ts';
import { reasonOf, told } from './told.ts';
import { byTurn, listFirst, listUrgent } from './turn.ts';

/** Something else that has to be done from time to time (purging deleted secrets, say). */
export interface PeriodicJob {
  readonly name: string;
  /** Milliseconds between runs. */
  readonly every: number;
  run(): Promise<void>;
}

export interface WorkerSettings {
  /** Who holds the claims; unique to this process, since a claim is taken again by its holder. */
  readonly holder: string;
  /** How long a claim lasts unless renewed: another server takes over so long after this one died. Milliseconds. */
  readonly claimDuration: number;
  /** How long one call of a rotation function may take. Milliseconds. */
  readonly stepTimeout: number;
  /** The longest pause between two looks at what is due. Milliseconds. */
  readonly pollInterval: number;
  /** How long a worker that is told to stop waits for steps under way. Milliseconds. */
  readonly drainPatience: number;
  readonly caps: Caps;
}

/**
 * Claims of eight seconds: another server takes over within ten, while a busy process still renews in time. A step may
 * take a minute (a lock at the target, a slow login); one at a target without a fence must end within the claim. A
 * server that is stopped waits less than service managers do before they kill it (systemd 90 s, Kubernetes 30 s).
 */
export const DEFAULT_WORKER_SETTINGS: Omit<WorkerSettings, 'holder'> = {
  claimDuration: 8_000,
  stepTimeout: 60_000,
  pollInterval: 500,
  drainPatience: 20_000,
  caps: DEFAULT_CAPS,
};

/** Part of the claim a step at a target without fence may use; the rest is for a late reply and clocks apart. */
const FENCELESS_SHARE = 0.75;
/** Renewals within one claim, so that one that is missed does not cost it. */
const RENEWALS = 3;
/** Due secrets, and rotations, read at once. */
const PAGE = 100;
/** Pages of due secrets begun in one pass: a thousand, then those that are begun get their turn. */
const PAGES = 10;

export interface WorkerParts extends JournalParts {
  readonly journal: RotationJournal;
  readonly rotations: Rotations;
  readonly held: HeldSecrets;
  readonly findFunction: FindRotationFunction;
  readonly budget: LoginBudget;
  readonly holders: HolderList;
  readonly holds: Holds;
  readonly settings: WorkerSettings;
  readonly jobs?: readonly PeriodicJob[];
  /** Told of a secret whose current value a rotation has just proven at its target. */
  readonly onProven?: (secretId: string) => Promise<void>;
}

/** Begins what is due and carries on what is begun, as far as claims and caps let it. Any number may run side by side. */
export class Worker {
  readonly #parts: WorkerParts;
  readonly #runner: Runner;
  readonly #slots: RunSlots;
  readonly #overdue: OverdueWatch;
  readonly #backlog: Backlog;
  readonly #pauses = new Pauses();
  readonly #running = new Map<string, Promise<void>>();
  readonly #jobsRanAt = new Map<string, number>();
  #place: { readonly value: string; readonly id: string } | null = null;
  #comeBackAt = Number.POSITIVE_INFINITY;
  #stopped = true;
  /** Aborts when a worker that stops has lost its patience with what is under way. */
  #letGo = new AbortController();
  #nap = new AbortController();
  #loop: Promise<void> = Promise.resolve();

  constructor(parts: WorkerParts) {
    const { claimDuration, stepTimeout } = parts.settings;
    const fencelessStepTimeout = Math.min(stepTimeout, claimDuration * FENCELESS_SHARE);
    const proofs = new TargetProofs(parts.store);
    this.#parts = parts;
    this.#runner = new Runner({ ...parts, proofs, stepTimeout, fencelessStepTimeout }, parts.findFunction);
    this.#slots = new RunSlots(parts.settings.caps);
    this.#overdue = new OverdueWatch(parts);
    this.#backlog = new Backlog(parts.settings.pollInterval);
  }

  start(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    this.#loop = this.#goOn();
  }

  /**
   * Begins nothing more and waits until each rotation at work is at a point where nothing is left in between. A step
   * that takes longer than the patience is let go of; its outcome is in doubt and looked into after the next start.
   */
  async stop(): Promise<void> {
    const { clock, settings } = this.#parts;
    this.#stopped = true;
    this.wake();
    await this.#loop;
    const drained = new AbortController();
    void clock.sleep(settings.drainPatience, drained.signal).then(() => drained.signal.aborted || this.#letGo.abort());
    await this.#settled();
    drained.abort('drained');
    this.#letGo = new AbortController();
  }

  /** Something may be due now: look at once. */
  wake(): void {
    this.#place = null;
    this.#backlog.forget();
    this.#nap.abort('awake');
  }

  /** One pass, with all that it sets going; for tests. */
  async tick(): Promise<void> {
    await this.#pass(() => false);
    await this.#settled();
  }

  async #goOn(): Promise<void> {
    const { clock, settings } = this.#parts;
    while (!this.#stopped) {
      this.#nap = new AbortController();
      const isTime = this.#comeBackAt <= clock.now();
      if (isTime) this.#comeBackAt = Number.POSITIVE_INFINITY;
      if (!isTime && this.#backlog.stands(clock.now())) await this.#fillUp(() => this.#stopped);
      else await this.#pass(() => this.#stopped);
      const pause = Math.min(settings.pollInterval, Math.max(0, this.#comeBackAt - clock.now()));
      if (!this.#stopped) await clock.sleep(pause, this.#nap.signal);
    }
  }

  /** A pass never throws: what fails is told, and tried again in the next one. */
  async #pass(letGo: () => boolean): Promise<void> {
    const { clock, giveWay } = this.#parts;
    this.#backlog.look(clock.now());
    await this.#guarded('looking at what is due', async () => {
      if (await isQuarantined(this.#parts.store)) return;
      await this.#runJobs();
      if (giveWay !== undefined) await giveWay();
      await this.#beginDue();
      if (giveWay !== undefined) await giveWay();
      await this.#overdue.look();
      if (giveWay !== undefined) await giveWay();
      await this.#startRuns(letGo);
    });
  }

  /** A place has become free between two passes. */
  async #fillUp(letGo: () => boolean): Promise<void> {
    await this.#guarded('going on with what is due', async () => {
      if (await isQuarantined(this.#parts.store)) return;
      await this.#startUrgent(letGo);
      await this.#startWaiting(letGo);
    });
  }

  /**
   * Page by page, so that secrets whose beginning fails do not keep others from theirs; those of a page side by side, so
   * that they share a commit's wait for the disk.
   */
  async #beginDue(): Promise<void> {
    const { store, rotations, clock } = this.#parts;
    const until = upTo(clock.now());
    let after: { readonly value: string; readonly id: string } | null = null;
    for (let page = 0; page < PAGES; page += 1) {
      const query = { index: 'planned', until, limit: PAGE, ...(after === null ? {} : { after }) };
      const due: readonly ListedEntry<SecretRecord>[] = await store.list('secret', query);
      const begin = ({ id, record }: ListedEntry<SecretRecord>) =>
        this.#guarded(`beginning the rotation of ${record.name}`, () => rotations.beginDue(id));
      await Promise.all(due.map(begin));
      const last = due.at(-1);
      if (last === undefined || due.length < PAGE) return;
      after = { value: last.indexValue ?? '', id: last.id };
    }
  }

  /**
   * In the order of turns (./turn.ts). Of a long queue it reads what goes first, and goes round the rest: rotations that
   * must wait for a place at their target do not keep others from theirs. Without a place it looks for what is urgent
   * only: with a backlog, reading on at each rotation's end would cost more than the rotation.
   */
  async #startRuns(letGo: () => boolean): Promise<void> {
    const { store, clock } = this.#parts;
    if (this.#slots.free <= 0) return this.#startUrgent(letGo);
    const goesOnReading = this.#place !== null;
    const listed = await store.list('rotation', {
      index: 'next',
      until: upTo(clock.now()),
      ...(this.#place === null ? {} : { after: this.#place }),
      limit: PAGE,
    });
    const isLong = goesOnReading || listed.length === PAGE;
    const first = isLong ? await listFirst(store, clock.now(), PAGE) : [];
    const rest = listed.map(({ record }) => record);
    this.#backlog.found(byTurn([...first, ...rest], clock.now()));
    await this.#startWaiting(letGo);
    if (this.#slots.free <= 0) return;
    const last = listed.at(-1);
    this.#place = listed.length < PAGE || last === undefined ? null : { value: last.indexValue ?? '', id: last.id };
  }

  /** A leaked value, or an application that is refused, does not wait until others have come to their ends. */
  async #startUrgent(letGo: () => boolean): Promise<void> {
    const { store, clock } = this.#parts;
    if (!this.#slots.hasReserve) return;
    for (const record of await listUrgent(store, 1, clock.now(), PAGE)) {
      if (!this.#slots.hasReserve) return;
      await this.#startRun({ record }, letGo);
    }
  }

  #startWaiting(letGo: () => boolean): Promise<void> {
    return this.#backlog.offer(
      () => this.#slots.free > 0,
      (candidate) => this.#startRun(candidate, letGo),
    );
  }

  async #startRun(candidate: Candidate, letGo: () => boolean): Promise<Offered> {
    const { clock } = this.#parts;
    const { record } = candidate;
    if (this.#running.has(record.secretId) || this.#pauses.isPaused(record.id, clock.now())) return 'gone';
    candidate.target ??= await this.#targetOf(record);
    const { target } = candidate;
    if (!this.#slots.take(target, { urgent: urgencyOf(record) === 1 })) return 'passed-over';
    const run = this.#run(record, letGo).finally(() => {
      this.#slots.give(target);
      this.#running.delete(record.secretId);
      this.#nap.abort('awake');
    });
    this.#running.set(record.secretId, run);
    return 'started';
  }

  async #run(record: RotationRecord, letGo: () => boolean): Promise<void> {
    const { clock, log } = this.#parts;
    try {
      await this.#underClaim(record.secretId, (held) => this.#carryOn(held, record, letGo));
      this.#pauses.clear(record.id);
    } catch (error) {
      this.#pauses.pause(record.id, clock.now());
      const lost = error instanceof RekeyError && error.code === 'conflict';
      const fields = { secret: record.secretName, rotation: record.number, reason: reasonOf(error) };
      const sentence = `Rotation ${record.number} of ${record.secretName} is left for later: ${told(error)}`;
      if (lost) log.info(fields, sentence);
      else log.error(fields, sentence);
    }
  }

  /** With the claim in hand the work is looked at anew: somebody else may have done it meanwhile. */
  async #carryOn(held: HeldSecret, record: RotationRecord, letGo: () => boolean): Promise<void> {
    const comeBackAt = await this.#runner.run(held, record.id, letGo);
    if (comeBackAt !== null) this.#comeBackAt = Math.min(this.#comeBackAt, comeBackAt);
    const after = held.record;
    if (after?.promotedAt != null) await this.#parts.alerts.resolve(overdueCondition(record.secretId));
    const repaired = after?.cause === 'drift' && after.state === 'done';
    if (after?.promotedAt != null || repaired) await this.#parts.onProven?.(record.secretId);
  }

  async #underClaim(secretId: string, work: (held: HeldSecret) => Promise<void>): Promise<void> {
    const { store, clock, settings } = this.#parts;
    const { holder, claimDuration: milliseconds } = settings;
    const claim = await store.claim({ key: claimKey(secretId), holder, now: clock.now(), milliseconds });
    if (claim === null) return;
    const lost = new AbortController();
    const finished = new AbortController();
    const letGo = this.#letGo.signal;
    const lose = () => lost.abort();
    letGo.addEventListener('abort', lose, { once: true });
    if (letGo.aborted) lose();
    const { signal } = lost;
    const none = { record: null, unrecorded: null, made: null, trouble: null, prepaid: null, accounts: new Map() };
    const held: HeldSecret = { secretId, claim, ...none, signal };
    this.#parts.held.add(held);
    const renewing = this.#keepClaim(held, lost, finished.signal);
    try {
      await work(held);
    } finally {
      this.#parts.held.remove(held);
      letGo.removeEventListener('abort', lose);
      finished.abort('finished');
      await renewing;
      await store.release(held.claim);
    }
  }

  async #keepClaim(held: HeldSecret, lost: AbortController, finished: AbortSignal): Promise<void> {
    const { store, clock, settings } = this.#parts;
    const milliseconds = settings.claimDuration;
    for (;;) {
      await clock.sleep(milliseconds / RENEWALS, finished);
      if (finished.aborted) return;
      const renewed = await store.renew(held.claim, { now: clock.now(), milliseconds }).catch(() => held.claim);
      if (renewed === null || renewed.until <= clock.now()) return lost.abort();
      held.claim = renewed;
    }
  }

  /** What cannot be told has no cap of its own; the step that needs it will say what is wrong. */
  async #targetOf(record: RotationRecord): Promise<string | null> {
    const { store, findFunction } = this.#parts;
    try {
      const secret = await store.get('secret', record.secretId);
      if (secret === null || findLabelled(secret.record, CURRENT) === null) return null;
      return (await findFunction(record.functionArn)?.target?.(secret.record.arn)) ?? null;
    } catch {
      return null;
    }
  }

  async #runJobs(): Promise<void> {
    const now = this.#parts.clock.now();
    for (const job of this.#parts.jobs ?? []) {
      if (now - (this.#jobsRanAt.get(job.name) ?? Number.NEGATIVE_INFINITY) < job.every) continue;
      this.#jobsRanAt.set(job.name, now);
      await this.#guarded(job.name, () => job.run());
    }
  }

  async #guarded(what: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#parts.log.error({ reason: reasonOf(error) }, `Trouble in the background (${what}): ${told(error)}`);
    }
  }

  async #settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values());
  }
}
