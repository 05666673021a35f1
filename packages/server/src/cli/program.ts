import { Command, CommanderError, Help, Option } from 'commander';
import { EXIT, reportFailure } from './output.ts';

const EPILOGUE = `
Finding the server:
  --endpoint URL (REKEY_ENDPOINT) speaks to a running server, with credentials as AWS's tools find them
  (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile). Root's REKEY_TOKEN is used only where there are no
  access keys, and only for what is no call of AWS's API (rotate, breach, status, keys …).
  --data DIR (REKEY_DATA, default ./rekey-data) finds the server that runs on that folder and acts as its root.

Exit codes: 0 success, 1 failure, 2 wrong use.`;

/** A command adds itself to the command line. */
export type AddCommand = (program: Command) => void;

/** The command line with the given commands. */
export function createProgram(version: string, commands: readonly AddCommand[]): Command {
  const program = new Command('rekey')
    .description('A secrets manager whose credentials never grow old.')
    .version(version)
    .showHelpAfterError('(rekey --help lists the commands)')
    .addHelpText('after', EPILOGUE)
    .configureHelp({ optionDescription: describeOption })
    .exitOverride();
  for (const add of commands) add(program);
  return program;
}

/** That a switch is off unless it is given goes without saying. */
function describeOption(this: Help, option: Option): string {
  return Help.prototype.optionDescription.call(this, option).replace(' (default: false)', '');
}

/** Adds the three options every command but `serve` has. */
export function withCommonOptions(command: Command): Command {
  return command
    .addOption(new Option('--data <dir>', 'data folder of the server').env('REKEY_DATA'))
    .addOption(new Option('--endpoint <url>', 'address of a running server').env('REKEY_ENDPOINT'))
    .option('--json', 'print one JSON document instead of text', false);
}

/** Parses, runs, prints the sentence of a failure; resolves with the exit code and never throws. */
export async function runProgram(program: Command, words: readonly string[]): Promise<number> {
  try {
    await program.parseAsync([...words], { from: 'user' });
    return Number(process.exitCode ?? EXIT.success);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.success : EXIT.wrongUse;
    return reportFailure(error, words.includes('--json'));
  }
}
