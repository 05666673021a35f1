import { type Clock, type Logger, messageOf, RekeyError, type RotationRecord, type SecretRecord } from '@rekey/core';
import type { AuditEntry, AuditLog } from '../../audit/entry.ts';
import type { AlertRecord } from '../../store/collections.ts';
import type { Entry, Store, StoreWrite } from '../../store/store.ts';
import { type BoundaryHook, crossing, type DurablePoint } from '../boundary.ts';
import { fillVersion } from '../versions.ts';
import { type HeldSecret, recorded } from './held-secrets.ts';
import type { Further, Rotating } from './rotating.ts';
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
  /**
   * Lets requests that came in meanwhile be answered first: what a rotation does between two waits holds each read beside
   * it up. Left out where nobody else waits.
   */
  readonly giveWay?: () => Promise<void>;
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

/** The secret changes under us all the time (tags, last-access days); what is ours is worked out anew on each. */
const ATTEMPTS = 10;

/**
 * The one way in which a rotation's record is written: audited first, then committed by compare-and-set under the
 * claim's fence, in one commit with its alerts, with what it moves on the secret, and with what was left to be recorded
 * along ({@link Rotating}).
 */
export class RotationJournal {
  readonly #parts: JournalParts;

  constructor(parts: JournalParts) {
    this.#parts = parts;
  }

  /** @throws RekeyError `conflict` when somebody else wrote the record, or took the claim. */
  async write(
    point: DurablePoint | readonly DurablePoint[],
    before: Rotating,
    after: RotationRecord,
    held: HeldSecret | null,
    further?: Further,
  ): Promise<Entry<RotationRecord>> {
    if (before.ahead?.value !== undefined)
      return this.writeWithSecret(point, before, (secret) => ({ secret, record: after }), held, further);
    let along: readonly StoreWrite[] = [];
    const commit = async () => {
      along = await furtherOf(before, further);
      return this.#commit(point, before, after, along, held);
    };
    return this.#audited(before, after, () => this.#untilUndisturbed(before, commit, () => along.length > 0));
  }

  /**
   * As {@link write}, with the secret: `change` is asked again on the secret as it then is, whenever somebody else wrote
   * it. It may throw to give up.
   */
  async writeWithSecret(
    point: DurablePoint | readonly DurablePoint[],
    before: Rotating,
    change: (secret: SecretRecord) => JointChange | Promise<JointChange>,
    held: HeldSecret | null,
    further?: Further,
  ): Promise<Entry<RotationRecord>> {
    let next: Changed | null = await this.#changed(before, change);
    return this.#audited(before, next.joint.record, () =>
      this.#untilUndisturbed(before, async () => {
        const { joint, secret } = next ?? (await this.#changed(before, change));
        next = null;
        const moved: StoreWrite[] = [
          { collection: 'secret', id: secret.id, record: joint.secret, expect: secret.revision },
          ...(joint.writes ?? []),
          ...(await furtherOf(before, further)),
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
    before: Rotating,
    change: (secret: SecretRecord) => JointChange | Promise<JointChange>,
  ): Promise<Changed> {
    const { secretId, secretName, versionId } = before.record;
    const secret = await this.#parts.store.get('secret', secretId);
    if (secret === null) throw new RekeyError('not-found', `The secret ${secretName} was removed.`);
    const value = before.ahead?.value;
    if (value === undefined) return { secret, joint: await change(secret.record) };
    const joint = await change(fillVersion(secret.record, versionId, [], this.#parts.clock.now()));
    const made: StoreWrite = { collection: 'value', id: `${secretId}/${versionId}`, record: value };
    return { secret, joint: { ...joint, writes: [made, ...(joint.writes ?? [])] } };
  }

  async #mayRetry(error: unknown, before: Entry<RotationRecord>): Promise<boolean> {
    if (!(error instanceof RekeyError) || error.code !== 'conflict') return false;
    return (await this.#parts.store.get('rotation', before.id))?.revision === before.revision;
  }

  async #commit(
    point: DurablePoint | readonly DurablePoint[],
    before: Rotating,
    record: RotationRecord,
    further: readonly StoreWrite[],
    held: HeldSecret | null,
  ): Promise<Entry<RotationRecord>> {
    const { store, alerts, boundary, counts, giveWay } = this.#parts;
    if (giveWay !== undefined) await giveWay();
    const own: StoreWrite = { collection: 'rotation', id: before.id, record, expect: before.revision };
    const durable = before.ahead?.of ?? before.record;
    const writes = [own, ...further, ...(await alerts.writesFor(durable, record))];
    const fences = held === null ? [] : [held.claim];
    const points = before.ahead === undefined ? point : [...before.ahead.points, point].flat();
    const revision = await crossing(boundary, points, () => store.commit(writes, { fences }));
    counts?.saw(durable, record);
    if (held !== null) recorded(held, record);
    return { id: before.id, revision, record };
  }

  /** Nothing happens unaudited: the entry stands before the change, and is corrected if the change is not made. */
  async #audited(
    before: Rotating,
    after: RotationRecord,
    commit: () => Promise<Entry<RotationRecord>>,
  ): Promise<Entry<RotationRecord>> {
    const { audit, clock } = this.#parts;
    const changes = auditedChanges(before, after, clock.now());
    for (const { entry } of changes) await audit.append(entry);
    try {
      const written = await commit();
      for (const { entry, record } of changes) this.#tell(entry, record);
      return written;
    } catch (error) {
      for (const { entry } of changes) await audit.append(notMade(entry, clock.now(), messageOf(error)));
      throw error;
    }
  }

  #tell(entry: AuditEntry, record: RotationRecord): void {
    const { secretName: secret, number, state, versionId, attempts, lastErrorClass } = record;
    const fields = { secret, rotation: number, state, versionId, attempts, lastErrorClass };
    const sentence = `Rotation ${number} of ${secret}: ${record.waitingFor ?? state}`;
    if (entry.outcome === 'failed') this.#parts.log.warn(fields, sentence);
    else this.#parts.log.info(fields, sentence);
  }
}

/** One commit may take a rotation through two states: each is told. */
function auditedChanges({ ahead, record }: Rotating, after: RotationRecord, now: number) {
  const path = ahead === undefined ? [record, after] : [ahead.of, record, after];
  return path.slice(1).flatMap((reached, at) => {
    const entry = auditOfChange(path[at]!, reached, now);
    return entry === null ? [] : [{ entry, record: reached }];
  });
}

async function furtherOf({ ahead }: Rotating, further: Further | undefined): Promise<readonly StoreWrite[]> {
  return [...((await ahead?.further?.()) ?? []), ...((await further?.()) ?? [])];
}
