import type { Command } from 'commander';
import { connect, type WhereOptions } from './connection.ts';
import { createOutput, printable, table } from './output.ts';
import { withCommonOptions } from './program.ts';

interface QuarantineAnswer {
  readonly quarantine: string | null;
  readonly report: readonly { readonly name: string; readonly outcome: string; readonly sentence: string }[];
}

/** `rekey quarantine status|end`. */
export function addQuarantine(program: Command): void {
  const quarantine = program.command('quarantine').description('the state after a restore, in which nothing rotates');
  withCommonOptions(quarantine.command('status')).description('what the restore found').action(status);
  withCommonOptions(quarantine.command('end'))
    .description('let rotations begin again')
    .option('--despite-findings', 'end it although some current values do not log in', false)
    .action(end);
}

async function status(options: WhereOptions & { json: boolean }): Promise<void> {
  const output = createOutput(options.json);
  const answer = (await (await connect(options)).native('GET', '/rekey/quarantine')) as unknown as QuarantineAnswer;
  output.result(answer, () =>
    answer.quarantine === null
      ? 'not in quarantine'
      : [
          `in quarantine: ${printable(answer.quarantine)}`,
          ...(answer.report.length === 0
            ? []
            : [
                table([
                  ['SECRET', 'OUTCOME', 'WHAT TO DO'],
                  ...answer.report.map((row) => [row.name, row.outcome, row.sentence]),
                ]),
              ]),
        ].join('\n'),
  );
}

async function end(options: WhereOptions & { json: boolean; despiteFindings: boolean }): Promise<void> {
  const output = createOutput(options.json);
  const { despiteFindings } = options;
  const answer = await (await connect(options)).native('POST', '/rekey/quarantine/end', { despiteFindings });
  output.result(answer, () =>
    answer.ended === false ? 'not in quarantine: there is none to end' : 'quarantine ended; rotations go on',
  );
}
