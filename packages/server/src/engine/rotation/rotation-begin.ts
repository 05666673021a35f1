import {
  CURRENT,
  PENDING,
  type RandomSource,
  type RotationOverride,
  type RotationRecord,
  type SecretRecord,
} from '@rekey/core';
import type { Entry } from '../../store/store.ts';
import { commitAudited, type RotationChange } from '../audited-commit.ts';
import { type Holds, heldBack } from '../order/hold.ts';
import { postpone } from '../order/postponement.ts';
import { isQuarantined } from '../quarantine/quarantine-state.ts';
import { unplanned } from '../schedule/plan-next.ts';
import { findLabelled, findVersion, prune } from '../versions.ts';
import { findAtWork, getSecret, listRotations, untilUndisturbed } from './at-work.ts';
import { hasGivenValue, isTemporary } from './cause.ts';
import { emptyVersion } from './pending-version.ts';
import { neededVersions, valueWrite } from './promotion.ts';
import { resumed, waiting, wasTold } from './rotation-change.ts';
import type { JournalParts, RotationJournal } from './rotation-journal.ts';
import { type BeginRequest, type Start, startRotation } from './rotation-start.ts';

export interface RotationBeginParts extends JournalParts {
  readonly journal: RotationJournal;
  readonly random: RandomSource;
  readonly holds: Holds;
}

/** Begins rotations, and takes up again those that stopped: each in one commit, once however many ask. */
export class RotationBegin {
  readonly #parts: RotationBeginParts;

  constructor(parts: RotationBeginParts) {
    this.#parts = parts;
  }

  /**
   * Begins the rotation that is asked for, or joins the one at work; null if it is not wanted (any more).
   *
   * @throws RekeyError as {@link startRotation}, and `not-found`
   */
  begin(
    secretId: string,
    request: BeginRequest,
    isWanted: (secret: SecretRecord, quarantined: boolean) => boolean,
  ): Promise<RotationRecord | null> {
    const ids = { rotationId: this.#newId(), freshVersionId: this.#newId() };
    return untilUndisturbed(async () => {
      const { store, clock, giveWay } = this.#parts;
      if (giveWay !== undefined) await giveWay();
      const secret = await getSecret(store, secretId);
      const quarantined = await isQuarantined(store);
      if (!isWanted(secret.record, quarantined)) return null;
      const { active, queued } = await findAtWork(store, secret.record);
      if (request.cause === 'schedule' && active !== null && isTemporary(active.record)) return null;
      const earlier = await this.#begunBefore(secret.record, request.versionId);
      if (earlier !== null) return earlier;
      if (giveWay !== undefined) await giveWay();
      const known = { active: active?.record ?? null, queued: queued?.record ?? null };
      const start = startRotation(secret.record, request, { now: clock.now(), ...ids, quarantined, ...known });
      if (start.start === 'begun') {
        if (await this.#isHeld(secret, request)) return null;
        return this.#commitBegin(secret, start, active);
      }
      if (request.cause === 'schedule') await this.#unplan(secret);
      return this.#join(start, active, request);
    });
  }

  /**
   * Takes up again what is blocked, or waits after a failure: somebody asks, so something may have been put right. Of any
   * other rotation: nothing happens.
   */
  async takeUp(active: Entry<RotationRecord>): Promise<RotationRecord> {
    const { record } = active;
    if (record.state === 'blocked') return this.#resume(active);
    const now = this.#parts.clock.now();
    if (!waitsAfterFailure(record, now)) return record;
    if (record.setStartedAt === null && record.promotedAt === null) return this.#resume(active);
    const hurried = { ...record, nextAttemptAt: now };
    return (await this.#parts.journal.write('recovery', active, hurried, null)).record;
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
    return (await listRotations(this.#parts.store, secret.id)).find((record) => record.versionId === versionId) ?? null;
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
    const takenUp = await this.takeUp(active);
    return active.id === record.id ? takenUp : record;
  }

  /** A rotation that is held goes on, since somebody says so; null if it is not held. */
  async #override({ id, secretId }: RotationRecord, override: RotationOverride): Promise<RotationRecord | null> {
    const { store, clock, journal } = this.#parts;
    const { active, queued } = await findAtWork(store, (await getSecret(store, secretId)).record);
    const meant = [active, queued].find((entry) => entry?.id === id);
    if (meant?.record.heldBy == null) return null;
    const record = {
      ...waiting(meant.record, clock.now(), 'Goes on.'),
      waitingFor: null,
      override: { ...meant.record.override, ...override },
    };
    return (await journal.write('recovery', meant, record, null)).record;
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
        const unheard = !wasTold(entry.record) && entry.record.promotedAt === null;
        if (!unheard || hasGivenValue(record) || current === entry.record.previousVersionId) return { secret, record };
        const emptied = emptyVersion(secret, record.versionId, clock.now());
        return { secret: emptied, record, writes: [valueWrite(secret.id, record.versionId)] };
      },
      null,
    );
    return resuming.record;
  }

  #newId(): string {
    return Buffer.from(this.#parts.random.bytes(16)).toString('hex');
  }
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
