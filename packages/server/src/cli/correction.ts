import type { RotationRecord } from '@rekey/core';
import type { Command } from 'commander';
import { connect, secretPath, type WhereOptions } from './connection.ts';
import { createOutput } from './output.ts';
import { withCommonOptions } from './program.ts';
import { describeRecord } from './rotation-text.ts';
import { refuseFailed, waitForPromotion } from './rotation-wait.ts';

interface Options extends WhereOptions {
  readonly json: boolean;
  readonly wait: boolean;
  readonly timeout: string;
}

/** A command that begins a correction of a secret and waits for it if told to. */
export interface CorrectionCommand {
  /** The command, and the last part of the path in the native face. */
  readonly verb: 'rollback' | 'repair';
  readonly description: string;
  readonly help: string;
  /** What came of it, in one sentence. */
  summary(name: string, ended: RotationRecord): string;
}

export function addCorrection(program: Command, correction: CorrectionCommand): void {
  const { verb, description, help } = correction;
  withCommonOptions(program.command(`${verb} <name>`))
    .description(description)
    .option('--wait', 'show each step and wait for the end', false)
    .option('--timeout <seconds>', 'with --wait: give up waiting (it goes on by itself)', '300')
    .addHelpText('after', help)
    .action((name: string, options: Options) => correct(correction, name, options));
}

async function correct({ verb, summary }: CorrectionCommand, name: string, options: Options): Promise<void> {
  const output = createOutput(options.json);
  const connection = await connect(options);
  const answer = await connection.native('POST', secretPath(name, verb));
  const begun = answer.rotation as RotationRecord;
  if (!options.wait) {
    output.result(answer, () => `${name}: ${verb} ${describeRecord(begun, Date.now())}`);
    return;
  }
  output.progress(`${name}: ${verb} #${begun.number} begun`);
  const ended = await waitForPromotion(connection, name, begun, output, Number(options.timeout) * 1000);
  refuseFailed(name, ended);
  output.result({ rotation: ended }, () => summary(name, ended));
}
