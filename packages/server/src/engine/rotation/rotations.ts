import {
  CURRENT,
  PENDING,
  type RandomSource,
  RekeyError,
  type RotationOverride,
  type RotationRecord,
  type SecretRecord,
  type SecretRotation,
  type SecretValue,
} from '@rekey/core';
import { sortable } from '../../store/collections.ts';
import type { Entry, Store } from '../../store/store.ts';
import { commitAudited, type RotationChange } from '../audited-commit.ts';
import type { EscrowJournal } from '../escrow/escrow.ts';
import { type Holds, heldBack } from '../order/hold.ts';
import { postpone } from '../order/postponement.ts';
import { type DueReason, dueReasons } from '../schedule/due.ts';
import { unplanned } from '../schedule/plan-next.ts';
import { findLabelled, findVersion, prune } from '../versions.ts';
import { hasGivenValue, isTemporary } from './cause.ts';
import { storePendingValue } from './pending-value.ts';
import { emptyVersion } from './pending-version.ts';
import { findFinishing, neededVersions, promotion, valueWrite } from './promotion.ts';
import { ENDED, ended, inSwitchWindow, resumed, waiting } from './rotation-change.ts';
import { leftBehind } from './rotation-end.ts';
import type { JournalParts, RotationJournal } from './rotation-journal.ts';
import { type BeginRequest, type Start, startRotation } from './rotation-start.ts';

export interface RotationsParts extends JournalParts {
  readonly journal: RotationJournal;
  readonly escrow: EscrowJournal;
  readonly random: RandomSource;
  readonly holds: Holds;
  /** Told when a rotation was asked for, so that the worker need not find it by looking. */
  readonly onBegun?: () => void;
}

/** Compare-and-set against whoever writes the secret at the same time (labels, tags, another server's scheduler). */
const ATTEMPTS = 20;
/** How far back a repeated request is recognised, and the most that one listing gives. */
const MOST_LISTED = 100;

/** Rotations as others see them: asked for, looked at, called off. What carries them on is the worker. */
export class Rotations {
  readonly #parts: RotationsParts;

  constructor(parts: RotationsParts) {
    this.#parts = parts;
  }

  /**
   * Begins a rotation: configuration, empty pending version and record in one commit. While the overlap of the last one
   * runs it is queued, and says so in `waitingFor`. The same version id again returns what it began before; without one,
   * a rotation at work is joined. One that is blocked or waits after a failure is taken up again either way.
   *
   * @param secretId the record's id
   * @throws RekeyError as {@link startRotation}, and `not-found`
   */
  async begin(secretId: string, request: BeginRequest): Promise<RotationRecord> {
    const begun = await this.#begin(secretId, request, () => true);
    if (begun === null) throw new RekeyError('bug', 'A rotation that was asked for was not begun.');
    this.#parts.onBegun?.();
    return begun;
  }

