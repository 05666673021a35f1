import {
  type Clock,
  messageOf,
  type ProbeResult,
  type RotationFunction,
  RotatorError,
  type SecretRecord,
} from '@rekey/core';
import { withDeadline } from '../rotation/deadline.ts';
import { accountsOf, outcomeOf } from './login.ts';
import type { LoginBudget } from './login-budget.ts';

export interface TargetLookParts {
  readonly clock: Clock;
  readonly budget: LoginBudget;
}

/** How long one login may take when nobody is locked out meanwhile. Milliseconds. */
export const LOOK_TIME = 10_000;

/** Fresh logins outside of a rotation (drift, a person who asks), within the budget of their account. */
export class TargetLook {
  readonly #parts: TargetLookParts;

  constructor(parts: TargetLookParts) {
    this.#parts = parts;
  }

  /**
   * Tries the value of a version. Never throws for what the target answered or failed to answer; a spent budget and a
   * function that cannot look are `unclear`, and say so.
   */
  async look(
    rotationFunction: RotationFunction,
    secret: SecretRecord,
    versionId: string,
    signal: AbortSignal = new AbortController().signal,
  ): Promise<ProbeResult> {
    const { budget } = this.#parts;
    const { name, lacks, probe } = rotationFunction;
    if (probe === undefined) return { outcome: 'unclear', reason: lacks.probe ?? `${name} cannot look at its target.` };
    const { own } = await accountsOf(rotationFunction, secret, versionId);
    const login = () => this.#login(rotationFunction, secret, versionId, signal);
    if (own === null) return (await login()).result;
    const charged = await budget.charge(own);
    if ('spentUntil' in charged) return { outcome: 'unclear', reason: budget.sentence(charged.spentUntil) };
    const { result, unanswered } = await login();
    await budget.settle(charged.charge, unanswered ? 'unanswered' : outcomeOf(result));
    return result;
  }

  /** Why the admin credential of a secret may not be used now; null when it may. */
  async adminHeldBack(
    rotationFunction: RotationFunction,
    secret: SecretRecord,
    versionId: string,
  ): Promise<string | null> {
    const { admin } = await accountsOf(rotationFunction, secret, versionId);
    const until = admin === null ? null : await this.#parts.budget.spentUntil(admin);
    return until === null ? null : this.#parts.budget.sentence(until);
  }

  /** Waits for what uses the admin credential, and counts it where that was refused. */
  async notingAdmin<T>(
    rotationFunction: RotationFunction,
    secret: SecretRecord,
    versionId: string,
    asked: Promise<T>,
  ): Promise<T> {
    try {
      return await asked;
    } catch (error) {
      if (error instanceof RotatorError && error.class === 'refused-login') {
        const { admin } = await accountsOf(rotationFunction, secret, versionId);
        if (admin !== null) await this.#parts.budget.note(admin, 'refused');
      }
      throw error;
    }
  }

  async #login(
    { probe }: RotationFunction,
    { name, arn }: SecretRecord,
    versionId: string,
    signal: AbortSignal,
  ): Promise<{ readonly result: ProbeResult; readonly unanswered: boolean }> {
    let given: AbortSignal | null = null;
    const unable: ProbeResult = { outcome: 'unclear', reason: 'There is no probe.' };
    try {
      const timing = { milliseconds: LOOK_TIME, signal, what: `The login of ${name}` };
      const result = await withDeadline(this.#parts.clock, timing, async (within) => {
        given = within;
        return (await probe?.(arn, versionId, { signal: within })) ?? unable;
      });
      return { result, unanswered: false };
    } catch (error) {
      const told = error instanceof RotatorError ? messageOf(error) : `The login of ${name} failed unexpectedly.`;
      const unanswered = (given as AbortSignal | null)?.aborted ?? false;
      return { result: { outcome: 'unreachable', reason: told }, unanswered };
    }
  }
}
