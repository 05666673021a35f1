import { CURRENT, type FindRotationFunction, type RotationRecord, type SecretRecord } from '@rekey/core';
import type { AuditEntry } from '../../audit/entry.ts';
import type { DriftRecord } from '../../store/collections.ts';
import type { Claim } from '../../store/driver.ts';
import { claimKey } from '../rotation/held-secrets.ts';
import { ENGINE } from '../rotation/rotation-audit.ts';
import { ENDED, inSwitchWindow } from '../rotation/rotation-change.ts';
import type { JournalParts } from '../rotation/rotation-journal.ts';
import { LOOK_TIME, type TargetLook } from '../target/target-look.ts';
import { findLabelled } from '../versions.ts';
import { driftAfter, driftCondition } from './drift-state.ts';

export interface DriftLookParts extends JournalParts {
  readonly look: TargetLook;
  readonly findFunction: FindRotationFunction;
  /** Unique to this process. */
  readonly holder: string;
}

/** Longer than one login takes that times out. Milliseconds. */
const CLAIM_TIME = 2 * LOOK_TIME;

/** Looks whether the target still accepts what is current, remembers it, and tells people when it does not. */
export class DriftLook {
  readonly #parts: DriftLookParts;

  constructor(parts: DriftLookParts) {
    this.#parts = parts;
  }

  /**
   * Looks at one secret, under the claim of its rotations: what is refused while a rotation sets it is no drift. One
   * that is being rotated is left for the next time.
   *
   * @returns what is known now; null if it was not looked at
   */
  async look(secretId: string, signal?: AbortSignal): Promise<DriftRecord | null> {
    const { store, clock, holder } = this.#parts;
    const key = claimKey(secretId);
    const request = { key, holder: `${holder} (drift)`, now: clock.now(), milliseconds: CLAIM_TIME };
    const claim = await store.claim(request);
    if (claim === null) return null;
    try {
      return await this.#lookAt(secretId, claim, signal);
    } finally {
      await store.release(claim);
    }
  }

  /** The value that is current was just proven by a rotation. */
  async proven(secretId: string): Promise<void> {
    const { store, clock, alerts } = this.#parts;
    const before = await store.get('drift', secretId);
    if (before === null) return;
    const secret = await store.get('secret', secretId);
    const versionId = secret === null ? null : (findLabelled(secret.record, CURRENT)?.id ?? null);
    if (versionId === null || (before.record.versionId === versionId && before.record.state === 'in-sync')) return;
    const seen = { outcome: 'accepted', reason: 'A rotation proved it by a login.' } as const;
    const after = driftAfter(before.record, { secretId, versionId }, seen, clock.now());
    await store.commit([{ collection: 'drift', id: secretId, record: after }]);
    await alerts.resolve(driftCondition(secretId));
  }

  async #lookAt(secretId: string, claim: Claim, signal?: AbortSignal): Promise<DriftRecord | null> {
    const { store, findFunction, look } = this.#parts;
    const secret = (await store.get('secret', secretId))?.record ?? null;
    const versionId = secret === null ? null : (findLabelled(secret, CURRENT)?.id ?? null);
    if (secret === null || versionId === null || secret.deletedAt !== null) return null;
    const rotationFunction = findFunction(secret.rotation?.functionArn ?? '');
    if (rotationFunction === null || (await this.#isBeingSet(secret))) return null;
    const seen = await look.look(rotationFunction, secret, versionId, signal);
    const latest = (await store.get('secret', secretId))?.record ?? null;
    if (latest === null || findLabelled(latest, CURRENT)?.id !== versionId) return null;
    const before = (await store.get('drift', secretId))?.record ?? null;
    const after = driftAfter(before, { secretId, versionId }, seen, this.#parts.clock.now());
    await this.#remember(secret, before, after, claim);
    return after;
  }

  async #isBeingSet(secret: SecretRecord): Promise<boolean> {
    const activeId = secret.rotation?.activeRotationId ?? null;
    const active: RotationRecord | null =
      activeId === null ? null : ((await this.#parts.store.get('rotation', activeId))?.record ?? null);
    if (active === null || ENDED.has(active.state) || active.promotedAt !== null) return false;
    return active.state !== 'blocked' || inSwitchWindow(active);
  }

  /** On record and told when it changes; what is seen again is only dated. */
  async #remember(secret: SecretRecord, before: DriftRecord | null, after: DriftRecord, claim: Claim): Promise<void> {
    const { store, alerts, audit, log } = this.#parts;
    const turned = (before?.state === 'drifted') !== (after.state === 'drifted');
    if (turned) await audit.append(this.#entry(secret, after));
    await store.commit([{ collection: 'drift', id: secret.id, record: after }], { fences: [claim] });
    const condition = driftCondition(secret.id);
    if (after.state === 'drifted') {
      if (turned) log.warn({ secret: secret.name, versionId: after.versionId }, driftSentence(secret.name));
      await alerts.raise(condition, { secretId: secret.id, text: driftSentence(secret.name) });
    } else if (after.state === 'in-sync') await alerts.resolve(condition);
  }

  #entry({ name }: SecretRecord, { state, versionId, reason }: DriftRecord): AuditEntry {
    return {
      time: this.#parts.clock.now(),
      kind: 'engine',
      action: state === 'drifted' ? 'rekey:DriftFound' : 'rekey:DriftOver',
      principal: ENGINE,
      accessKeyId: null,
      address: null,
      requestId: null,
      resource: name,
      versionId,
      outcome: state === 'drifted' ? 'failed' : 'allowed',
      detail: reason,
    };
  }
}

/** What a person reads who is told of it. */
export function driftSentence(name: string): string {
  return `The target refuses the current value of ${name}, and no rotation of ours did that: run \`rekey repair ${name}\` to set it there again, or put the value it accepts now.`;
}
