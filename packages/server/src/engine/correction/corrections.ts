import { type RandomSource, RekeyError, type RotationRecord, type SecretRecord } from '@rekey/core';
import type { Entry } from '../../store/store.ts';
import { commitAudited, type RotationChange } from '../audited-commit.ts';
import { ENDED } from '../rotation/rotation-change.ts';
import type { JournalParts } from '../rotation/rotation-journal.ts';
import type { Rotations } from '../rotation/rotations.ts';
import { type CorrectionRequest, type CorrectionStart, startCorrection } from './correction-start.ts';

export interface CorrectionsParts extends JournalParts {
  readonly random: RandomSource;
  readonly rotations: Rotations;
  /** Told when one was begun, so that the worker need not find it by looking. */
  readonly onBegun?: () => void;
}

/** Compare-and-set against whoever writes the secret or its rotations at the same time. */
const ATTEMPTS = 20;

/** Brings target and labels together again, each time as a rotation of its own that survives every crash. */
export class Corrections {
  readonly #parts: CorrectionsParts;

  constructor(parts: CorrectionsParts) {
    this.#parts = parts;
  }

  /**
   * Goes back to the value before: the target is made to accept it, a fresh login proves it, then *current* moves to
   * it, and the value that was current is retired like any old one. Asked for again while it is at work: the same one.
   *
   * @throws RekeyError as {@link startCorrection}, and `not-found`
   */
  rollback(secretId: string, askedBy: string): Promise<RotationRecord> {
    return this.#begin(secretId, { cause: 'rollback', askedBy });
  }

  /**
   * Sets the current value at its target again and proves it by a fresh login; no label moves. For a target that was
   * changed by hand, or put back from a backup that holds an older password.
   *
   * @throws RekeyError as {@link rollback}
   */
  repair(secretId: string, askedBy: string): Promise<RotationRecord> {
    return this.#begin(secretId, { cause: 'drift', askedBy });
  }

  async #begin(secretId: string, request: CorrectionRequest): Promise<RotationRecord> {
    const { clock, rotations, onBegun } = this.#parts;
    const [rotationId, freshVersionId] = [this.#newId(), this.#newId()];
    for (let attempt = 1; ; attempt += 1) {
      const { secret, active, queued } = await this.#read(secretId);
      const known = { active: active?.record ?? null, queued: queued?.record ?? null };
      const facts = { now: clock.now(), rotationId, freshVersionId, ...known };
      const start = startCorrection(secret.record, request, facts);
      try {
        if (start.start === 'joined') return (await rotations.reattempt(secretId)) ?? start.record;
        await this.#commit(secret, start, [active, queued]);
        onBegun?.();
        return start.record;
      } catch (error) {
        if (attempt >= ATTEMPTS || !(error instanceof RekeyError) || error.code !== 'conflict') throw error;
      }
    }
  }

  #commit(
    secret: Entry<SecretRecord>,
    start: CorrectionStart & { start: 'begun' },
    atWork: readonly (Entry<RotationRecord> | null)[],
  ): Promise<void> {
    const changes = start.ended.map((after): RotationChange => {
      const entry = atWork.find((other) => other?.id === after.id);
      return { before: entry?.record ?? null, after, id: after.id, revision: entry?.revision ?? 0 };
    });
    const begun: RotationChange = { before: null, after: start.record, id: start.record.id, revision: 0 };
    return commitAudited(this.#parts, 'begin', {
      secret: { ...secret, record: start.secret },
      changes: [...changes, begun],
    });
  }

  async #read(secretId: string) {
    const { store } = this.#parts;
    const secret = await store.get('secret', secretId);
    if (secret === null) throw new RekeyError('not-found', 'There is no such secret.');
    const find = async (id: string | null | undefined) => {
      const entry = id == null ? null : await store.get('rotation', id);
      return entry === null || ENDED.has(entry.record.state) ? null : entry;
    };
    const { rotation } = secret.record;
    return { secret, active: await find(rotation?.activeRotationId), queued: await find(rotation?.queuedRotationId) };
  }

  #newId(): string {
    return Buffer.from(this.#parts.random.bytes(16)).toString('hex');
  }
}
