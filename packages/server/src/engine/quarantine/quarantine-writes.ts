import { type Clock, CURRENT, RekeyError, type RotationRecord, type SecretRecord } from '@rekey/core';
import type { AuditLog } from '../../audit/entry.ts';
import type { Claim } from '../../store/driver.ts';
import type { Entry, Store, StoreWrite } from '../../store/store.ts';
import type { EscrowEntry } from '../escrow/escrow.ts';
import { RECREATED, type Replayed, recreated, replayed, withNewestCurrent } from '../escrow/escrow-replay.ts';
import { promotion } from '../rotation/promotion.ts';
import { ENGINE } from '../rotation/rotation-audit.ts';
import { ENDED, ended } from '../rotation/rotation-change.ts';
import type { RotationAlerts } from '../rotation/rotation-journal.ts';
import { planned } from '../schedule/plan-next.ts';
import { addVersion, findLabelled, findVersion, promote } from '../versions.ts';

export interface QuarantineWritesParts {
  readonly store: Store;
  readonly clock: Pick<Clock, 'now'>;
  readonly audit: AuditLog;
  readonly alerts: Pick<RotationAlerts, 'writesFor'>;
  /** The claim under which the quarantine works; of several servers one does. */
  readonly claim: () => Claim;
}

/** Faces may write the secret at the same time. */
const ATTEMPTS = 10;

/** What the quarantine changes: each change audited before it is made, and made under the claim by compare-and-set. */
export class QuarantineWrites {
  readonly #parts: QuarantineWritesParts;

  constructor(parts: QuarantineWritesParts) {
    this.#parts = parts;
  }

  /**
   * Brings an entry of the escrow journal into the store.
   *
   * @param knownUntil the newest moment the store knows of: a secret that is missing although its value was made
   *   before was deleted, and stays so
   * @throws RekeyError `already-exists` if the name of a secret that is missing now belongs to another
   */
  async replay(entry: EscrowEntry, knownUntil: number): Promise<'known' | 'deleted' | 'added' | 'recreated'> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#replay(entry, knownUntil);
      } catch (error) {
        if (attempt >= ATTEMPTS || !isConflict(error)) throw error;
      }
    }
  }

  /**
   * Makes a version current that is known to log in. The rotation at work that made it is promoted with it, and goes on
   * to retire the old value; one at work for another version, or from another current value than the one that is there
   * now, is out of date, and abandoned.
   */
  async makeCurrent(secretId: string, versionId: string, why: string): Promise<void> {
    await this.#change(secretId, 'rekey:QuarantinePromoted', versionId, why, async (secret) => {
      const now = this.#parts.clock.now();
      const atWork = await this.#atWork(secret);
      const own = atWork.find(({ record }) => isPromotable(record, secret, versionId));
      if (own !== undefined) return this.#promotedWith(own, secret, now);
      const stale = atWork.filter(({ record }) => record.versionId !== versionId || record.promotedAt === null);
      const moved = promote(secret, versionId, now);
      const rotation = afterMove(moved, stale, now);
      const writes = await Promise.all(stale.map((entry) => this.#rotation(entry, abandoned(entry.record, now))));
      return { secret: { ...moved, rotation }, writes: writes.flat() };
    });
  }

  /** The next number of the secret's rotation, above the given one too, durable before a target hears of it. */
  async raiseNumber(secretId: string, above = 0): Promise<number> {
    const raised = await this.#change(
      secretId,
      'rekey:QuarantineRepair',
      null,
      'A known value is set at the target',
      (secret) => {
        if (secret.rotation === null)
          throw new RekeyError('invalid-state', `Rotation was never configured on ${secret.name}.`);
        const number = Math.max(secret.rotation.number, above) + 1;
        return { secret: { ...secret, rotation: { ...secret.rotation, number } }, writes: [] };
      },
    );
    return raised.rotation?.number ?? 0;
  }

  /** A second version with the value of another; there already: success. */
  async copyVersion(secretId: string, versionId: string, copyId: string): Promise<void> {
    const why = `A copy of version ${versionId}, to be set at the target`;
    await this.#change(secretId, 'rekey:QuarantineCopied', copyId, why, async (secret) => {
      const value = await this.#parts.store.getValue(secretId, versionId);
      const made = findVersion(secret, versionId)?.createdAt ?? this.#parts.clock.now();
      if (value === null || findVersion(secret, copyId) !== null) return { secret, writes: [] };
      const copy = { id: copyId, hasValue: true, kmsKeyId: secret.kmsKeyId };
      return {
        secret: addVersion(secret, copy, [], made),
        writes: [{ collection: 'value', id: `${secretId}/${copyId}`, record: value }],
      };
    });
  }

  async #replay(entry: EscrowEntry, knownUntil: number): Promise<'known' | 'deleted' | 'added' | 'recreated'> {
    const { store } = this.#parts;
    const found = await store.get('secret', entry.secretId);
    if (found === null && entry.at <= knownUntil) return 'deleted';
    if (found === null && (await store.findSecret(entry.secretName)) !== null) throw nameTaken(entry);
    const secret = found?.record ?? recreated(entry);
    const stored = found === null ? null : await store.getValue(secret.id, entry.versionId);
    const change = replayed(secret, stored, entry, knownUntil);
    if (change === null) return 'known';
    await this.#commitReplay(found, change, entry);
    return found === null ? 'recreated' : 'added';
  }

  async #commitReplay(found: Entry<SecretRecord> | null, change: Replayed, entry: EscrowEntry): Promise<void> {
    const madeAnew = change.secret.description === RECREATED;
    const secret = madeAnew ? withNewestCurrent(change.secret, this.#parts.clock.now()) : change.secret;
    const action = found === null ? 'rekey:EscrowRecreated' : 'rekey:EscrowReplayed';
    await this.#audit(action, secret, change.value?.versionId ?? null, `From rotation ${entry.rotationNumber}`);
    await this.#commit([
      { collection: 'secret', id: secret.id, record: secret, expect: found?.revision ?? 0 },
      ...(found === null ? [nameWrite(this.#parts.store, secret)] : []),
      ...(change.value === null ? [] : [valueWrite(secret.id, change.value)]),
    ]);
  }

  async #change(
    secretId: string,
    action: string,
    versionId: string | null,
    why: string,
    change: (secret: SecretRecord) => SecretChange | Promise<SecretChange>,
  ): Promise<SecretRecord> {
    const { store } = this.#parts;
    for (let attempt = 1; ; attempt += 1) {
      const found = await store.get('secret', secretId);
      if (found === null) throw new RekeyError('not-found', 'The secret was removed meanwhile.');
      const { secret, writes } = await change(found.record);
      if (attempt === 1) await this.#audit(action, secret, versionId, why);
      try {
        await this.#commit([{ collection: 'secret', id: secretId, record: secret, expect: found.revision }, ...writes]);
        return secret;
      } catch (error) {
        if (attempt >= ATTEMPTS || !isConflict(error)) throw error;
      }
    }
  }

  async #atWork(secret: SecretRecord): Promise<readonly Entry<RotationRecord>[]> {
    const ids = [secret.rotation?.activeRotationId, secret.rotation?.queuedRotationId].filter((id) => id != null);
    const found = await Promise.all(ids.map((id) => this.#parts.store.get('rotation', id)));
    return found.filter((entry) => entry !== null).filter(({ record }) => !ENDED.has(record.state));
  }

  async #promotedWith(entry: Entry<RotationRecord>, secret: SecretRecord, now: number): Promise<SecretChange> {
    const joint = promotion(entry.record, secret, now);
    return { secret: joint.secret, writes: [...(await this.#rotation(entry, joint.record)), ...(joint.writes ?? [])] };
  }

  async #rotation(
    { id, revision, record }: Entry<RotationRecord>,
    after: RotationRecord,
  ): Promise<readonly StoreWrite[]> {
    const alerts = await this.#parts.alerts.writesFor(record, after);
    return [{ collection: 'rotation', id, record: after, expect: revision }, ...alerts];
  }

  async #commit(writes: readonly StoreWrite[]): Promise<void> {
    await this.#parts.store.commit(writes, { fences: [this.#parts.claim()] });
  }

  #audit(action: string, secret: SecretRecord, versionId: string | null, detail: string): Promise<void> {
    return this.#parts.audit.append({
      time: this.#parts.clock.now(),
      kind: 'server',
      action,
      principal: ENGINE,
      accessKeyId: null,
      address: null,
      requestId: null,
      resource: secret.arn,
      versionId,
      outcome: 'allowed',
      detail,
    });
  }
}

