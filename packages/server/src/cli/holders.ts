import type { Command } from 'commander';
import type { HolderRecord } from '../store/collections.ts';
import { connect, secretPath, type WhereOptions } from './connection.ts';
import { createOutput, relativeTime, table } from './output.ts';
import { withCommonOptions } from './program.ts';

/** `rekey holders NAME`: who was seen with which version. */
export function addHolders(program: Command): void {
  withCommonOptions(program.command('holders <name>'))
    .description('who was seen using which version, and when last')
    .action(holders);
}

async function holders(name: string, options: WhereOptions & { json: boolean }): Promise<void> {
  const output = createOutput(options.json);
  const answer = await (await connect(options)).native('GET', secretPath(name, 'holders'));
  const rows = answer.holders as readonly HolderRecord[];
  const now = Date.now();
  output.result(answer, () =>
    rows.length === 0
      ? `${name}: nobody has read it yet`
      : table([
          ['ACCESS KEY', 'ADDRESS', 'VERSION', 'SINCE', 'LAST READ', 'READS', 'CLIENT'],
          ...rows.map((row) => [
            row.accessKeyId ?? '-',
            row.address,
            row.versionId,
            relativeTime(row.versionSince, now),
            relativeTime(row.lastSeenAt, now),
            String(row.reads),
            (row.userAgent ?? '').slice(0, 40),
          ]),
        ]),
  );
}
