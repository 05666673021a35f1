import type { RotationRecord, RotationState, RotationStep } from '@rekey/core';
import { findVersion } from '../versions.ts';
import type { Decision, RotationFacts } from './decision.ts';

/** What is done about a step that was begun and of whose end nothing is recorded. */
export interface RecoveryCase {
  readonly name: string;
  readonly state: RotationState;
  readonly doing: RotationStep;
  /** Null: the case does not apply. */
  decide(record: RotationRecord, facts: RotationFacts): Decision | null;
}

/**
 * Every way in which a rotation is found after a crash, a lost reply or a lost claim, and what follows. The first case
 * that matches and applies decides. All roll forward with the recorded value.
 */
export const RECOVERY_CASES: readonly RecoveryCase[] = [
  {
    // The value was made durable and only its mention in the record is missing.
    name: 'value-recorded',
    state: 'due',
    doing: 'create',
    decide: (record, { secret }) =>
      secret !== null && findVersion(secret, record.versionId)?.hasValue
        ? { do: 'advance', to: 'created', why: 'Its value was recorded before the interruption.' }
        : null,
  },
  {
    // No target heard of a value that was not recorded (promise 2): making another loses nothing.
    name: 'no-value-recorded',
    state: 'due',
    doing: 'create',
    decide: () => ({ do: 'step', step: 'create' }),
  },
  {
    // The target may or may not have taken the value: ask it.
    name: 'set-in-doubt',
    state: 'created',
    doing: 'set',
    decide: (record, { abilities, now }) =>
      abilities.probe ? (pausedUntil(record, now) ?? { do: 'resolve', doubt: 'set-cut-short' }) : null,
  },
  {
    // It cannot be asked; setting the same value again reaches the same end (port, first obligation).
    name: 'set-again',
    state: 'created',
    doing: 'set',
    decide: (record, { now }) => pausedUntil(record, now) ?? { do: 'step', step: 'set' },
  },
  {
    // A test changes nothing that matters, and what it repairs it repairs again.
    name: 'test-again',
    state: 'set',
    doing: 'test',
    decide: () => ({ do: 'step', step: 'test' }),
  },
  {
    // Labels and record move in one commit: if the record does not say promoted, no label has moved. How long it was
    // cut short nobody knows (a restored store has been cut short since its backup): what was tested then is tested again.
    name: 'not-promoted',
    state: 'tested',
    doing: 'finish',
    decide: (record) => (wasCutShort(record) ? { do: 'test-again' } : { do: 'step', step: 'finish' }),
  },
  {
    // Revoking what is revoked is success; the probe behind it proves it either way.
    name: 'revoke-again',
    state: 'retiring',
    doing: 'revoke',
    decide: (record, { now }) => pausedUntil(record, now) ?? { do: 'step', step: 'revoke' },
  },
];

/** What to do about a step cut short; null when none was. */
export function recover(record: RotationRecord, facts: RotationFacts): Decision | null {
  for (const recovery of RECOVERY_CASES) {
    if (recovery.state !== record.state || recovery.doing !== record.doing?.step) continue;
    const decision = recovery.decide(record, facts);
    if (decision !== null) return { ...decision, recovery: recovery.name };
  }
  return null;
}

/** False while the step only follows the one before it without a pause. */
function wasCutShort({ steps, doing }: RotationRecord): boolean {
  const last = steps.at(-1);
  return last?.outcome === 'unknown' && last.step === doing?.step;
}

/** A doubtful outcome that was recorded waits for its time; one left by a crash has none and is looked into at once. */
function pausedUntil({ nextAttemptAt, waitingFor }: RotationRecord, now: number): Decision | null {
  if (nextAttemptAt === null || nextAttemptAt <= now) return null;
  return { do: 'wait', until: nextAttemptAt, why: waitingFor ?? 'Waits for its next attempt.' };
}