interface SecretChange {
  readonly secret: SecretRecord;
  readonly writes: readonly StoreWrite[];
}

function isPromotable(record: RotationRecord, secret: SecretRecord, versionId: string): boolean {
  const sawCurrent = record.previousVersionId === (findLabelled(secret, CURRENT)?.id ?? null);
  return record.versionId === versionId && record.promotedAt === null && sawCurrent;
}

function abandoned(record: RotationRecord, now: number): RotationRecord {
  return ended(record, 'abandoned', now, 'It was at work when the backup was made; a later value is in use.');
}

function afterMove(
  secret: SecretRecord,
  stale: readonly Entry<RotationRecord>[],
  now: number,
): SecretRecord['rotation'] {
  const { rotation } = secret;
  if (rotation === null) return null;
  const ids = new Set(stale.map(({ id }) => id));
  const keep = (id: string | null) => (id === null || ids.has(id) ? null : id);
  const [active, queued] = [keep(rotation.activeRotationId), keep(rotation.queuedRotationId)];
  const cleared = {
    ...rotation,
    lastRotatedAt: now,
    activeRotationId: active ?? queued,
    queuedRotationId: active === null ? null : queued,
  };
  return cleared.activeRotationId === null && cleared.enabled ? planned(cleared, secret.id, now) : cleared;
}

function nameWrite(store: Store, { id, name }: SecretRecord): StoreWrite {
  return { collection: 'name', id: store.opaque('name', name), record: { secretId: id }, expect: 0 };
}

function valueWrite(secretId: string, { versionId, value }: NonNullable<Replayed['value']>): StoreWrite {
  return { collection: 'value', id: `${secretId}/${versionId}`, record: value };
}

function nameTaken({ secretName }: EscrowEntry): RekeyError {
  return new RekeyError(
    'already-exists',
    `The escrow journal holds values of an earlier secret ${secretName}, whose name another secret has now.`,
  );
}

function isConflict(error: unknown): boolean {
  return error instanceof RekeyError && error.code === 'conflict';
}
