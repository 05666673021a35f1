import { RekeyError, type RotationRecord, type SecretRecord } from '@rekey/core';

/** Why a rotation that is due, or asked for, does not begin now; or why an old value is not retired yet. */
export interface Hold {
  readonly by: 'freeze' | 'gate' | 'holders';
  /** When to look again: when it ends, as far as that is known. Milliseconds since the epoch. */
  readonly until: number;
  /** One sentence for people. */
  readonly sentence: string;
  /** Somebody has to do something about it. */
  readonly trouble?: boolean;
}

/** What a hold is asked about. */
export interface HoldQuestion {
  readonly now: number;
  readonly rotation: Pick<RotationRecord, 'cause' | 'override'> & Partial<Pick<RotationRecord, 'strategy'>>;
}

/** What may hold rotations back. */
export interface Holds {
  /** Whether it may begin; null if nothing is in the way. */
  onBegin(secret: SecretRecord, question: HoldQuestion): Promise<Hold | null>;
  /** Whether what is valid still may be made invalid; null if nothing is in the way. */
  onRetirement(secret: SecretRecord, question: HoldQuestion): Promise<Hold | null>;
}

/** Causes that wait: a breach, a repair and a way back are for what is wrong now; a test changes nothing. */
const HELD_CAUSES: ReadonlySet<RotationRecord['cause']> = new Set(['schedule', 'manual']);

export function mayBeHeld({ cause }: Pick<RotationRecord, 'cause'>): boolean {
  return HELD_CAUSES.has(cause);
}

/**
 * What to ask before a rotation goes on: whether it may begin, as long as its target was told nothing; whether an old
 * value may die, once the new one is in use. In between it is never held: a switch window is not left open. Pure.
 */
export function heldPhase(record: RotationRecord): 'begin' | 'retirement' | null {
  if (record.doing !== null && record.doing.step !== 'create') return null;
  if (record.state === 'retiring') return record.cause === 'breach' ? null : 'retirement';
  return record.setStartedAt === null && record.promotedAt === null && mayBeHeld(record) ? 'begin' : null;
}

/** What a person is told who asks for a rotation that is held. */
export function heldBack({ name }: SecretRecord, { by, sentence }: Hold): RekeyError {
  const way = `\`rekey rotate ${name} --override-${by} REASON\``;
  return new RekeyError('invalid-state', `${name} is not rotated now. ${sentence} If it must be: ${way}.`, {
    reason: 'rotation-held',
    facts: { name },
  });
}
