import type { RotationRecord } from '@rekey/core';
import type { Command } from 'commander';
import { connect, secretPath, type WhereOptions } from './connection.ts';
import { counted, createOutput, printable, relativeTime } from './output.ts';
import { withCommonOptions } from './program.ts';
import { describeRecord, describeRotation } from './rotation-text.ts';

interface StatusAnswer {
  readonly version: string;
  readonly quarantined: boolean;
  readonly secrets: number;
  readonly running: readonly RotationRecord[];
  readonly waiting: readonly RotationRecord[];
  readonly retiring: readonly RotationRecord[];
  readonly leftover: readonly RotationRecord[];
  readonly blocked: readonly RotationRecord[];
  readonly due: readonly { readonly name: string; readonly plannedAt: number; readonly sentence: string }[];
  readonly postponed: readonly { readonly name: string; readonly plannedAt: number; readonly sentence: string }[];
  readonly next: readonly { readonly name: string; readonly plannedAt: number }[];
  readonly drifted: readonly { readonly name: string; readonly since: number; readonly reason: string }[];
  readonly keys: string | null;
  readonly alerts: readonly { readonly text: string; readonly since: number }[];
}

/** `rekey status [NAME]`: what is due, running, blocked, and what to do. */
export function addStatus(program: Command): void {
  withCommonOptions(program.command('status [name]'))
    .description('what is due, running or blocked, and what to do about it')
    .action(status);
}

async function status(name: string | undefined, options: WhereOptions & { json: boolean }): Promise<void> {
  const output = createOutput(options.json);
  const connection = await connect(options);
  if (name !== undefined) {
    const answer = await connection.native('GET', secretPath(name, 'rotation'));
    output.result(answer, () => describeRotation(answer, Date.now()));
    return;
  }
  const answer = (await connection.native('GET', '/rekey/status')) as unknown as StatusAnswer;
  output.result(answer, () => describeStatus(answer, Date.now()));
}

/** The whole server for a person: troubles first. */
export function describeStatus(answer: StatusAnswer, now: number): string {
  const record = (entry: RotationRecord) => `  ${printable(entry.secretName)}  ${describeRecord(entry, now)}`;
  const section = (title: string, lines: readonly string[]) => (lines.length === 0 ? [] : ['', title, ...lines]);
  const troubles = answer.blocked.length + answer.alerts.length;
  return [
    `rekey ${answer.version}: ${counted(answer.secrets, 'secret')}, ${counted(answer.running.length, 'rotation')} running, ${troubles === 0 ? 'no trouble' : `${troubles} in trouble`}`,
    ...(answer.quarantined ? ['', 'QUARANTINE: nothing rotates; see `rekey quarantine status`'] : []),
    ...(answer.keys === null ? [] : ['', `Keys: ${printable(answer.keys)}; see \`rekey keys status\``]),
    ...section('Blocked (needs a person)', answer.blocked.map(record)),
    ...section(
      'Alerts that stand',
      answer.alerts.map((alert) => `  since ${relativeTime(alert.since, now)}: ${printable(alert.text)}`),
    ),
    ...section(
      'Drifted (the target refuses what is current; `rekey repair NAME`)',
      answer.drifted.map(
        (row) => `  ${printable(row.name)}  since ${relativeTime(row.since, now)}: ${printable(row.reason)}`,
      ),
    ),
    ...section('Waiting', answer.waiting.map(record)),
    ...section('Running', answer.running.map(record)),
    ...section('Old value still valid (overlap)', answer.retiring.map(record)),
    ...section('Given up, its value still accepted at the target', answer.leftover.map(record)),
    ...section(
      'Due',
      answer.due.map((entry) => `  ${printable(entry.name)}  ${printable(entry.sentence)}`),
    ),
    ...section(
      'Postponed',
      answer.postponed.map((entry) => `  ${printable(entry.name)}  ${printable(entry.sentence)}`),
    ),
    ...section(
      'Next',
      answer.next.map((entry) => `  ${printable(entry.name)}  ${relativeTime(entry.plannedAt, now)}`),
    ),
  ].join('\n');
}
