import { formatDuration, type RotationSettings } from '@rekey/core';
import type { HolderRecord } from '../store/collections.ts';
import { type AdoptAnswer, describePlan } from './adopt.ts';
import { type Connection, secretPath } from './connection.ts';
import { type Output, printable, relativeTime } from './output.ts';

/** Answer of `POST /rekey/secrets/<name>/plan`. */
export interface PlanAnswer extends AdoptAnswer {
  readonly name: string;
  readonly functionArn: string;
  readonly settings: RotationSettings;
  readonly holders: readonly HolderRecord[];
  readonly inTheWay: readonly string[];
}

/** `rekey rotate NAME --dry-run`: asks what a rotation would do and prints it; changes nothing. */
export async function showPlan(connection: Connection, name: string, output: Output): Promise<void> {
  const answer = (await connection.native('POST', secretPath(name, 'plan'), {})) as unknown as PlanAnswer;
  output.result(answer, () => describePlannedRotation(answer, Date.now()));
}

/** What a rotation would do, what it lacks, and whom its end would wait for. */
export function describePlannedRotation(answer: PlanAnswer, now: number): string {
  const { probe, plan, settings } = answer;
  return [
    `${printable(answer.name)}: nothing was changed; a rotation with ${printable(answer.functionArn)} would meet this`,
    ...answer.inTheWay.map((sentence) => `  first: ${printable(sentence)}`),
    `  current value: ${probe.outcome} (${printable(probe.reason)})`,
    ...(plan === null
      ? ['  no plan: the rotation function has none, or the current value was not accepted']
      : describePlan(plan)),
    `  the old value would stay valid for ${plan?.strategy === 'single-user' ? 'no time (one password)' : formatDuration(settings.overlap)}`,
    ...describeHolders(answer.holders, now),
  ].join('\n');
}

function describeHolders(holders: readonly HolderRecord[], now: number): readonly string[] {
  if (holders.length === 0) return ['  nobody was seen with the current value'];
  return [
    `  seen with the current value (${holders.length}), and to be waited for:`,
    ...holders.map(
      ({ principal, address, lastSeenAt }) =>
        `    ${printable(principal)} from ${printable(address)}, last ${relativeTime(lastSeenAt, now)}`,
    ),
  ];
}
