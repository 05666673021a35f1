import type { RotationRecord, RotationStep, RotatorErrorClass } from '@rekey/core';
import { named } from '../rotation/retirement-sentence.ts';
import { ENDED } from '../rotation/rotation-change.ts';

/** What an alert is about. `condition-…` is anything raised by name: overdue, scheduler not running, disk full. */
export type AlertKind =
  | 'rotation-failing'
  | 'rotation-blocked'
  | 'rotation-recovered'
  | 'rotation-rolled-back'
  | 'rotation-abandoned'
  | 'holders-left-behind'
  | 'condition-raised'
  | 'condition-resolved';

/** What a message says about the rotation it concerns. */
export interface AlertSubject {
  readonly rotationId: string;
  readonly rotationNumber: number;
  readonly step: RotationStep | null;
  readonly errorClass: RotatorErrorClass | null;
}

/** A change of what stands, and what is told about it. */
export interface AlertDecision {
  readonly condition: string;
  readonly becomes: 'standing' | 'over';
  readonly text: string;
  /** What it is told as; null: it is not. */
  readonly kind: AlertKind | null;
  /** False: told only if it changes what stands. */
  readonly always: boolean;
}

export function failingCondition(secretId: string): string {
  return `rotation-failing/${secretId}`;
}
export function blockedCondition(secretId: string): string {
  return `rotation-blocked/${secretId}`;
}
export function leftBehindCondition(secretId: string): string {
  return `holders-left-behind/${secretId}`;
}

/**
 * What a change of a rotation's record means for the alerts of its secret. The first failure is told, those after it
 * are not; being blocked is told whatever was told before; recovery is told when a new value is in use or the rotation
 * is done, not at the first step that works again. When a person unblocks a rotation nothing is told, but recovery will be.
 */
export function alertsFor(before: RotationRecord | null, after: RotationRecord): readonly AlertDecision[] {
  if (after.leftBehind !== undefined && before?.leftBehind === undefined) return [leftBehind(after, after.leftBehind)];
  const wasBlocked = before?.state === 'blocked';
  if (after.state === 'blocked')
    return wasBlocked ? [] : [over(failing(after)), standing(blocked(after), problem(after), 'rotation-blocked')];
  if (ENDED.has(after.state)) return ENDED.has(before?.state ?? 'due') ? [] : end(after);
  if (wasBlocked) return [over(blocked(after)), standing(failing(after), problem(before), null)];
  if (after.state === 'promoted' && before?.state !== 'promoted')
    return after.cause === 'rollback' ? wentBack(after) : recovery(after);
  return isFailing(after) && !isFailing(before) ? [standing(failing(after), problem(after), 'rotation-failing')] : [];
}

/** What the messages say about the rotation. */
export function subjectOf(record: RotationRecord): AlertSubject {
  return {
    rotationId: record.id,
    rotationNumber: record.number,
    step: record.doing?.step ?? record.steps.at(-1)?.step ?? null,
    errorClass: record.lastErrorClass,
  };
}

function end(after: RotationRecord): readonly AlertDecision[] {
  if (after.state === 'done') return [...recovery(after), ...nobodyBehind(after)];
  if (after.state === 'abandoned') return bothOver(after, `${title(after)} was abandoned.`, 'rotation-abandoned');
  const why = after.waitingFor ?? after.lastError ?? 'the value in use was not changed.';
  const end = KINDS[after.cause] === undefined ? 'was rolled back' : 'was given up';
  const [first, second] = bothOver(after, `${title(after)} ${end}: ${why}`, 'rotation-rolled-back');
  return [{ ...first, always: true }, second];
}

/** Told also where nothing stood: whoever uses the secret has another value again. */
function wentBack(after: RotationRecord): readonly AlertDecision[] {
  const text = `${after.secretName} was rolled back: the value before is current again (asked by ${after.askedBy}).`;
  const [first, second] = bothOver(after, text, 'rotation-rolled-back');
  return [{ ...first, always: true }, second];
}

function recovery(after: RotationRecord): readonly AlertDecision[] {
  const how = after.state === 'promoted' ? 'the new value is in use' : 'it is done';
  return bothOver(after, `${title(after)} works again: ${how}.`, 'rotation-recovered');
}

/** Told before the old value is revoked: whoever is named will be refused from then on. */
function leftBehind(after: RotationRecord, holders: readonly string[]): AlertDecision {
  const text = `${title(after)} retires the old value at its deadline although it is still held by ${named(holders)}: see that they take the new one (\`rekey holders ${after.secretName}\`).`;
  const condition = leftBehindCondition(after.secretId);
  return { condition, becomes: 'standing', text, kind: 'holders-left-behind', always: true };
}

/** The next value that is retired with nobody left behind ends it. */
function nobodyBehind(after: RotationRecord): readonly AlertDecision[] {
  if (after.leftBehind !== undefined || after.promotedAt === null) return [];
  const text = `${title(after)} retired its old value with nobody left behind.`;
  const condition = leftBehindCondition(after.secretId);
  return [{ condition, becomes: 'over', text, kind: 'condition-resolved', always: false }];
}

/** Whichever of them stood; it is told once. */
function bothOver(after: RotationRecord, text: string, kind: AlertKind): readonly [AlertDecision, AlertDecision] {
  const decision = { becomes: 'over' as const, text, kind, always: false };
  return [
    { ...decision, condition: failing(after) },
    { ...decision, condition: blocked(after) },
  ];
}

function problem(record: RotationRecord): string {
  const step = subjectOf(record).step;
  const where = step === null ? '' : ` at the step ${step}`;
  const state = record.state === 'blocked' ? 'is blocked' : 'failed';
  return `${title(record)} ${state}${where}: ${record.waitingFor ?? record.lastError ?? 'see its history.'}`;
}

function title({ number, secretName, cause }: RotationRecord): string {
  return `${KINDS[cause] ?? 'Rotation'} ${number} of ${secretName}`;
}

const KINDS: Partial<Record<RotationRecord['cause'], string>> = { rollback: 'Rollback', drift: 'Repair' };

function isFailing(record: RotationRecord | null): boolean {
  return record !== null && record.attempts > 0 && record.lastErrorClass !== null && !ENDED.has(record.state);
}

function failing({ secretId }: RotationRecord): string {
  return failingCondition(secretId);
}
function blocked({ secretId }: RotationRecord): string {
  return blockedCondition(secretId);
}
function over(condition: string): AlertDecision {
  return { condition, becomes: 'over', text: '', kind: null, always: false };
}
function standing(condition: string, text: string, kind: AlertKind | null): AlertDecision {
  return { condition, becomes: 'standing', text, kind, always: false };
}
