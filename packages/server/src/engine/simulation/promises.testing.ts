import { CURRENT, type RotationRecord, type SecretRecord } from '@rekey/core';
import type { DriftRecord } from '../../store/collections.ts';
import type { Batch } from '../../store/driver.ts';
import { isTemporary } from '../rotation/cause.ts';
import { ENDED, inSwitchWindow } from '../rotation/rotation-change.ts';
import { DEFAULT_LOGIN_LIMIT } from '../target/login-count.ts';
import { findLabelled, KEPT_VERSIONS } from '../versions.ts';
import type { SimulatedDisk } from './disk.testing.ts';
import { type Login, loginIn, type SimulatedTarget } from './target.testing.ts';

export interface PromisesParts {
  readonly secretId: string;
  readonly target: SimulatedTarget;
  /** Passwords that are in the escrow journal, or that people brought themselves. */
  readonly journaled: ReadonlySet<string>;
  readonly overlap: number;
}

/** Below the strictest usual lock-out limit, which is five; what looks through a restored store needs it all. */
const MOST_REFUSED_AFTER_RESTORE = 4;
/** One test more than the budget is made where it may end an outage, and no second one. */
const MOST_REFUSED_IN_OUTAGE = DEFAULT_LOGIN_LIMIT.logins + 1;

/** Rotations make passwords of 32 characters; those that people bring here are words. */
const SHORTEST_MADE = 32;

/** Of the values that were current, those whose versions no secret may drop: it keeps a hundred, a few without that past. */
const NEVER_PRUNED = KEPT_VERSIONS - 10;

/**
 * The promises of a rotation (design §2, 1 to 7), looked at from outside after every commit and every change of the
 * target: what the disk says against what the target does. The first that is broken is kept.
 */
export class Promises {
  broken: string | null = null;
  /** While true, what is current may be refused, and it is not our doing: others changed the target or the labels. */
  changedByOthers = false;
  #othersAtWork = 0;
  /** While true, clocks disagree, so that moments prove nothing. */
  clocksJumped = false;
  /**
   * Times a clock was put forward, or away from the other server's: somebody believes that the window is over in which
   * refused logins count.
   */
  windowsSkipped = 0;
  /** From the restore of a backup until its current value was looked at. */
  restoring = false;
  #disk: SimulatedDisk;
  readonly #parts: PromisesParts;
  readonly #everCurrent = new Map<string, string>();
  readonly #values = new Map<string, string>();
  readonly #dropped = new Set<string>();
  readonly #told = new Set<string>();
  readonly #fences = new Map<string, number>();
  readonly #states = new Map<string, RotationRecord>();
  readonly #overlapping = new Set<string>();
  #drift: DriftRecord | null = null;
  /** What is current; found anew when the secret or a value was written. */
  #current: Login | null = null;
  #othersEver = false;
  #isRestored = false;
  #mostRefused = DEFAULT_LOGIN_LIMIT.logins;

  constructor(disk: SimulatedDisk, parts: PromisesParts) {
    this.#disk = disk;
    this.#parts = parts;
    this.watch(disk);
    parts.target.onWriting = (_, passwords) => this.#writing(passwords);
    parts.target.onChanged = () => this.#targetChanged();
  }

  /** Looks at another disk from now on: the one that was restored. */
  watch(disk: SimulatedDisk): void {
    this.#disk = disk;
    this.#states.clear();
    this.#values.clear();
    this.#overlapping.clear();
    this.#drift = disk.record('drift', this.#parts.secretId);
    disk.onCommitted = (batch) => this.#committed(batch);
    for (const [id, record] of disk.all('rotation')) this.#states.set(id, record);
    for (const [id, value] of disk.all('value')) {
      if (value.kind !== 'text') continue;
      this.#values.set(id, value.text);
      // Only the store that was lost knew that it had given up a value which this one still has.
      this.#dropped.delete(loginIn(value.text).password);
    }
    this.#findCurrent();
  }

  get secret(): SecretRecord {
    return this.#disk.record('secret', this.#parts.secretId)!;
  }

