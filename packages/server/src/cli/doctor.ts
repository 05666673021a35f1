import { RekeyError } from '@rekey/core';
import type { Command } from 'commander';
import { DEFAULT_DATA_FOLDER } from '../config/config.ts';
import { type Check, checkHealth } from '../opening/health-checks.ts';
import { createOutput, table } from './output.ts';

/** `rekey doctor`: what could go wrong on this machine, before it does. */
export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('check clock, key file, disk, store, audit and ports')
    .option('--data <dir>', 'data folder', process.env.REKEY_DATA ?? DEFAULT_DATA_FOLDER)
    .option('--endpoint <url>', 'address of a running server', process.env.REKEY_ENDPOINT)
    .option('--json', 'print one JSON document instead of text', false)
    .action(doctor);
}

async function doctor(options: { data: string; endpoint?: string; json: boolean }): Promise<void> {
  const output = createOutput(options.json);
  const checks = await checkHealth({ dataFolder: options.data, endpoint: options.endpoint ?? null });
  output.result(checks, () => describeChecks(checks));
  const failed = checks.filter((check) => check.outcome === 'trouble');
  if (failed.length > 0)
    throw new RekeyError('invalid-state', `${failed.length} of ${checks.length} checks found trouble.`);
}

function describeChecks(checks: readonly Check[]): string {
  return table([['CHECK', 'OUTCOME', 'WHAT'], ...checks.map((check) => [check.name, check.outcome, check.sentence])]);
}
