import type { Command } from 'commander';
import { DEFAULT_DATA_FOLDER, readConfig, type ServeFlags } from '../config/config.ts';
import { initialiseDataFolder } from '../opening/data-folder.ts';
import { showRootCredentials } from '../opening/root-credentials.ts';
import { createOutput } from './output.ts';
import { SEAL_ENVIRONMENT, withSealOptions } from './seal-options.ts';

/** `rekey init`: creates a store and its key file, and root's credentials. */
export function addInit(program: Command): void {
  withSealOptions(program.command('init'))
    .description('create a store, its key file (or another seal) and the root credentials')
    .option('--data <dir>', 'data folder to create', process.env.REKEY_DATA ?? DEFAULT_DATA_FOLDER)
    .option('--json', 'print one JSON document instead of text', false)
    .addHelpText(
      'after',
      `
Root credentials are shown once on a terminal; without one they are written to root-credentials.env (mode 0600) in
the data folder. Who may read the folder and its key needs none: every command takes --data. When they are lost, start
the server with new ones in REKEY_ROOT_ACCESS_KEY_ID and REKEY_ROOT_SECRET_ACCESS_KEY; the old ones end then.

Environment:
${SEAL_ENVIRONMENT}`,
    )
    .action(init);
}

async function init(options: ServeFlags & { data: string; json: boolean }): Promise<void> {
  const output = createOutput(options.json);
  const config = await readConfig({ ...options, init: true }, process.env);
  const created = await initialiseDataFolder(config, process.env);
  const told = await showRootCredentials(created.root, {
    dataFolder: options.data,
    terminal: output.terminal && !options.json,
    write: (text) => process.stdout.write(text),
  });
  const { keyFile, seal } = created;
  output.result({ dataFolder: options.data, keyFile, seal, rootCredentialsFile: told.file }, () =>
    [
      `created ${options.data}`,
      keyFile === null
        ? `sealed by ${seal} (without it nothing can be read)`
        : `key file: ${keyFile} (keep a copy apart from the backups: without it nothing can be read)`,
      ...(told.file === null
        ? []
        : [
            `root credentials: ${told.file} (mode 0600; take them to where you keep such things, then delete the file)`,
            `use them: set -a; . ${told.file}; set +a`,
          ]),
      `start it: rekey serve --data ${options.data}`,
    ].join('\n'),
  );
}