  /** Begins the rotation that the schedule asks for, once however many ask; null if it is not due (any more). */
  async beginDue(secretId: string): Promise<RotationRecord | null> {
    const request: BeginRequest = { versionId: null, cause: 'schedule', askedBy: 'schedule' };
    return this.#begin(secretId, request, (secret, quarantined) => {
      const facts = { now: this.#parts.clock.now(), quarantined };
      return dueReasons(secret, facts).due;
    });
  }

  /**
   * Tests the current value as a rotation would, and changes nothing (AWS: RotateImmediately=false). The test runs in
   * the background against a temporary pending version that is removed afterwards; see the record's state for its end.
   *
   * @throws RekeyError as {@link begin}
   */
  verify(secretId: string, request: Omit<BeginRequest, 'cause'>): Promise<RotationRecord> {
    return this.begin(secretId, { ...request, cause: 'adopt' });
  }

  /**
   * Switches rotation off. A rotation at work is abandoned and may leave its pending version behind (AWS), unless
   * stopping would leave *current* refused by the target: then it goes on to its end and is the last one.
   *
   * @returns the version left pending; null if none is
   */
  async cancel(secretId: string, now: number): Promise<{ readonly versionId: string | null }> {
    for (let attempt = 1; ; attempt += 1) {
      const secret = await this.#secret(secretId);
      const { rotation } = secret.record;
      if (rotation === null) throw notConfigured(secret.record);
      const { active, queued } = await this.#atWork(secret.record);
      const stopped = [active, queued].filter(
        (entry) => entry !== null && mayStop(entry.record),
      ) as Entry<RotationRecord>[];
      try {
        return await this.#commitCancel(secret, rotation, stopped, now);
      } catch (error) {
        if (attempt >= ATTEMPTS || !isConflict(error)) throw error;
      }
    }
  }

  /**
   * Takes up again what is blocked, or waits after a failure: somebody asks, so something may have been put right. Of any
   * other rotation: nothing happens.
   */
  async reattempt(secretId: string): Promise<RotationRecord | null> {
    const secret = await this.#secret(secretId);
    const { active } = await this.#atWork(secret.record);
    return active === null ? null : this.#takeUp(active);
  }

  /**
   * Moves *current* for a rotation function that promotes by itself, through UpdateSecretVersionStage.
   *
   * @returns false if no rotation is about to promote this version: then it is somebody's own move of a label
   * @throws RekeyError `invalid-state` (reason `current-changed`)
   */
  async promote(secretId: string, versionId: string): Promise<boolean> {
    const { store, journal, clock } = this.#parts;
    const secret = await this.#secret(secretId);
    const rotation = await findFinishing(store, secret.record, versionId);
    if (rotation === null) return false;
    await journal.writeWithSecret(
      'promotion',
      rotation,
      (latest) => promotion(rotation.record, latest, clock.now()),
      null,
    );
    return true;
  }

  /**
   * Keeps the value that a rotation function puts into the version staged for it, in the escrow journal too.
   *
   * @throws RekeyError `invalid-state`, reason `version-not-staged`
   */
  fillPending(secretId: string, versionId: string, value: SecretValue): Promise<void> {
    return storePendingValue(this.#parts, secretId, versionId, value, null);
  }

  /** @throws RekeyError `not-found` */
  async get(rotationId: string): Promise<RotationRecord> {
    const entry = await this.#parts.store.get('rotation', rotationId);
    if (entry === null) throw new RekeyError('not-found', `There is no rotation ${rotationId}.`);
    return entry.record;
  }

  /** The rotations of a secret, newest first. */
  async history(secretId: string, limit: number = MOST_LISTED): Promise<readonly RotationRecord[]> {
    const listed = await this.#parts.store.list('rotation', {
      index: 'secret',
      from: `${secretId}/`,
      until: `${secretId}/~`,
      descending: true,
      limit: Math.min(limit, MOST_LISTED),
    });
    return listed.map(({ record }) => record);
  }

  /** The rotation at work; null if there is none. */
  async active(secretId: string): Promise<RotationRecord | null> {
    const { active } = await this.#atWork((await this.#secret(secretId)).record);
    return active?.record ?? null;
  }

  /** The rotation that waits behind the one at work; null if there is none. */
  async queued(secretId: string): Promise<RotationRecord | null> {
    const { queued } = await this.#atWork((await this.#secret(secretId)).record);
    return queued?.record ?? null;
  }

  /** Is it due, and why? */
  async due(secretId: string): Promise<{ readonly due: boolean; readonly reasons: readonly DueReason[] }> {
    const { record } = await this.#secret(secretId);
    const now = this.#parts.clock.now();
    const hold = await this.#parts.holds.onBegin(record, { now, rotation: { cause: 'schedule' } });
    return dueReasons(record, { now, quarantined: await isQuarantined(this.#parts.store), hold });
  }

  /** Versions that rotations of the secret still need, whatever their labels: they must not be pruned. */
  async needed(secret: SecretRecord): Promise<ReadonlySet<string>> {
    const { active, queued } = await this.#atWork(secret);
    return neededVersions([active, queued].flatMap((entry) => (entry === null ? [] : [entry.record])));
  }

  async #begin(
    secretId: string,
    request: BeginRequest,
    isWanted: (secret: SecretRecord, quarantined: boolean) => boolean,
  ): Promise<RotationRecord | null> {
    const [rotationId, freshVersionId] = [this.#newId(), this.#newId()];
    for (let attempt = 1; ; attempt += 1) {
      const secret = await this.#secret(secretId);
      const quarantined = await isQuarantined(this.#parts.store);
      if (!isWanted(secret.record, quarantined)) return null;
      const { active, queued } = await this.#atWork(secret.record);
      if (request.cause === 'schedule' && active !== null && isTemporary(active.record)) return null;
      const earlier = await this.#begunBefore(secret.record, request.versionId);
      if (earlier !== null) return earlier;
      const facts = { now: this.#parts.clock.now(), rotationId, freshVersionId, quarantined };
      const known = { active: active?.record ?? null, queued: queued?.record ?? null };
      const start = startRotation(secret.record, request, { ...facts, ...known });
      try {
        if (start.start === 'joined' && request.cause === 'schedule') await this.#unplan(secret);
        if (start.start === 'begun' && (await this.#isHeld(secret, request))) return null;
        return start.start === 'joined'
          ? await this.#join(start, active, request)
          : await this.#commitBegin(secret, start, active);
      } catch (error) {
        if (attempt >= ATTEMPTS || !isConflict(error)) throw error;
      }
    }
  }

  /**
   * What the schedule asks for is postponed while something holds it; a person is refused, and told.
   *
   * @throws RekeyError `invalid-state`, reason `rotation-held`
   */
  async #isHeld(secret: Entry<SecretRecord>, request: BeginRequest): Promise<boolean> {
    const { holds, clock } = this.#parts;
    const rotation = { cause: request.cause, override: request.override ?? null };
    const hold = await holds.onBegin(secret.record, { now: clock.now(), rotation });
    if (hold === null) return false;
    if (request.cause !== 'schedule') throw heldBack(secret.record, hold);
    await postpone(this.#parts, secret, hold);
    return true;
  }

  /** What the schedule asks for is under way already: it is planned anew when that is promoted. */
  async #unplan({ id, record, revision }: Entry<SecretRecord>): Promise<void> {
    const rotation = record.rotation && unplanned(record.rotation);
    await this.#parts.store.commit([{ collection: 'secret', id, record: { ...record, rotation }, expect: revision }]);
  }

  /** A request repeated after its rotation ended: the version is there, and its rotation is remembered. */
  async #begunBefore(secret: SecretRecord, versionId: string | null): Promise<RotationRecord | null> {
    if (versionId === null || findVersion(secret, versionId)?.labels.length === 0) return null;
    const isLeftover = findLabelled(secret, PENDING)?.id === versionId;
    if (isLeftover || findVersion(secret, versionId) === null) return null;
    return (await this.history(secret.id)).find((record) => record.versionId === versionId) ?? null;
  }

  /** The schedule, which asks again and again, takes up only what a person was told of and left. */
  async #join(
    { record }: Start & { start: 'joined' },
    active: Entry<RotationRecord> | null,
    { cause, override }: BeginRequest,
  ): Promise<RotationRecord> {
    const overridden = override === undefined ? null : await this.#override(record, override);
    if (overridden !== null) return overridden;
    if (active === null || (cause === 'schedule' && active.record.state !== 'blocked')) return record;
    const takenUp = await this.#takeUp(active);
    return active.id === record.id ? takenUp : record;
  }

  /** A rotation that is held goes on, since somebody says so; null if it is not held. */
  async #override({ id, secretId }: RotationRecord, override: RotationOverride): Promise<RotationRecord | null> {
    const { active, queued } = await this.#atWork((await this.#secret(secretId)).record);
    const meant = [active, queued].find((entry) => entry?.id === id);
    if (meant?.record.heldBy == null) return null;
    const now = this.#parts.clock.now();
    const record = {
      ...waiting(meant.record, now, 'Goes on.'),
      waitingFor: null,
      override: { ...meant.record.override, ...override },
    };
    return (await this.#parts.journal.write('recovery', meant, record, null)).record;
  }

  async #takeUp(active: Entry<RotationRecord>): Promise<RotationRecord> {
    const { record } = active;
    if (record.state === 'blocked') return this.#resume(active);
    const now = this.#parts.clock.now();
    if (!waitsAfterFailure(record, now)) return record;
    if (record.setStartedAt === null && record.promotedAt === null) return this.#resume(active);
    const hurried = { ...record, nextAttemptAt: now };
    return (await this.#parts.journal.write('recovery', active, hurried, null)).record;
  }

  async #commitBegin(
    secret: Entry<SecretRecord>,
    { record, secret: begun }: Start & { start: 'begun' },
    active: Entry<RotationRecord> | null,
  ): Promise<RotationRecord> {
    const needed = neededVersions([record, ...(active === null ? [] : [active.record])]);
    const kept = prune(begun, needed, record.createdAt);
    const dropped = kept.dropped.map((versionId) => valueWrite(secret.id, versionId));
    const changes = [
      { before: null, after: record, id: record.id, revision: 0 },
      ...(active === null ? [] : nudged(active, record)),
    ];
    await commitAudited(this.#parts, 'begin', {
      secret: { ...secret, record: kept.secret },
      changes,
      further: dropped,
    });
    return record;
  }

  /** What was never told to any target is given up where *current* has moved on; what may have been told is kept. */
  async #resume(entry: Entry<RotationRecord>): Promise<RotationRecord> {
    const { journal, clock } = this.#parts;
    const resuming = await journal.writeWithSecret(
      'recovery',
      entry,
      (secret) => {
        const current = findLabelled(secret, CURRENT)?.id ?? null;
        const record = resumed(entry.record, current, clock.now());
        const untold = entry.record.setStartedAt === null && entry.record.promotedAt === null;
        if (!untold || hasGivenValue(record) || current === entry.record.previousVersionId) return { secret, record };
        const emptied = emptyVersion(secret, record.versionId, clock.now());
        return { secret: emptied, record, writes: [valueWrite(secret.id, record.versionId)] };
      },
      null,
    );
    return resuming.record;
  }

  async #commitCancel(
    secret: Entry<SecretRecord>,
    rotation: SecretRotation,
    stopped: readonly Entry<RotationRecord>[],
    now: number,
  ): Promise<{ readonly versionId: string | null }> {
    const ids = new Set(stopped.map(({ id }) => id));
    const keep = (id: string | null) => (id === null || ids.has(id) ? null : id);
    const off: SecretRotation = {
      ...unplanned(rotation),
      enabled: false,
      deadlineAt: null,
      activeRotationId: keep(rotation.activeRotationId) ?? keep(rotation.queuedRotationId),
      queuedRotationId: keep(rotation.activeRotationId) === null ? null : keep(rotation.queuedRotationId),
    };
    const changes = stopped.map(({ id, revision, record }) => {
      const after = ended(record, 'abandoned', now, 'Rotation was cancelled.');
      return { before: record, after, id, revision };
    });
    const left = changes.reduce((result, { after }) => leftBehind(after, result, now), secret.record);
    const gone = secret.record.versions.filter(({ id }) => findVersion(left, id) === null);
    const record = { ...left, rotation: off, changedAt: now };
    const further = gone.map(({ id }) => valueWrite(secret.id, id));
    await commitAudited(this.#parts, 'cancel', { secret: { ...secret, record }, changes, further });
    return { versionId: leftPending(left) };
  }

  async #atWork(secret: SecretRecord) {
    const find = async (id: string | null | undefined) => {
      const entry = id == null ? null : await this.#parts.store.get('rotation', id);
      return entry === null || ENDED.has(entry.record.state) ? null : entry;
    };
    const active = await find(secret.rotation?.activeRotationId);
    return { active, queued: await find(secret.rotation?.queuedRotationId) };
  }

  async #secret(secretId: string): Promise<Entry<SecretRecord>> {
    const secret = await this.#parts.store.get('secret', secretId);
    if (secret === null) throw new RekeyError('not-found', 'There is no such secret.');
    return secret;
  }

  #newId(): string {
    return Buffer.from(this.#parts.random.bytes(16)).toString('hex');
  }
}

