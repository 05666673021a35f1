import type { Command } from 'commander';
import { DEFAULT_DATA_FOLDER } from '../config/config.ts';
import { migrateStore } from '../opening/migration.ts';
import { PostgresAddress } from '../store/postgres/address.ts';
import { counted, createOutput, wrongUse } from './output.ts';

interface Options {
  readonly data: string;
  readonly to?: string;
  readonly json: boolean;
}

/** `rekey migrate --to postgres://…|folder`: moves a store between the drivers. */
export function addMigrate(program: Command): void {
  program
    .command('migrate')
    .description('move the store of a data folder into PostgreSQL, or from there into the folder')
    .option(
      '--data <dir>',
      'data folder; keeps key, escrow journal and audit log',
      process.env.REKEY_DATA ?? DEFAULT_DATA_FOLDER,
    )
    .option('--to <place>', 'postgres://USER@HOST:PORT/DATABASE (also REKEY_MIGRATE_TO), or `folder`')
    .option('--json', 'print one JSON document instead of text', false)
    .addHelpText(
      'after',
      `
All servers on the source must be stopped. The source is not changed: keep it until the new place has proven itself, and never
start a server on it again, since two servers that rotate the same credentials undo each other's work. What arrives is
compared with what was sent before anything can open it. Interrupted, run it again.

Environment:
  REKEY_MIGRATE_TO  the --to with its password; or give that as PGPASSWORD or in a passfile (PGPASSFILE)
  REKEY_STORE_URL   with --to folder: the store to be moved, unless rekey.yaml in the folder names it`,
    )
    .action(migrate);
}

async function migrate(options: Options): Promise<void> {
  const output = createOutput(options.json);
  const to = readTarget(options.to);
  let told = 0;
  const moved = await migrateStore({
    dataFolder: options.data,
    to,
    onProgress(done, total) {
      const percent = total === 0 ? 100 : Math.floor((100 * done) / total);
      if (percent >= told + 10) output.progress(`  ${done} of ${total} records`);
      if (percent >= told + 10) told = percent;
    },
  });
  const place = to === null ? options.data : String(to);
  output.result({ to: place, ...moved }, () =>
    [
      `${counted(moved.records, 'record')} moved to ${place} and compared (SHA-256 ${moved.digest.slice(0, 16)}…)`,
      startOf(options.data, to),
      'the source is as it was: never start a server on it again, or both rotate the same credentials',
    ].join('\n'),
  );
}

/** With user, schema and TLS options: without them the server would log in as somebody else, or in clear. */
export function startOf(dataFolder: string, to: PostgresAddress | null): string {
  return to === null
    ? `start it: take \`store\` out of rekey.yaml, then rekey serve --data ${dataFolder}`
    : `start it: rekey serve --data ${dataFolder} --store '${to.withoutPassword()}'`;
}

/** Null: into the folder. Only the environment may hold the password. */
function readTarget(flag: string | undefined): PostgresAddress | null {
  const named = flag ?? process.env.REKEY_MIGRATE_TO;
  if (named === undefined) throw wrongUse('migrate needs --to: postgres://USER@HOST:PORT/DATABASE, or folder.');
  if (named === 'folder') return null;
  const address = PostgresAddress.parse(named);
  if (flag !== undefined && address.hasPassword)
    throw wrongUse(
      '--to must not hold the password, others can read it; give it as PGPASSWORD, in a passfile (PGPASSFILE), or the whole URL as REKEY_MIGRATE_TO.',
    );
  return address;
}
