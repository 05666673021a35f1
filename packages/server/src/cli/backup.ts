import type { Command } from 'commander';
import { DEFAULT_DATA_FOLDER } from '../config/config.ts';
import { backupDataFolder, writeNewFile } from '../opening/data-folder.ts';
import { connect, type WhereOptions } from './connection.ts';
import { createOutput } from './output.ts';
import { withCommonOptions } from './program.ts';

/** `rekey backup FILE`: a consistent copy while the server runs; never holds the key file. */
export function addBackup(program: Command): void {
  withCommonOptions(program.command('backup <file>'))
    .description('write a consistent copy of the store to a new file, also while the server runs')
    .addHelpText(
      'after',
      '\nThe copy is sealed and does not hold the key file: keep that apart. Restore with `rekey restore`.',
    )
    .action(backup);
}

async function backup(file: string, options: WhereOptions & { json: boolean }): Promise<void> {
  const output = createOutput(options.json);
  if (options.endpoint !== undefined && options.data === undefined) {
    const answer = await (await connect(options)).native('POST', '/rekey/backup');
    await writeNewFile(file, Buffer.from(String(answer.content), 'base64'));
  } else {
    await backupDataFolder(options.data ?? DEFAULT_DATA_FOLDER, file);
  }
  output.result({ file }, () => `${file}: backup written; it opens only with the key file of the store`);
}
