import type {
  RotationRecord,
  RotationState,
  RotationStep,
  RotatorErrorClass,
  StepRecord,
  StepReport,
} from '@rekey/core';
import { hasGivenValue, isTemporary } from './cause.ts';

/**
 * The changes a rotation's record goes through, pure: each takes the record and returns it as it is afterwards. What
 * is durable about a rotation is this record and nothing else.
 */

/** Attempts kept from the beginning and from the end; between them a rotation that retried for days repeats itself. */
export const FIRST_STEPS_KEPT = 20;
export const LAST_STEPS_KEPT = 30;

export const ENDED: ReadonlySet<RotationState> = new Set(['done', 'rolled-back', 'abandoned']);
export const PROMOTED: ReadonlySet<RotationState> = new Set(['promoted', 'retiring', 'done']);

/** A failure as it goes into the record: one sentence, never a value. */
export interface StepFailure {
  readonly errorClass: RotatorErrorClass;
  readonly message: string;
  readonly nextAction: string | null;
  /** For a conflict raised by the fence: the newer number found at the target. */
  readonly observedFence: number | null;
  /** For a refused login: it was the admin credential's. */
  readonly refusedAdmin?: boolean;
}

/** The step is about to be tried; recorded before it is. */
export function intending(record: RotationRecord, step: RotationStep, now: number): RotationRecord {
  return {
    ...record,
    doing: { step, startedAt: now },
    startedAt: record.startedAt ?? now,
    setStartedAt: step === 'set' ? (record.setStartedAt ?? now) : record.setStartedAt,
    waitingFor: null,
  };
}

/** The step is done; `state` is what is durably true now. */
export function stepDone(
  record: RotationRecord,
  state: RotationState,
  report: StepReport,
  now: number,
  reason: string | null = null,
): RotationRecord {
  return {
    ...inState(record, state, now),
    strategy: report.strategy ?? record.strategy,
    steps: withAttempt(record, { outcome: 'done', errorClass: null, reason, findings: report.findings }, now),
  };
}

/** The step failed. With `inDoubt` it stays marked as being done: nobody knows what the target holds. */
export function stepFailed(
  record: RotationRecord,
  failure: StepFailure,
  now: number,
  { inDoubt = false }: { readonly inDoubt?: boolean } = {},
): RotationRecord {
  const { errorClass, message } = failure;
  const attempt = { outcome: inDoubt ? ('unknown' as const) : ('failed' as const), errorClass, reason: message };
  return {
    ...record,
    doing: inDoubt ? record.doing : null,
    attempts: record.attempts + 1,
    lastErrorClass: errorClass,
    lastError: message,
    steps: withAttempt(record, { ...attempt, findings: [] }, now),
  };
}

/** A new state, reached at once: nothing is being tried and nothing waited for. */
export function inState(record: RotationRecord, state: RotationState, now: number): RotationRecord {
  return {
    ...record,
    state,
    doing: null,
    attempts: 0,
    nextAttemptAt: now,
    waitingFor: null,
    lastErrorClass: null,
    lastError: null,
  };
}

export function waiting(
  record: RotationRecord,
  until: number,
  why: string,
  heldBy: RotationRecord['heldBy'] = null,
): RotationRecord {
  return { ...record, nextAttemptAt: until, waitingFor: why, heldBy };
}

/** A person is needed; `why` ends with what to do. */
export function blocked(record: RotationRecord, why: string): RotationRecord {
  return { ...record, state: 'blocked', doing: null, nextAttemptAt: null, waitingFor: why };
}

export function ended(
  record: RotationRecord,
  state: 'done' | 'rolled-back' | 'abandoned',
  now: number,
  why: string | null = null,
): RotationRecord {
  const end = { ...record, state, doing: null, nextAttemptAt: null, endedAt: now, waitingFor: why };
  if (state === 'done' || !leavesLogin(record)) return end;
  return { ...end, leftover: 'accepted', attempts: 0, nextAttemptAt: now + record.settings.overlap };
}

/**
 * Where two values may be valid at once, the target may hold one that never became current, and would keep it until the
 * next rotation. It is revoked by itself an overlap later, as any value that is not in use.
 */
function leavesLogin(record: RotationRecord): boolean {
  const { strategy, promotedAt } = record;
  const besides = strategy !== null && strategy !== 'single-user';
  return besides && promotedAt === null && wasTold(record) && !hasGivenValue(record);
}

/**
 * True where the target was given this very value, or may have been, whatever logins have said of it since: behind a
 * pooler a value that was taken is refused for a while.
 */