  /** Text of the value under a label; null if there is none. */
  textOf(label: string): string | null {
    const version = findLabelled(this.secret, label);
    return version === null ? null : (this.#values.get(`${this.secret.id}/${version.id}`) ?? null);
  }

  valueOf(versionId: string): string | null {
    return this.#values.get(`${this.#parts.secretId}/${versionId}`) ?? null;
  }

  get isCurrentAccepted(): boolean {
    if (this.#current === null) return false;
    const { username, password } = this.#current;
    return this.#parts.target.accepts(username, password);
  }

  open(): readonly RotationRecord[] {
    return [...this.#states.values()].filter(({ state }) => !ENDED.has(state));
  }

  /** Those that go on by themselves: a rotation queued behind one that is blocked waits for a person as that does. */
  pressing(): readonly RotationRecord[] {
    const open = this.open();
    const { activeRotationId } = this.secret.rotation ?? { activeRotationId: null };
    const isStuck = open.some(({ id, state }) => id === activeRotationId && state === 'blocked');
    return isStuck ? [] : open;
  }

  all(): readonly RotationRecord[] {
    return [...this.#states.values()];
  }

  /** A person's own change of target or labels. */
  others(): void {
    this.changedByOthers = true;
    this.#othersEver = true;
    this.#fences.clear();
  }

  /** While it lasts what people do is not over, whatever *current* is worth in between. */
  async whileOthers(act: Promise<void>): Promise<void> {
    this.#othersAtWork += 1;
    await act;
    this.#othersAtWork -= 1;
  }

  break(sentence: string): void {
    this.broken ??= sentence;
  }

  /** Nothing that was ever current may be missing; what was restored has it back once it was looked through. */
  checkKept(): void {
    const kept = new Set(this.#values.values());
    for (const [id, text] of [...this.#everCurrent].slice(-NEVER_PRUNED))
      if (!kept.has(text)) this.break(`3: version ${id}, which was current, is lost`);
  }

  /** No password that is long enough to be one stands in what people read. */
  checkSilent(where: string, told: unknown): void {
    if (typeof told === 'object' && told !== null)
      for (const name in told) this.checkSilent(where, Reflect.get(told, name));
    if (typeof told !== 'string' || told.length < SHORTEST_MADE) return;
    for (const password of this.#parts.journaled)
      if (password.length >= SHORTEST_MADE && told.includes(password)) this.break(`7: ${where} tells a password`);
  }

  beginRestore(): void {
    this.restoring = true;
    this.#isRestored = true;
    this.#mostRefused = MOST_REFUSED_AFTER_RESTORE;
  }

  /**
   * The restored store was looked through.
   *
   * @param isFound whether people were told that no known value logs in
   */
  restored(isFound: boolean): void {
    this.restoring = false;
    this.changedByOthers = this.#othersEver;
    this.#forgetLost();
    this.checkKept();
    if (isFound && !this.#othersEver) this.break('1: no value of a restored store logs in');
    else this.#checkCurrent('the restore of a backup');
  }

  /** A value that a person put and that only the lost store knew is nobody's to bring back. */
  #forgetLost(): void {
    for (const id of this.#everCurrent.keys())
      if (id.includes('/by-hand-') && !this.#values.has(id)) this.#everCurrent.delete(id);
  }

  #committed({ writes, fences = [] }: Batch): void {
    let [values, current] = [false, false];
    for (const { key, fence } of fences)
      if (fence !== this.#disk.fenceOf(key)) this.break('5: a worker wrote under a claim that another has taken since');
    for (const { collection, id } of writes) {
      if (collection === 'rotation') this.#rotationWritten(id, fences.length > 0);
      else if (collection === 'value') values = this.#valueWritten(id) || values;
      else if (collection === 'drift') this.#driftWritten(id);
      if (collection === 'secret' || collection === 'value') current = true;
    }
    if (current) this.#findCurrent();
    if (this.#current === null) {
      if (!this.restoring) this.break('3: there is no current value');
      return;
    }
    if (values && !this.restoring) this.checkKept();
    this.#checkCurrent('a commit');
    this.#checkOverlaps();
  }

  #findCurrent(): void {
    const version = findLabelled(this.secret, CURRENT);
    const id = `${this.#parts.secretId}/${version?.id}`;
    const text = version === null ? undefined : this.#values.get(id);
    this.#current = text === undefined ? null : loginIn(text);
    if (text !== undefined) this.#everCurrent.set(id, text);
  }

  #rotationWritten(id: string, isClaimed: boolean): void {
    const before = this.#states.get(id) ?? null;
    const record = this.#disk.record('rotation', id);
    if (record === null) return;
    this.#states.set(id, record);
    if (record.doing !== null && record.doing.startedAt !== before?.doing?.startedAt && !isClaimed)
      this.break(`5: a step of rotation ${record.number} was begun without a claim`);
    if (record.oldRefusedAt !== null && before?.oldRefusedAt == null) this.#checkSeenRefused(record.previousVersionId);
    if (record.promotedAt !== null && before?.promotedAt == null) this.#noteOverlap(record);
    if (record.state === 'done' && before?.state !== 'done') this.#checkDone(record);
    const { startedAt, promotedAt, strategy, switchWindow } = record;
    if (
      promotedAt !== null &&
      startedAt !== null &&
      strategy === 'single-user' &&
      record.setStartedAt !== null &&
      switchWindow === null
    )
      this.break(`1: the switch window of rotation ${record.number} was not measured`);
  }

  #driftWritten(id: string): void {
    const drift = this.#disk.record('drift', id);
    const before = this.#drift;
    this.#drift = drift;
    const isNew = before?.state !== 'drifted' || before.versionId !== drift?.versionId;
    if (drift?.state === 'drifted' && isNew) this.#checkSeenRefused(drift.versionId);
  }

  /** What could not be looked at is not refused: only a login that the target judged says so. */
  #checkSeenRefused(versionId: string | null): void {
    const text = this.#values.get(`${this.#parts.secretId}/${versionId}`);
    if (text !== undefined && !this.#parts.target.wasSeenRefused(loginIn(text)))
      this.break(`6: version ${versionId} is said to be refused, and the target never said so`);
  }

  /** An overlap can only be kept of an old value that is alive when it begins. */
  #noteOverlap({ id, strategy, previousVersionId }: RotationRecord): void {
    const text = this.#values.get(`${this.#parts.secretId}/${previousVersionId}`);
    if (strategy === 'single-user' || strategy === null || text === undefined) return;
    const { username, password } = loginIn(text);
    if (this.#parts.target.accepts(username, password)) this.#overlapping.add(id);
  }

  /** True if it changed what was there. */
  #valueWritten(id: string): boolean {
    const before = this.#values.get(id);
    const value = this.#disk.record('value', id);
    const text = value?.kind === 'text' ? value.text : undefined;
    if (text === undefined) this.#values.delete(id);
    else this.#values.set(id, text);
    // The escrow journal brings back what the lost store had given up, too.
    if (text !== undefined && this.#isRestored) this.#dropped.delete(loginIn(text).password);
    if (before === undefined || before === text) return false;
    const { username, password } = loginIn(before);
    if ([...this.#values.values()].some((other) => loginIn(other).password === password)) return true;
    this.#dropped.add(password);
    const { target } = this.#parts;
    if (target.accepts(username, password)) this.break('2: a value that the target holds was given up');
    else if (this.#told.has(password) && !target.wasSeenRefused({ username, password }))
      this.break('2: a value that the target had been told of was given up, and no login had proven it refused');
    else if (this.#isRestored) this.#forgetDead(before);
    return true;
  }

  /** What was current only in the store that was lost, and is dead, is a leftover like any other. */
  #forgetDead(text: string): void {
    for (const [id, current] of this.#everCurrent) if (current === text) this.#everCurrent.delete(id);
  }

  #writing(passwords: readonly string[]): void {
    for (const password of passwords) {
      this.#told.add(password);
      if (!this.#parts.journaled.has(password))
        this.break('2: the target heard of a value that is not in the escrow journal');
      if (this.#dropped.has(password)) this.break('2: the target was given a value that had been given up');
    }
  }

  #targetChanged(): void {
    for (const [name, { fence }] of this.#parts.target.users) {
      const highest = this.#fences.get(name) ?? 0;
      if (fence !== null && fence.number < highest)
        this.break(`5: rotation ${fence.number} wrote to ${name} after rotation ${highest}`);
      if (fence !== null) this.#fences.set(name, fence.number);
    }
    this.#checkCurrent('a change of the target');
    this.#checkOverlaps();
  }

  #checkCurrent(when: string): void {
    if (this.isCurrentAccepted) {
      const isOver = this.#othersAtWork === 0 && !this.#parts.target.isPoolerStale && this.open().length === 0;
      if (isOver) this.changedByOthers = false;
      return;
    }
    if (this.changedByOthers || this.restoring) return;
    if (!this.open().some(inSwitchWindow)) this.break(`1: current is refused outside a switch window after ${when}`);
  }

  /** No two rotations at work, and what an overlap promises is kept. */
  #checkOverlaps(): void {
    const { target, secretId, overlap } = this.#parts;
    let [started, unpromoted] = [0, 0];
    for (const record of this.#states.values()) {
      if (record.startedAt === null || record.endedAt !== null) continue;
      if (record.cause !== 'drift') started += 1;
      if (record.promotedAt === null) unpromoted += 1;
      const { id, promotedAt, previousVersionId } = record;
      if (promotedAt === null || !this.#overlapping.has(id)) continue;
      if (target.time.now >= promotedAt + overlap || this.changedByOthers || this.clocksJumped || this.restoring)
        continue;
      const text = this.#values.get(`${secretId}/${previousVersionId}`);
      if (text !== undefined && !target.accepts(loginIn(text).username, loginIn(text).password))
        this.break(`4: the old value of rotation ${record.number} died before the end of its overlap`);
    }
    if (started > 1 || unpromoted > 1) this.break('4: two rotations are at work at once');
    const isOnePassword = this.all().some(({ strategy }) => strategy === 'single-user');
    const most = isOnePassword ? Math.max(this.#mostRefused, MOST_REFUSED_IN_OUTAGE) : this.#mostRefused;
    if (target.mostRefused > most * (1 + this.windowsSkipped))
      this.break(`6: ${target.mostRefused} logins of one account were refused in a row`);
  }

  #checkDone(record: RotationRecord): void {
    const { versionId, previousVersionId, promotedAt, oldRefusedAt } = record;
    if (isTemporary(record) || previousVersionId === null || promotedAt === null) return;
    const text = this.#values.get(`${this.#parts.secretId}/${previousVersionId}`);
    // A rollback to the very value that is current (put back after a restore) leaves none to be refused.
    if (text === undefined || text === this.#values.get(`${this.#parts.secretId}/${versionId}`)) return;
    const { username, password } = loginIn(text);
    if (oldRefusedAt === null) {
      if (!this.changedByOthers)
        this.break(`4: rotation ${record.number} ended without proof that the old value is refused`);
    } else if (this.#parts.target.letsIn(username, password) && !this.changedByOthers)
      this.break(`6: rotation ${record.number} says that the old value is refused, and it logs in`);
  }
}
