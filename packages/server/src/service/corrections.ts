import { type Caller, CURRENT, PREVIOUS, type RotationRecord, type SecretRecord } from '@rekey/core';
import type { Unstuck } from '../engine/correction/unstick.ts';
import { findLabelled } from '../engine/versions.ts';
import type { ServiceParts } from './parts.ts';
import { functionNotInvocable, markedForDeletion, nothingToRepair, valueLeaked } from './refusals.ts';
import type { UseCases } from './use-case.ts';

export interface BegunCorrection {
  readonly secret: SecretRecord;
  readonly rotation: RotationRecord;
}

/** Use cases that bring a secret and its target together again, when a person asks. */
export class CorrectionCases {
  readonly #parts: ServiceParts;
  readonly #cases: UseCases;

  constructor(parts: ServiceParts, cases: UseCases) {
    this.#parts = parts;
    this.#cases = cases;
  }

  /** Begins the way back to the value before, at the target and in the labels. */
  rollback(caller: Caller, secretId: string): Promise<BegunCorrection> {
    const action = 'rekey:RollBackSecret';
    return this.#cases.onSecret({ caller, action, secretId }, async ({ id, record: secret }, trail) => {
      await this.#refuseLeaked(secret);
      const rotation = await this.#parts.corrections.rollback(id, caller.principal.arn);
      trail.versionId = rotation.versionId;
      return { secret, rotation };
    });
  }

  /** What leaked and was replaced is not to come back by a way that is meant for mistakes. */
  async #refuseLeaked(secret: SecretRecord): Promise<void> {
    const previous = findLabelled(secret, PREVIOUS)?.id ?? null;
    if (previous === null) return;
    const current = findLabelled(secret, CURRENT)?.id ?? null;
    const { fingerprints } = this.#parts.breach;
    if (await fingerprints.bringsBackLeaked(secret.id, previous, current)) throw valueLeaked(secret.name);
  }

  /** Begins to set the current value at its target again. */
  repair(caller: Caller, secretId: string): Promise<BegunCorrection> {
    const action = 'rekey:RepairSecret';
    return this.#cases.onSecret({ caller, action, secretId }, async ({ id, record: secret }, trail) => {
      await this.#refuseWithoutTarget(secret);
      const rotation = await this.#parts.corrections.repair(id, caller.principal.arn);
      trail.versionId = rotation.previousVersionId;
      return { secret, rotation };
    });
  }

  /** A value that no target knows cannot be set at one. A function that cannot name its target may have one. */
  async #refuseWithoutTarget({ arn, name, rotation }: SecretRecord): Promise<void> {
    const functionArn = rotation?.functionArn ?? null;
    if (functionArn === null) return;
    const found = this.#parts.findFunction(functionArn);
    if (found === null) throw functionNotInvocable(functionArn, this.#parts.rotators);
    if (found.target !== undefined && (await found.target(arn)) === null) throw nothingToRepair(name);
  }

  /** Explains a leftover pending version from what its target accepts, and resolves it where that is known. */
  unstick(caller: Caller, secretId: string): Promise<Unstuck> {
    const action = 'rekey:UnstickSecret';
    return this.#cases.onSecret({ caller, action, secretId }, async ({ id, record }, trail) => {
      if (record.deletedAt !== null) throw markedForDeletion(record.name);
      const unstuck = await this.#parts.unstick.unstick(id, caller.principal.arn);
      trail.versionId = unstuck.versionId;
      return unstuck;
    });
  }
}
