import {
  formatDuration,
  type RotationRecord,
  type RotationSettings,
  type SecretRotation,
  type StepRecord,
} from '@rekey/core';
import type { DriftRecord } from '../store/collections.ts';
import { printable, relativeTime, table } from './output.ts';

/** Answer of `GET /rekey/secrets/<name>/rotation`, as far as the texts need it. */
export interface RotationAnswer {
  readonly name?: string;
  readonly rotation?: SecretRotation | null;
  readonly active?: RotationRecord | null;
  readonly queued?: RotationRecord | null;
  readonly recent?: readonly RotationRecord[];
  readonly drift?: DriftRecord | null;
  readonly withoutTarget?: boolean;
  readonly due?: {
    readonly due: boolean;
    readonly reasons: readonly { readonly reason: string; readonly sentence: string }[];
  };
}

/** How a secret's rotation stands, for a person. */
export function describeRotation(answer: RotationAnswer, now: number): string {
  const { rotation } = answer;
  const name = printable(answer.name ?? '');
  if (rotation === null || rotation === undefined)
    return `${name}: no rotation configured; \`rekey rotation set ${name} --rotator …\` does it`;
  return [
    `${name}: ${describeConfigured(rotation)}`,
    `  strategy   ${rotation.settings.strategy}${rotation.settings.usernameMayChange ? ' (the username may change)' : ''}`,
    ...describeOldValue(rotation.settings, answer.withoutTarget ?? false),
    ...(rotation.settings.via === null ? [] : [`  via        ${printable(rotation.settings.via)}`]),
    ...describeGate(rotation.settings),
    `  rotated    ${relativeTime(rotation.lastRotatedAt, now)}`,
    `  next       ${rotation.plannedAt === null ? 'not planned' : relativeTime(rotation.plannedAt, now)}`,
    `  at target  ${describeDrift(answer.drift ?? null, now)}`,
    ...(answer.due?.reasons ?? []).map(
      (entry) => `  ${answer.due?.due ? 'due      ' : 'not due  '}  ${printable(entry.sentence)}`,
    ),
    ...(answer.active ? [`  running    ${describeRecord(answer.active, now)}`] : []),
    ...(answer.queued ? [`  queued     ${describeRecord(answer.queued, now)}`] : []),
    ...describeRecent(answer.recent ?? [], now),
  ].join('\n');
}

/** Said where no target knows the value: there is neither a window nor an overlap. */
export const NOTHING_REFUSES = 'nothing refuses the old value: no target knows it';

function describeOldValue(settings: RotationSettings, withoutTarget: boolean): readonly string[] {
  if (withoutTarget) return [`  old value  ${NOTHING_REFUSES}`];
  return [`  overlap    ${formatDuration(settings.overlap)}`, `  retired    ${describeRetirement(settings)}`];
}

function describeGate({ requires = [], green = 1, soak = 86_400_000 }: RotationSettings): readonly string[] {
  if (requires.length === 0) return [];
  const times = green === 1 ? 'rotated well once' : `rotated well ${green} times in a row`;
  return [`  gate       after ${requires.map(printable).join(', ')} ${times}, and ${formatDuration(soak)} later`];
}

/** When the old value ends, after its overlap. */
function describeRetirement({ retireWithin }: RotationSettings): string {
  if (retireWithin == null) return 'when every holder has moved, at the latest after 24 overlaps or half an interval';
  return `when every holder has moved, at the latest ${formatDuration(retireWithin)} after promotion`;
}

/** Whether the target still accepts what is current, and since when that is known. */
export function describeDrift(drift: DriftRecord | null, now: number): string {
  if (drift === null) return 'not looked at yet';
  const since = drift.state === 'in-sync' ? '' : ` since ${relativeTime(drift.since, now)}: ${printable(drift.reason)}`;
  return `${drift.state}${since} (looked ${relativeTime(drift.lookedAt, now)})`;
}

/** One line: number, state, what it waits for. */
export function describeRecord(record: RotationRecord, now: number): string {
  const waits = record.waitingFor === null ? '' : `: ${printable(record.waitingFor)}`;
  const error =
    record.lastError === null || record.state === 'done'
      ? ''
      : ` (last error, ${record.lastErrorClass}: ${printable(record.lastError)})`;
  const next =
    record.nextAttemptAt !== null && record.nextAttemptAt > now
      ? `, goes on ${record.nextAttemptAt - now < 1_000 ? 'within a second' : relativeTime(record.nextAttemptAt, now)}`
      : '';
  return `#${record.number} ${record.state}${next === '' ? waits : waits.replace(/\.$/, '')}${error}${next}`;
}

/** Most of what a rotation waits for says so itself. */
export function describeWait(waitingFor: string): string {
  return /^Waits /.test(waitingFor) ? printable(waitingFor) : `waits: ${printable(waitingFor)}`;
}

/** One line of progress for a finished attempt at a step. */
export function describeStep(step: StepRecord): string {
  const seconds = ((step.finishedAt - step.startedAt) / 1000).toFixed(2);
  const reason = step.reason === null ? '' : `: ${printable(step.reason)}`;
  const found = step.findings.map(
    (finding) =>
      `\n    ${finding.kind}: ${printable(finding.text)}${finding.statement === null ? '' : ` → ${printable(finding.statement)}`}`,
  );
  return `${step.step.padEnd(7)} ${step.outcome}${step.errorClass === null ? '' : ` (${step.errorClass})`} in ${seconds} s${reason}${found.join('')}`;
}

function describeConfigured(rotation: SecretRotation): string {
  const how = `${rotation.functionArn ?? 'no function'}, ${describeRule(rotation)}`;
  return rotation.enabled ? `rotates with ${how}` : `rotation is off (it was ${how})`;
}

function describeRule(rotation: SecretRotation): string {
  const { rule } = rotation;
  if (rule.kind === 'manual') return 'when asked';
  if (rule.kind === 'every') return `every ${formatDuration(rule.every)}`;
  if (rule.kind === 'days') return `every ${rule.days} days`;
  return rule.expression;
}

function describeRecent(recent: readonly RotationRecord[], now: number): string[] {
  if (recent.length === 0) return [];
  const rows = recent.map((record) => [
    `  #${record.number}`,
    record.state,
    record.cause,
    relativeTime(record.createdAt, now),
    record.promotedAt === null || record.startedAt === null
      ? ''
      : `${((record.promotedAt - record.startedAt) / 1000).toFixed(2)} s to promotion`,
    record.oldRefusedAt === null ? '' : 'old value proven refused',
  ]);
  return ['', table([['  NUMBER', 'STATE', 'CAUSE', 'BEGUN', 'TIME', 'PROOF'], ...rows])];
}
