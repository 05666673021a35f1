import type { Caller, RotationRecord, SecretRecord } from '@rekey/core';
import type { Unstuck } from '../engine/unstick.ts';
import type { ServiceParts } from './parts.ts';
import { markedForDeletion } from './refusals.ts';
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
      const rotation = await this.#parts.corrections.rollback(id, caller.principal.arn);
      trail.versionId = rotation.versionId;
      return { secret, rotation };
    });
  }

  /** Begins to set the current value at its target again. */
  repair(caller: Caller, secretId: string): Promise<BegunCorrection> {
    const action = 'rekey:RepairSecret';
    return this.#cases.onSecret({ caller, action, secretId }, async ({ id, record: secret }, trail) => {
      const rotation = await this.#parts.corrections.repair(id, caller.principal.arn);
      trail.versionId = rotation.previousVersionId;
      return { secret, rotation };
    });
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
