import { messageOf } from '@rekey/core';
import { available } from '../scripts/test-services/postgres.ts';
import { Closing } from './closing.ts';
import { Demonstration } from './demonstration.ts';
import { HELP, type Options, readOptions, WrongUse } from './options.ts';
import { type Display, plainDisplay, terminalDisplay } from './screen.ts';
import { describeSummary, exitCode, type Summary } from './summary.ts';
import { startSystem } from './system.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const EXIT = { success: 0, failure: 1, wrongUse: 2, interrupted: 130 } as const;

/** The program behind `npm start`; gives the exit code. */
export async function main(words: readonly string[]): Promise<number> {
  try {
    const options = readOptions(words);
    if (options.help) {
      process.stdout.write(HELP);
      return EXIT.success;
    }
    const { available: startable, why } = available('embedded');
    if (!startable) throw new Error(why);
    return await demonstrate(options, stopSignal());
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    return error instanceof WrongUse ? EXIT.wrongUse : EXIT.failure;
  }
}

async function demonstrate(options: Options, signal: AbortSignal): Promise<number> {
  const display = displayFor(options);
  const closing = new Closing();
  let summary: Summary;
  try {
    display.event('Starting PostgreSQL and rekey …');
    const system = await startSystem(options, closing, signal);
    summary = await new Demonstration(system, options, display).run(signal);
  } catch (error) {
    if (signal.aborted) return EXIT.interrupted;
    throw error;
  } finally {
    display.end();
    await closing.run();
  }
  process.stdout.write(options.json ? `${JSON.stringify(summary)}\n` : `\n${describeSummary(summary)}\n`);
  return exitCode(summary, signal.aborted);
}

/** With `--json` standard output is the summary's alone. */
function displayFor(options: Options): Display {
  if (options.json) return plainDisplay(process.stderr);
  return process.stdout.isTTY ? terminalDisplay(process.stdout) : plainDisplay(process.stdout);
}

/** One Ctrl-C may arrive twice: from the terminal and, handed on, from npm. */
const SAME_KEY_PRESS_MS = 1_000;

/**
 * Aborted by the first Ctrl-C, after which everything is closed in order. At the second the process ends at once, and
 * the sandbox's watcher ends and removes what is left. Aborted too when nobody reads our output any more.
 */
function stopSignal(): AbortSignal {
  const stop = new AbortController();
  let firstAt = Number.NaN;
  const onSignal = () => {
    if (performance.now() - firstAt > SAME_KEY_PRESS_MS) process.exit(EXIT.interrupted);
    if (stop.signal.aborted) return;
    firstAt = performance.now();
    stop.abort();
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => stop.abort());
  return stop.signal;
}
