import { RekeyError, type RotationFunction, type SecretRecord } from '@rekey/core';
import type { HolderRecord } from '../../store/collections.ts';
import type { Attendance } from '../holders/attendance.ts';
import type { Holds } from '../order/hold.ts';
import type { LoginBudget } from '../target/login-budget.ts';
import type { TargetProofs } from '../target/target-proof.ts';
import { withDeadline } from './deadline.ts';
import { failureOf } from './failure.ts';
import type { HeldSecret } from './held-secrets.ts';
import { CURRENT_CHANGED } from './promotion.ts';
import type { Rotating } from './rotating.ts';
import type { StepFailure } from './rotation-change.ts';
import type { JournalParts, RotationJournal } from './rotation-journal.ts';

/** Where holders are asked for. */
export interface HolderList {
  /** Since when they could come by. */
  readonly attendance: Pick<Attendance, 'since'>;
  /** Everybody seen with any version of the secret. */
  list(secretId: string): Promise<readonly HolderRecord[]>;
}

export interface RunnerParts extends JournalParts {
  readonly journal: RotationJournal;
  readonly proofs: TargetProofs;
  readonly budget: LoginBudget;
  readonly holders: HolderList;
  readonly holds: Holds;
  /** How long one call of a rotation function may take; milliseconds. */
  readonly stepTimeout: number;
  /** The same for functions that lack a fence: shorter than the claim. */
  readonly fencelessStepTimeout: number;
}

/** One rotation, as it was just read, in the hands of a worker that holds its claim. */
export interface Work {
  readonly parts: RunnerParts;
  readonly held: HeldSecret;
  readonly rotationFunction: RotationFunction;
  readonly secret: SecretRecord;
  readonly entry: Rotating;
}

export type Answer<T> =
  | { readonly answer: T }
  /** `unanswered`: we stopped waiting, so that nobody knows what it came to. */
  | { readonly failure: StepFailure; readonly unanswered: boolean };

/**
 * Calls the rotation function within its time. What fails at the target is an answer, classed; what fails on our side
 * (store, escrow journal, lost claim) is thrown, since it says nothing about the target.
 */
export async function ask<T>(work: Work, what: string, call: (signal: AbortSignal) => Promise<T>): Promise<Answer<T>> {
  const { parts, held, rotationFunction } = work;
  const fenceless = rotationFunction.lacks.fence !== undefined;
  const milliseconds = fenceless ? parts.fencelessStepTimeout : parts.stepTimeout;
  // Whoever stood still for longer than the claim hears that it is lost only later: nothing is begun without it.
  if (parts.clock.now() >= held.claim.until) throw lostClaim(work.secret.name);
  held.trouble = null;
  let given: AbortSignal | null = null;
  try {
    const named = `${what} of ${rotationFunction.name}`;
    const timed = (signal: AbortSignal) => {
      given = signal;
      return call(signal);
    };
    return { answer: await withDeadline(parts.clock, { milliseconds, signal: held.signal, what: named }, timed) };
  } catch (error) {
    if (held.trouble !== null && !isCurrentChanged(held.trouble)) throw held.trouble;
    if (held.signal.aborted) throw lostClaim(work.secret.name);
    const unanswered = (given as AbortSignal | null)?.aborted ?? false;
    return { failure: failureOf(error, what), unanswered };
  }
}

/** Somebody moved *current* just before we would have: no failure, the machine looks again and says so. */
export function isCurrentChanged(error: unknown): boolean {
  return error instanceof RekeyError && error.reason === CURRENT_CHANGED;
}

function lostClaim(secretName: string): RekeyError {
  return new RekeyError('conflict', `The claim on ${secretName} was lost; another server goes on with its rotation.`, {
    reason: 'claim-lost',
  });
}
