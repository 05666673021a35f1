import { RekeyError, type RotationRecord, type SecretRecord, type SecretValue } from '@rekey/core';
import { sortable } from '../../store/collections.ts';
import type { EscrowJournal } from '../escrow/escrow.ts';
import { isQuarantined } from '../quarantine/quarantine-state.ts';
import { type DueReason, dueReasons } from '../schedule/due.ts';
import { findAtWork, getSecret, listRotations, MOST_LISTED } from './at-work.ts';
import { storePendingValue } from './pending-value.ts';
import { findFinishing, neededVersions, promotion } from './promotion.ts';
import { RotationBegin, type RotationBeginParts } from './rotation-begin.ts';
import { cancelRotation } from './rotation-cancel.ts';
import type { BeginRequest } from './rotation-start.ts';

export interface RotationsParts extends RotationBeginParts {
  readonly escrow: EscrowJournal;
  /** Told when a rotation was asked for, so that the worker need not find it by looking. */
  readonly onBegun?: () => void;
}

/** Rotations as others see them: asked for, looked at, called off. What carries them on is the worker. */
export class Rotations {
  readonly #parts: RotationsParts;
  readonly #beginning: RotationBegin;

  constructor(parts: RotationsParts) {
    this.#parts = parts;
    this.#beginning = new RotationBegin(parts);
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
    const begun = await this.beginIf(secretId, request, () => true);
    if (begun === null) throw new RekeyError('bug', 'A rotation that was asked for was not begun.');
    return begun;
  }

  /**
   * The same if it is still needed, as the secret stands at the commit; null if not.
   *
   * @throws RekeyError as {@link begin}
   */
  async beginIf(
    secretId: string,
    request: BeginRequest,
    isNeeded: (secret: SecretRecord) => boolean,
  ): Promise<RotationRecord | null> {
    const begun = await this.#beginning.begin(secretId, request, isNeeded);
    if (begun !== null) this.#parts.onBegun?.();
    return begun;
  }

  /** Begins the rotation that the schedule asks for, once however many ask; null if it is not due (any more). */
  async beginDue(secretId: string): Promise<RotationRecord | null> {
    const request: BeginRequest = { versionId: null, cause: 'schedule', askedBy: 'schedule' };
    return this.#beginning.begin(secretId, request, (secret, quarantined) => {
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
  cancel(secretId: string, now: number): Promise<{ readonly versionId: string | null }> {
    return cancelRotation(this.#parts, secretId, now);
  }

  /**
   * Takes up again what is blocked, or waits after a failure: somebody asks, so something may have been put right. Of any
   * other rotation: nothing happens.
   */
  async reattempt(secretId: string): Promise<RotationRecord | null> {
    const secret = await getSecret(this.#parts.store, secretId);
    const { active } = await findAtWork(this.#parts.store, secret.record);
    return active === null ? null : this.#beginning.takeUp(active);
  }

  /**
   * Moves *current* for a rotation function that promotes by itself, through UpdateSecretVersionStage.
   *
   * @returns false if no rotation is about to promote this version: then it is somebody's own move of a label
   * @throws RekeyError `invalid-state` (reason `current-changed`)
   */
  async promote(secretId: string, versionId: string): Promise<boolean> {
    const { store, journal, clock } = this.#parts;
    const secret = await getSecret(this.#parts.store, secretId);
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
    return storePendingValue(this.#parts, secretId, versionId, value);
  }

  /** @throws RekeyError `not-found` */
  async get(rotationId: string): Promise<RotationRecord> {
    const entry = await this.#parts.store.get('rotation', rotationId);
    if (entry === null) throw new RekeyError('not-found', `There is no rotation ${rotationId}.`);
    return entry.record;
  }

  /** The rotations of a secret, newest first. */
  history(secretId: string, limit: number = MOST_LISTED): Promise<readonly RotationRecord[]> {
    return listRotations(this.#parts.store, secretId, limit);
  }

  /** The rotation at work; null if there is none. */
  async active(secretId: string): Promise<RotationRecord | null> {
    const { active } = await findAtWork(this.#parts.store, (await getSecret(this.#parts.store, secretId)).record);
    return active?.record ?? null;
  }

  /** The rotation that waits behind the one at work; null if there is none. */
  async queued(secretId: string): Promise<RotationRecord | null> {
    const { queued } = await findAtWork(this.#parts.store, (await getSecret(this.#parts.store, secretId)).record);
    return queued?.record ?? null;
  }

  /** Is it due, and why? */
  async due(secretId: string): Promise<{ readonly due: boolean; readonly reasons: readonly DueReason[] }> {
    const { store, clock, holds } = this.#parts;
    const { record } = await getSecret(store, secretId);
    const now = clock.now();
    const hold = await holds.onBegin(record, { now, rotation: { cause: 'schedule' } });
    return dueReasons(record, { now, quarantined: await isQuarantined(store), hold });
  }

  /** Versions that rotations of the secret still need, whatever their labels: they must not be pruned. */
  async needed(secret: SecretRecord): Promise<ReadonlySet<string>> {
    const { active, queued } = await findAtWork(this.#parts.store, secret);
    return neededVersions([active, queued].flatMap((entry) => (entry === null ? [] : [entry.record])));
  }
}

/** Sort key under which a moment stands in an index, exclusive upper bound of what lies at or before it. */
export function upTo(now: number): string {
  return sortable(now + 1);
}
