import type { RotationCause, RotationRecord, RotationState, RotatorErrorClass } from '@rekey/core';
import { type DurationCounts, Durations } from '../../store/durations.ts';

/** States in which a rotation goes on no further by itself. */
export type RotationOutcome = Extract<RotationState, 'done' | 'blocked' | 'rolled-back' | 'abandoned'>;

type ByCause = Record<RotationCause, number>;

const noCause = (): ByCause => ({ schedule: 0, manual: 0, breach: 0, adopt: 0, drift: 0, rollback: 0 });

/** A rotation takes a second; one that waits for its target or a place takes minutes. */
const BOUNDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600];

/** What this server's rotations came to since it started, for `/metrics`. Never of which secret. */
export class RotationCounts {
  readonly #outcomes: Record<RotationOutcome, ByCause> = {
    done: noCause(),
    blocked: noCause(),
    'rolled-back': noCause(),
    abandoned: noCause(),
  };
  readonly #failures: Record<RotatorErrorClass, number> = {
    unreachable: 0,
    'refused-login': 0,
    'missing-privilege': 0,
    'rejected-value': 0,
    'rejected-form': 0,
    conflict: 0,
    bug: 0,
  };
  readonly #untilPromoted = new Durations(BOUNDS);
  #leftBehind = 0;

  /** Rotations that reached an outcome, by why they were begun; one that was blocked and went on counts in both. */
  get outcomes(): Readonly<Record<RotationOutcome, Readonly<ByCause>>> {
    return this.#outcomes;
  }

  /** Attempts that failed, or of which nobody knows, by class of error. */
  get failures(): Readonly<Record<RotatorErrorClass, number>> {
    return this.#failures;
  }

  /** From the first attempt at the first step until the new value was current. */
  get untilPromoted(): DurationCounts {
    return this.#untilPromoted.counts;
  }

  /** Holders that still had the old value at its retirement deadline. */
  get leftBehind(): number {
    return this.#leftBehind;
  }

  /** To be told of each change of a rotation's record that was committed. */
  saw(before: RotationRecord, after: RotationRecord): void {
    if (before.state !== after.state && isOutcome(after.state)) this.#outcomes[after.state][after.cause] += 1;
    const failed = failureIn(before, after);
    if (failed !== null) this.#failures[failed] += 1;
    if (before.leftBehind === undefined) this.#leftBehind += after.leftBehind?.length ?? 0;
    if (before.promotedAt === null && after.promotedAt !== null)
      this.#untilPromoted.took(after.promotedAt - (after.startedAt ?? after.createdAt));
  }
}

function isOutcome(state: RotationState): state is RotationOutcome {
  return state === 'done' || state === 'blocked' || state === 'rolled-back' || state === 'abandoned';
}

/**
 * Class of the failure that the change put on record. One before a step was begun (the target could not be looked at) raises
 * the attempts and is no step of the history; one that sets the machine back is in the history and begins the attempts anew.
 */
function failureIn(before: RotationRecord, after: RotationRecord): RotatorErrorClass | null {
  return after.attempts > before.attempts ? after.lastErrorClass : (newAttempt(before, after)?.errorClass ?? null);
}

/** The history is shortened in the middle, so that its length tells nothing. */
function newAttempt(before: RotationRecord, after: RotationRecord): RotationRecord['steps'][number] | null {
  const last = after.steps.at(-1);
  const known = before.steps.at(-1);
  if (last === undefined) return null;
  const isKnown = known?.step === last.step && known.attempt === last.attempt && known.finishedAt === last.finishedAt;
  return isKnown ? null : last;
}