/** A restored store rotates nothing until a person has looked (`rekey quarantine end`). */
export async function isQuarantined(store: Store): Promise<boolean> {
  return (await store.get('setting', 'quarantine')) !== null;
}

/** Sort key under which a moment stands in an index, exclusive upper bound of what lies at or before it. */
export function upTo(now: number): string {
  return sortable(now + 1);
}

/**
 * A blocked rotation is taken up again, since somebody asks. One whose pending label the new one takes is to look at
 * itself at once: it ends, or goes on to its end.
 */
function nudged({ id, revision, record }: Entry<RotationRecord>, begun: RotationRecord): readonly RotationChange[] {
  const now = begun.createdAt;
  if (record.state === 'blocked')
    return [{ before: record, after: resumed(record, begun.previousVersionId, now), id, revision }];
  if (record.promotedAt !== null) return [];
  return [{ before: record, after: { ...record, nextAttemptAt: now }, id, revision }];
}

/** Nothing is being done and nothing is in doubt: only the pause stands between a person who asks and the next attempt. */
function waitsAfterFailure({ doing, lastErrorClass, nextAttemptAt }: RotationRecord, now: number): boolean {
  return doing === null && lastErrorClass !== null && nextAttemptAt !== null && nextAttemptAt > now;
}

function mayStop(record: RotationRecord): boolean {
  return record.promotedAt === null && !inSwitchWindow(record);
}

function leftPending(secret: SecretRecord): string | null {
  const pending = findLabelled(secret, PENDING);
  return pending === null || pending.labels.includes(CURRENT) ? null : pending.id;
}

function notConfigured(secret: SecretRecord): RekeyError {
  return new RekeyError('invalid-state', `Rotation was never configured on ${secret.name}.`, {
    reason: 'rotation-not-configured',
  });
}

function isConflict(error: unknown): boolean {
  return error instanceof RekeyError && error.code === 'conflict';
}
