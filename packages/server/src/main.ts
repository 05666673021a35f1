import { readFileSync } from 'node:fs';
import { type AddCommand, createProgram, runProgram } from './cli/program.ts';

/** Entry of the `rekey` command: sets the exit code when the command has ended. */
export async function main(words: readonly string[]): Promise<void> {
  const description = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  process.exitCode = await runProgram(createProgram(description.version, await commandsFor(words)), words);
}

/** A server is started without the code of the other commands. */
async function commandsFor([first]: readonly string[]): Promise<readonly AddCommand[]> {
  if (first !== 'serve') return (await import('./cli/commands.ts')).COMMANDS;
  return [(await import('./cli/serve.ts')).addServe];
}
