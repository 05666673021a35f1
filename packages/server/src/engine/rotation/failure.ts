import {
  messageOf,
  RekeyError,
  type RotationRecord,
  type RotationStep,
  RotatorError,
  type RotatorErrorClass,
} from '@rekey/core';
import { leavesDoubt, type RetryTable, retryAfter, tableOf, URGENT_RETRY } from './retry.ts';
import {
  blocked,
  failuresOf,
  inSwitchWindow,
  notTaken,
  type StepFailure,
  stepFailed,
  waiting,
} from './rotation-change.ts';

/** What a person does about a class of failure when the rotator has nothing better to say. */
const NEXT_ACTIONS: Readonly<Record<RotatorErrorClass, string>> = {
  unreachable: 'Check that the target runs and can be reached from here.',
  'refused-login': 'Put the credential that the target accepts now (or mend the admin credential), then rotate again.',
  'missing-privilege': 'Grant what is missing, then rotate again.',
  'rejected-value': 'Relax the target’s password rule or make the rotator follow it, then rotate again.',
  'rejected-form': 'Correct the secret, then rotate again.',
  conflict: 'Find out who else changes this credential, then rotate again.',
  bug: 'See the log of the rotation function, then rotate again.',
};

/** Three times a newer number at the target: another rekey (a copy of this store, say) writes there too. */
const FENCE_CONFLICTS = 3;

/** Any thrown thing as a failure of a step; of what is not ours only the kind of error is told, never its text. */
export function failureOf(error: unknown, what: string): StepFailure {
  if (error instanceof RotatorError) {
    const { class: errorClass, message, nextAction, observedFence, refusedAdmin } = error;
    return { errorClass, message, nextAction, observedFence, ...(refusedAdmin && { refusedAdmin }) };
  }
  const told = error instanceof RekeyError ? messageOf(error) : `${what} failed unexpectedly (${kindOf(error)})`;
  return { errorClass: 'bug', message: told, nextAction: null, observedFence: null };
}

export function failure(errorClass: RotatorErrorClass, message: string, nextAction: string | null = null): StepFailure {
  return { errorClass, message, nextAction, observedFence: null };
}

/** True when a newer number at the target refused us, and ours may be raised above it (after a restored backup). */
export function mayRaiseNumber(record: RotationRecord, step: RotationStep, { observedFence }: StepFailure): boolean {
  return (
    observedFence !== null && observedFence > record.number && failuresOf(record, step, 'conflict') < FENCE_CONFLICTS
  );
}

/**
 * The record after a failed step: in doubt, set back to what is true, waiting for its next attempt, or blocked. Pure.
 *
 * @param facts.canProbe whether doubt about an earlier attempt has been resolved by looking
 */
export function afterFailure(
  record: RotationRecord,
  step: RotationStep,
  failed: StepFailure,
  { now, canProbe }: { readonly now: number; readonly canProbe: boolean },
): RotationRecord {
  const fenced = failed.observedFence !== null;
  const inDoubt = leavesDoubt(step, failed.errorClass) && !fenced;
  const after = setBack(stepFailed(record, failed, now, { inDoubt }), step, failed, { inDoubt, canProbe });
  const verdict = retryAfter(tableFor(after, failed), failuresSoFar(after, step, failed));
  if (verdict.retry === 'never') return blocked(after, sentence(failed));
  return waiting(after, now + verdict.milliseconds, sentence(failed));
}

/** The sentence a person reads while it waits or is blocked: what failed, and what to do. */
export function sentence({ message, errorClass, nextAction }: StepFailure): string {
  const ending = /[.!?]$/.test(message) ? '' : '.';
  return `${message}${ending} ${nextAction ?? NEXT_ACTIONS[errorClass]}`;
}

function setBack(
  record: RotationRecord,
  step: RotationStep,
  { errorClass }: StepFailure,
  { inDoubt, canProbe }: { readonly inDoubt: boolean; readonly canProbe: boolean },
): RotationRecord {
  const refused = step === 'test' && errorClass === 'refused-login';
  // With one password a refusal is looked into (./rotation.ts); a function that says neither can only be called again.
  const isLookedInto = record.strategy === 'single-user' || (record.strategy === null && canProbe);
  if (refused && !isLookedInto) return notTaken(record);
  const knownUnchanged = step === 'set' && !inDoubt && (canProbe || !everInDoubt(record));
  return knownUnchanged ? { ...record, setStartedAt: null } : record;
}

function everInDoubt(record: RotationRecord): boolean {
  return record.steps.some(({ step, outcome }) => step === 'set' && outcome === 'unknown');
}

/** Functions that do not say their strategy cost a call each: they are hurried only by a target that comes back. */
function tableFor(record: RotationRecord, failed: StepFailure): RetryTable {
  const hurts = record.strategy === 'single-user' || failed.errorClass === 'unreachable';
  return inSwitchWindow(record) && hurts ? URGENT_RETRY : tableOf(failed);
}

/** Steps that set the machine back would count from one again: they are counted over the whole rotation. */
function failuresSoFar(record: RotationRecord, step: RotationStep, { errorClass }: StepFailure): number {
  const setsBack = errorClass === 'refused-login' || errorClass === 'rejected-value' || errorClass === 'conflict';
  return setsBack ? Math.max(1, failuresOf(record, step, errorClass)) : record.attempts;
}

function kindOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}
