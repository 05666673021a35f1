import { type Backoff, backoffDelay, type RandomNumber } from '../delays.ts';
import type { RotatingSecret } from '../rotating-secret.ts';

/** The same version is offered again after these waits: the old value may be put back, or a replica may lag. */
const UNTIL_NEXT_LOGIN: Backoff = { first: 1_000, longest: 5_000 };

/**
 * Shared by all who want to log in with one secret: after a refusal it holds logins with the refused version back until
 * a newer version is there, or until it is time to try once more. Keeps a pool from hammering a target with a password
 * that was just refused.
 */
export class RefusalGate<T> {
  readonly #secret: RotatingSecret<T>;
  readonly #signal: AbortSignal;
  readonly #random: RandomNumber;
  #refusedVersion: string | null = null;
  #refusals = 0;
  #wait: Promise<unknown> | null = null;

  /** @param signal ends all waits. */
  constructor(secret: RotatingSecret<T>, signal: AbortSignal, random: RandomNumber) {
    this.#secret = secret;
    this.#signal = signal;
    this.#random = random;
  }

  /** True while a login with this version would be a waste. */
  holdsBack(versionId: string): boolean {
    return this.#wait !== null && this.#refusedVersion === versionId;
  }

  /** A login with this version was let in. */
  admitted(versionId: string): void {
    if (this.#refusedVersion === versionId) this.#refusals = 0;
  }

  /**
   * A login with this version was refused, or held back.
   *
   * @returns a promise that settles when trying again makes sense.
   */
  refused(versionId: string): Promise<unknown> {
    if (!this.holdsBack(versionId)) this.#close(versionId);
    return this.#wait!;
  }

  #close(versionId: string): void {
    if (this.#refusedVersion !== versionId) this.#refusals = 0;
    this.#refusedVersion = versionId;
    this.#refusals++;
    const budget = backoffDelay(UNTIL_NEXT_LOGIN, this.#refusals, this.#random);
    const wait = this.#secret
      .reread({ because: 'authentication-error', ifVersion: versionId, budget, signal: this.#signal })
      .catch(() => {})
      .finally(() => {
        if (this.#wait === wait) this.#wait = null;
      });
    this.#wait = wait;
  }
}
