import type { LoginAccounts, RotationRecord, SecretValue } from '@rekey/core';
import type { Claim } from '../../store/driver.ts';
import type { LoginCharge } from '../target/login-budget.ts';
import type { Rotating } from './rotating.ts';

/** A secret this worker holds the claim of, and the rotation it is at. */
export interface HeldSecret {
  readonly secretId: string;
  /** As last renewed. */
  claim: Claim;
  /** The rotation's record as last written, or about to be; null before it was read. */
  record: RotationRecord | null;
  /** What is ahead of the store: the next commit of the rotation brings it along. */
  unrecorded: Rotating | null;
  /** The value made for the rotation's version, while it is in the escrow journal only. */
  made: SecretValue | null;
  /** What went wrong on our side (store, escrow journal) inside a call of the rotation function; says nothing about the target. */
  trouble: unknown;
  /** A login that was counted with the last commit, and comes next. */
  prepaid: LoginCharge | null;
  /** What versions log in as, by version, as far as it was asked. */
  readonly accounts: Map<string, LoginAccounts>;
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

/** To be called with each commit of the rotation: nothing is left to be recorded. */
export function recorded(held: HeldSecret, record: RotationRecord): void {
  held.record = record;
  held.unrecorded = null;
  held.made = null;
}

/** Key of the claim that all rotations of a secret share: they never run side by side. */
export function claimKey(secretId: string): string {
  return `rotation/${secretId}`;
}
