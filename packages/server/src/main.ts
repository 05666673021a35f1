import { readFileSync } from 'node:fs';
import { createProgram, runProgram } from './cli/program.ts';

/** Entry of the `rekey` command: sets the exit code when the command has ended. */
export async function main(words: readonly string[]): Promise<void> {
  const description = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  process.exitCode = await runProgram(createProgram(description.version), words);
}
