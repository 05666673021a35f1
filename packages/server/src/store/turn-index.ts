import type { RotationRecord } from '@rekey/core';

type Facts = Pick<
  RotationRecord,
  'cause' | 'state' | 'nextAttemptAt' | 'waitingFor' | 'startedAt' | 'setStartedAt' | 'promotedAt' | 'dueBy'
>;

/** What is left to do then is to revoke a value that nobody uses. */
const GIVEN_UP: ReadonlySet<RotationRecord['state']> = new Set(['rolled-back', 'abandoned']);
const ASKED: ReadonlySet<RotationRecord['cause']> = new Set(['drift', 'rollback', 'manual']);

/**
 * What goes before everything else, as far as time alone does not change it. 1: a target was told of a value that is not
 * in use yet, so that applications may be refused, or a value leaked. 2: somebody waits for it. Null: it takes its turn.
 */
export function urgencyOf({ cause, state, setStartedAt, promotedAt }: Facts): 1 | 2 | null {
  if (promotedAt !== null || GIVEN_UP.has(state)) return null;
  if (cause === 'breach' || (setStartedAt !== null && cause !== 'adopt')) return 1;
  return ASKED.has(cause) ? 2 : null;
}

/**
 * Index values by which a long queue is read in the order of turns: what is urgent by when it goes on, and by its deadline
 * what was never begun and waits for nothing but a place.
 *
 * @param sortable a time as text that sorts
 */
export function turnIndex(record: Facts, sortable: (time: number) => string): Readonly<Record<string, string>> {
  const { nextAttemptAt, state, startedAt, waitingFor, dueBy = null } = record;
  if (nextAttemptAt === null) return {};
  const urgency = urgencyOf(record);
  if (urgency !== null) return { urgent: `${urgency}/${sortable(nextAttemptAt)}` };
  const waitsForPlace = state === 'due' && startedAt === null && waitingFor === null && dueBy !== null;
  return waitsForPlace ? { deadline: sortable(dueBy) } : {};
}
