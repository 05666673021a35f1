import { RekeyError } from '@rekey/core';
import type { Command } from 'commander';
import { DEFAULT_DATA_FOLDER } from '../config/config.ts';
import { noteOfRunningServer } from '../host/server-note.ts';
import { type Check, checkHealth } from '../opening/health-checks.ts';
import { createOutput, table } from './output.ts';

/** `rekey doctor`: what could go wrong on this machine, before it does. */
export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('check clock, key file, disk, store, audit and ports')
    .option('--data <dir>', 'data folder', process.env.REKEY_DATA ?? DEFAULT_DATA_FOLDER)
    .option('--endpoint <url>', 'address of a running server, to compare clocks with', process.env.REKEY_ENDPOINT)
    .option(
      '--listen <host:port>',
      'address the server is to have, if not the configured one',
      process.env.REKEY_LISTEN,
    )
    .option('--config <file>', 'rekey.yaml (default: the one in the data folder)', process.env.REKEY_CONFIG)
    .option('--json', 'print one JSON document instead of text', false)
    .action(doctor);
}

interface Options {
  readonly data: string;
  readonly endpoint?: string;
  readonly listen?: string;
  readonly config?: string;
  readonly json: boolean;
}

async function doctor(options: Options): Promise<void> {
  const output = createOutput(options.json);
  const { data: dataFolder, listen, config } = options;
  const running = noteOfRunningServer(dataFolder);
  const checks = await checkHealth({
    dataFolder,
    endpoint: options.endpoint ?? null,
    running: running?.endpoint ?? null,
    flags: {
      data: dataFolder,
      ...(listen === undefined ? {} : { listen }),
      ...(config === undefined ? {} : { config }),
    },
  });
  output.result(checks, () => describeChecks(checks));
  const failed = checks.filter((check) => check.outcome === 'trouble');
  if (failed.length > 0)
    throw new RekeyError('invalid-state', `${failed.length} of ${checks.length} checks found trouble.`);
}

function describeChecks(checks: readonly Check[]): string {
  return table([['CHECK', 'OUTCOME', 'WHAT'], ...checks.map((check) => [check.name, check.outcome, check.sentence])]);
}