export function wasTold(record: RotationRecord): boolean {
  return (
    record.inherited === true ||
    record.setStartedAt !== null ||
    setsOfValue(record).some(({ outcome }) => outcome !== 'failed')
  );
}

/** Another value is to be made: no target has heard of it. */
export function untold(record: RotationRecord, now: number): RotationRecord {
  return { ...inState(record, 'due', now), setStartedAt: null, inherited: false };
}

/** Attempts to set the value as it is: one that was rejected before was another. */
export function setsOfValue({ steps }: RotationRecord): readonly StepRecord[] {
  const made = steps.findLastIndex(({ step, outcome }) => step === 'create' && outcome === 'done');
  return steps.slice(made + 1).filter(({ step }) => step === 'set');
}

/** The target took the new value and *current* points at it: the old one is now the one that must go. */
export function promoted(record: RotationRecord, now: number): RotationRecord {
  const { setStartedAt, strategy, settings } = record;
  const window = strategy === 'single-user' && setStartedAt !== null ? now - setStartedAt : null;
  return {
    ...stepDone(record, 'promoted', { findings: [], strategy }, now),
    promotedAt: now,
    retireAt: now + (strategy === 'single-user' ? 0 : settings.overlap),
    switchWindow: window,
  };
}

/** The target was proven not to have taken the new value, so that its switch window was not opened. */
export function notTaken(record: RotationRecord): RotationRecord {
  return { ...record, state: 'created', doing: null, setStartedAt: null };
}

/**
 * A person asks for another try: from the first step, with the value that was recorded. What was proven since stays
 * true in the record (promotion, what is set), steps that were done are done again and find it so.
 */
export function resumed(record: RotationRecord, currentVersionId: string | null, now: number): RotationRecord {
  const state = record.promotedAt !== null ? 'promoted' : 'due';
  const previousVersionId = record.promotedAt !== null ? record.previousVersionId : currentVersionId;
  return { ...inState(record, state, now), previousVersionId };
}

/**
 * True while the target may refuse what applications hold as *current*: one password, changed by `set` and not yet
 * promoted. A function that does not say its strategy is taken to have one password only. What sets *current* itself (a
 * repair) locks nobody out, whatever becomes of it.
 */
export function inSwitchWindow(record: RotationRecord): boolean {
  if (isTemporary(record)) return false;
  return (
    hasOnePassword(record) && record.setStartedAt !== null && record.promotedAt === null && !ENDED.has(record.state)
  );
}

export function hasOnePassword({ strategy }: RotationRecord): boolean {
  return strategy === 'single-user' || strategy === null;
}

/** How often a step failed with a class since the rotation began, as far as its history is kept. */
export function failuresOf(record: RotationRecord, step: RotationStep, errorClass: RotatorErrorClass): number {
  return record.steps.filter((attempt) => attempt.step === step && attempt.errorClass === errorClass).length;
}

/** Notes that a step recorded as being done came to no recorded end: the server stopped, or lost its claim. */
export function interrupted(record: RotationRecord, now: number): RotationRecord {
  const told =
    record.steps.at(-1)?.startedAt === record.doing?.startedAt && record.steps.at(-1)?.step === record.doing?.step;
  if (record.doing === null || told) return record;
  const reason = 'Interrupted: the server stopped or lost its claim.';
  return { ...record, steps: withAttempt(record, { outcome: 'unknown', errorClass: null, reason, findings: [] }, now) };
}

/** Notes by which case an attempt of unknown outcome was taken up again. */
export function takenUpBy(record: RotationRecord, recovery: string): RotationRecord {
  const last = record.steps.at(-1);
  if (last?.outcome !== 'unknown' || last.recovery !== undefined) return record;
  return { ...record, steps: [...record.steps.slice(0, -1), { ...last, recovery }] };
}

function withAttempt(
  record: RotationRecord,
  result: Pick<StepRecord, 'outcome' | 'errorClass' | 'reason' | 'findings'>,
  now: number,
): readonly StepRecord[] {
  if (record.doing === null) return record.steps;
  const { step, startedAt } = record.doing;
  const steps = [...record.steps, { step, attempt: record.attempts + 1, startedAt, finishedAt: now, ...result }];
  if (steps.length <= FIRST_STEPS_KEPT + LAST_STEPS_KEPT) return steps;
  return [...steps.slice(0, FIRST_STEPS_KEPT), ...steps.slice(-LAST_STEPS_KEPT)];
}
