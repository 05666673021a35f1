import type { RotationRecord } from '@rekey/core';
import type { Claim } from '../../store/driver.ts';
import type { LoginCharge } from '../target/login-budget.ts';

/** A secret this worker holds the claim of, and the rotation it is at. */
export interface HeldSecret {
  readonly secretId: string;
  /** As last renewed. */
  claim: Claim;
  /** The rotation's record as last written; null before it was read. */
  record: RotationRecord | null;
  /** What went wrong on our side (store, escrow journal) inside a call of the rotation function; says nothing about the target. */
  trouble: unknown;
  /** A login that was counted with the last commit, and comes next. */
  prepaid: LoginCharge | null;
  /** Aborts when the claim was lost or the worker must let go. */
  readonly signal: AbortSignal;
}

/** The secrets this worker holds. Writes of rotation functions are let through for these only, under their claim. */
export class HeldSecrets {
  readonly #bySecret = new Map<string, HeldSecret>();

  find(secretId: string): HeldSecret | null {
    return this.#bySecret.get(secretId) ?? null;
  }

  add(held: HeldSecret): void {
    this.#bySecret.set(held.secretId, held);
  }

  remove(held: HeldSecret): void {
    if (this.#bySecret.get(held.secretId) === held) this.#bySecret.delete(held.secretId);
  }
}

/** Key of the claim that all rotations of a secret share: they never run side by side. */
export function claimKey(secretId: string): string {
  return `rotation/${secretId}`;
}
