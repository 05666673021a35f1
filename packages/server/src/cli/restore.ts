import type { Command } from 'commander';
import { readConfig } from '../config/config.ts';
import type { SealFlags } from '../config/seal-settings.ts';
import { restoreDataFolder, sealOf } from '../opening/data-folder.ts';
import { createOutput, wrongUse } from './output.ts';
import { SEAL_ENVIRONMENT, withSealOptions } from './seal-options.ts';

interface Options extends SealFlags {
  readonly data?: string;
  readonly config?: string;
  readonly escrow: readonly string[];
  readonly json: boolean;
}

/** `rekey restore FILE --data NEWDIR [--key-file FILE] [--escrow FILE…]`. */
export function addRestore(program: Command): void {
  withSealOptions(program.command('restore <file>'))
    .description('make a new data folder from a backup; it starts in quarantine')
    .option('--data <dir>', 'data folder to create; must not exist or be empty')
    .option('--config <file>', 'rekey.yaml with the section `seal` of the store the backup was taken from')
    .option('--escrow <file...>', 'escrow journal of that store (default: the one beside the key file)', [])
    .option('--json', 'print one JSON document instead of text', false)
    .addHelpText(
      'after',
      `
In quarantine reads are served and nothing rotates. At its first start the server replays the escrow journal, probes
every current value, repairs or lists what no longer logs in; \`rekey quarantine status\` shows it and
\`rekey quarantine end\` lets rotation begin again.

The seal (--key-file and the others) is the one that the store had when the backup was taken.

Environment:
${SEAL_ENVIRONMENT}`,
    )
    .action(restore);
}

async function restore(file: string, options: Options): Promise<void> {
  const output = createOutput(options.json);
  if (options.data === undefined) throw wrongUse('restore needs --data NEWDIR: it never writes into a folder in use.');
  const config = await readConfig({ ...options, data: options.data }, process.env);
  const restored = await restoreDataFolder({
    file,
    dataFolder: options.data,
    seal: sealOf(config),
    escrowFiles: options.escrow,
  });
  output.result(restored, () =>
    [
      `${options.data}: restored, in quarantine; ${restored.escrowFile === null ? 'no escrow journal was found: what was rotated after the backup can only be probed' : `the escrow journal ${restored.escrowFile} will be replayed`}`,
      `start it: rekey serve --data ${options.data}`,
      `then look: rekey quarantine status --data ${options.data}`,
    ].join('\n'),
  );
}
