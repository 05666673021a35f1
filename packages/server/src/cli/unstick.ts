import type { RotationRecord } from '@rekey/core';
import type { Command } from 'commander';
import { connect, secretPath, type WhereOptions } from './connection.ts';
import { createOutput, printable } from './output.ts';
import { withCommonOptions } from './program.ts';
import { describeRecord } from './rotation-text.ts';

const HELP = `
Tries the pending value, then the current one, within the budget of logins:
  pending accepted                      a rotation tests it and promotes it
  pending refused, current accepted     the label pending is taken off; the value is kept
  anything else                         is said, and nothing is changed`;

interface UnstickAnswer {
  readonly outcome: 'nothing-pending' | 'promoting' | 'dropped' | 'left';
  readonly sentence: string;
  readonly versionId: string | null;
  readonly seen: Readonly<Record<string, string>>;
  readonly rotation: RotationRecord | null;
}

/** `rekey unstick NAME`: explains and resolves a pending version that was left behind. */
export function addUnstick(program: Command): void {
  withCommonOptions(program.command('unstick <name>'))
    .description('explain and resolve a pending version that was left behind')
    .addHelpText('after', HELP)
    .action(unstick);
}

async function unstick(name: string, options: WhereOptions & { readonly json: boolean }): Promise<void> {
  const output = createOutput(options.json);
  const connection = await connect(options);
  const answer = (await connection.ask('POST', secretPath(name, 'unstick'))) as unknown as UnstickAnswer;
  output.result(answer, () => describeUnsticking(name, answer, Date.now()));
}

/** What was seen, what was done, and what is left to do. */
export function describeUnsticking(name: string, answer: UnstickAnswer, now: number): string {
  const seen = Object.entries(answer.seen).map(([value, outcome]) => `${value} ${outcome}`);
  return [
    `${printable(name)}: ${printable(answer.sentence)}`,
    ...(answer.versionId === null ? [] : [`  version    ${printable(answer.versionId)}`]),
    ...(seen.length === 0 ? [] : [`  seen       ${seen.join(', ')}`]),
    ...(answer.rotation === null ? [] : [`  rotation   ${describeRecord(answer.rotation, now)}`]),
  ].join('\n');
}
