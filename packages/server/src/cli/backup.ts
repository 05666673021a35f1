import { RekeyError } from '@rekey/core';
import type { Command } from 'commander';
import { DEFAULT_DATA_FOLDER, readConfig, type ServeFlags } from '../config/config.ts';
import type { BackupReport } from '../opening/backup/backup-verification.ts';
import { backupDataFolder, sealOf, writeNewFile } from '../opening/data-folder.ts';
import { openSeal } from '../seal/open-seal.ts';
import { connect, type WhereOptions } from './connection.ts';
import { counted, createOutput, printable } from './output.ts';
import { withCommonOptions } from './program.ts';
import { SEAL_ENVIRONMENT, withSealOptions } from './seal-options.ts';

/** `rekey backup FILE` and `rekey backup verify FILE`: a consistent copy while the server runs; never holds the key file. */
export function addBackup(program: Command): void {
  const command = withCommonOptions(program.command('backup <file>'))
    .description('write a consistent copy of the store to a new file, also while the server runs')
    .addHelpText(
      'after',
      '\nThe copy is sealed and does not hold the key file: keep that apart. Restore with `rekey restore`.',
    )
    .action(backup);
  withSealOptions(command.command('verify <file>'))
    .description('try a backup as a restore would, without restoring it')
    .option('--data <dir>', 'data folder of the store, where its seal is configured (default ./rekey-data)')
    .option('--config <file>', 'rekey.yaml with the section `seal`')
    .option('--escrow <file...>', 'escrow journals that a restore would replay: they are read, too', [])
    .option('--json', 'print one JSON document instead of text', false)
    .addHelpText(
      'after',
      `
Reads every page, opens the keyring and every record, looks for what belongs together, and checks the signed head of the audit
log. Exit code 1 if anything is wrong, with a sentence for each thing. Scheduled backups (section \`backup\` of rekey.yaml) are
tried so by themselves.

Environment:
${SEAL_ENVIRONMENT}`,
    )
    .action(verify);
}

async function backup(file: string, options: WhereOptions & { json: boolean }): Promise<void> {
  const output = createOutput(options.json);
  if (options.endpoint !== undefined && options.data === undefined) {
    const answer = await (await connect(options)).ask('POST', '/rekey/backup');
    await writeNewFile(file, Buffer.from(String(answer.content), 'base64'));
  } else {
    await backupDataFolder(options.data ?? DEFAULT_DATA_FOLDER, file);
  }
  output.result(
    { file },
    () => `${file}: backup written; it opens only with the key of the store (\`rekey keys status\` names it)`,
  );
}

type VerifyOptions = ServeFlags & { readonly escrow: readonly string[]; readonly json: boolean };

async function verify(file: string, _: VerifyOptions, command: Command): Promise<void> {
  const options = command.optsWithGlobals<VerifyOptions>();
  const output = createOutput(options.json);
  const { verifyBackup } = await import('../opening/backup/backup-verification.ts');
  const seal = await openSeal(sealOf(await readConfig(options, process.env)), process.env);
  const report = await verifyBackup({ file, seal, escrowFiles: options.escrow });
  output.result(report, () => describeReport(report));
  if (!report.sound)
    throw new RekeyError('integrity', `${file} is not a good backup: ${report.problems[0]}`, {
      reason: 'backup-damaged',
    });
}

/** For a person. */
function describeReport({ file, sound, problems, holdsUntil, counts, escrow }: BackupReport): string {
  const holds =
    counts === null ? null : `${counted(counts.secret ?? 0, 'secret')}, ${counted(counts.value ?? 0, 'value')}`;
  return [
    `${file}: ${sound ? 'good' : 'NOT good'}`,
    ...(holds === null ? [] : [`  holds ${holds}; everything until ${timeOf(holdsUntil)}`]),
    ...escrow.map(
      ({ file: path, later, entries, newestAt }) =>
        `  ${path}: ${counted(entries, 'value')} of rotations${entries === 0 ? '' : `, ${later} of them later than the backup, the newest of ${timeOf(newestAt)}`}`,
    ),
    ...(sound && escrow.length === 0
      ? ['  what was rotated later is only in the escrow journals: keep them with it (--escrow tries them, too)']
      : []),
    ...problems.map((problem) => `  ${printable(problem)}`),
  ].join('\n');
}

function timeOf(time: number | null): string {
  return time === null ? 'an unknown time' : new Date(time).toISOString();
}
