import { type Clock, type Logger, messageOf, RekeyError, type RotationRecord, type SecretRecord } from '@rekey/core';
import type { AuditEntry, AuditLog } from '../../audit/entry.ts';
import type { AlertRecord } from '../../store/collections.ts';
import type { Entry, Store, StoreWrite } from '../../store/store.ts';
import { type BoundaryHook, crossing, type DurablePoint } from '../boundary.ts';
import type { HeldSecret } from './held-secrets.ts';
import { auditOfChange, notMade } from './rotation-audit.ts';
import type { RotationCounts } from './rotation-counts.ts';

/** Tells people: what it returns is committed together with the record it is about. */
export interface RotationAlerts {
  writesFor(before: RotationRecord | null, after: RotationRecord): Promise<readonly StoreWrite[]>;
  raise(condition: string, alert: { readonly secretId: string | null; readonly text: string }): Promise<void>;
  resolve(condition: string): Promise<void>;
  /** What stands now. */
  standing(): Promise<readonly AlertRecord[]>;
}

export interface JournalParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly audit: AuditLog;
  readonly alerts: RotationAlerts;
  readonly log: Logger;
  readonly boundary?: BoundaryHook;
  readonly counts?: RotationCounts;
}

/** A change of a rotation that moves labels or numbers of its secret too. */
export interface JointChange {
  readonly secret: SecretRecord;
  readonly record: RotationRecord;
  readonly writes?: readonly StoreWrite[];
}

interface Changed {
  readonly secret: Entry<SecretRecord>;
  readonly joint: JointChange;
}

/** Writes that go along in the commit; asked again where that meets a conflict with somebody who wrote the same. */
export type Further = () => Promise<readonly StoreWrite[]>;

/** The secret changes under us all the time (tags, last-access days); what is ours is worked out anew on each. */
const ATTEMPTS = 10;

/**
 * The one way in which a rotation's record is written: audited first, then committed by compare-and-set under the
 * claim's fence, in one commit with its alerts and with what it moves on the secret.
 */
export class RotationJournal {
  readonly #parts: JournalParts;

  constructor(parts: JournalParts) {
    this.#parts = parts;
  }

  /** @throws RekeyError `conflict` when somebody else wrote the record, or took the claim. */
  async write(
    point: DurablePoint | readonly DurablePoint[],
    before: Entry<RotationRecord>,
    after: RotationRecord,
    held: HeldSecret | null,
    further?: Further,
  ): Promise<Entry<RotationRecord>> {
    let along: readonly StoreWrite[] = [];
    const commit = async () => {
      along = (await further?.()) ?? [];
      return this.#commit(point, before, after, along, held);
    };
    return this.#audited(before.record, after, () => this.#untilUndisturbed(before, commit, () => along.length > 0));
  }

  /**
   * As {@link write}, with the secret: `change` is asked again on the secret as it then is, whenever somebody else wrote
   * it. It may throw to give up.
   */
  async writeWithSecret(
    point: DurablePoint,
    before: Entry<RotationRecord>,
    change: (secret: SecretRecord) => JointChange | Promise<JointChange>,
    held: HeldSecret | null,
    further?: Further,
  ): Promise<Entry<RotationRecord>> {
    let next: Changed | null = await this.#changed(before, change);
    return this.#audited(before.record, next.joint.record, () =>
      this.#untilUndisturbed(before, async () => {
        const { joint, secret } = next ?? (await this.#changed(before, change));
        next = null;
        const moved: StoreWrite[] = [
          { collection: 'secret', id: secret.id, record: joint.secret, expect: secret.revision },
          ...(joint.writes ?? []),
          ...((await further?.()) ?? []),
        ];
        return this.#commit(point, before, joint.record, moved, held);
      }),
    );
  }

  /**
   * Makes the commit again as long as what was written meanwhile is not the rotation itself.
   *
   * @param hasOthers whether the commit writes what others write, too
   */
  async #untilUndisturbed(
    before: Entry<RotationRecord>,
    commit: () => Promise<Entry<RotationRecord>>,
    hasOthers: () => boolean = () => true,
  ): Promise<Entry<RotationRecord>> {
    for (let made = 1; ; made += 1) {
      try {
        return await commit();
      } catch (error) {
        if (made >= ATTEMPTS || !hasOthers() || !(await this.#mayRetry(error, before))) throw error;
      }
    }
  }

  async #changed(
    before: Entry<RotationRecord>,
    change: (secret: SecretRecord) => JointChange | Promise<JointChange>,
  ): Promise<Changed> {
    const secret = await this.#parts.store.get('secret', before.record.secretId);
    if (secret === null) throw new RekeyError('not-found', `The secret ${before.record.secretName} was removed.`);
    return { secret, joint: await change(secret.record) };
  }

  async #mayRetry(error: unknown, before: Entry<RotationRecord>): Promise<boolean> {
    if (!(error instanceof RekeyError) || error.code !== 'conflict') return false;
    return (await this.#parts.store.get('rotation', before.id))?.revision === before.revision;
  }

  async #commit(
    point: DurablePoint | readonly DurablePoint[],
    before: Entry<RotationRecord>,
    record: RotationRecord,
    further: readonly StoreWrite[],
    held: HeldSecret | null,
  ): Promise<Entry<RotationRecord>> {
    const { store, alerts, boundary, counts } = this.#parts;
    const own: StoreWrite = { collection: 'rotation', id: before.id, record, expect: before.revision };
    const writes = [own, ...further, ...(await alerts.writesFor(before.record, record))];
    const fences = held === null ? [] : [held.claim];
    const revision = await crossing(boundary, point, () => store.commit(writes, { fences }));
    counts?.saw(before.record, record);
    if (held !== null) held.record = record;
    return { id: before.id, revision, record };
  }

  /** Nothing happens unaudited: the entry stands before the change, and is corrected if the change is not made. */
  async #audited(
    before: RotationRecord | null,
    after: RotationRecord,
    commit: () => Promise<Entry<RotationRecord>>,
  ): Promise<Entry<RotationRecord>> {
    const { audit, clock } = this.#parts;
    const entry = auditOfChange(before, after, clock.now());
    if (entry !== null) await audit.append(entry);
    try {
      const written = await commit();
      this.#tell(entry, written.record);
      return written;
    } catch (error) {
      if (entry !== null) await audit.append(notMade(entry, clock.now(), messageOf(error)));
      throw error;
    }
  }

  #tell(entry: AuditEntry | null, record: RotationRecord): void {
    if (entry === null) return;
    const { secretName: secret, number, state, versionId, attempts, lastErrorClass } = record;
    const fields = { secret, rotation: number, state, versionId, attempts, lastErrorClass };
    const sentence = `Rotation ${number} of ${secret}: ${record.waitingFor ?? state}`;
    if (entry.outcome === 'failed') this.#parts.log.warn(fields, sentence);
    else this.#parts.log.info(fields, sentence);
  }
}
