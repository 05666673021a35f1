import { type Command, Option } from 'commander';
import { connect, type WhereOptions } from './connection.ts';
import { createOutput, relativeTime, table } from './output.ts';
import { withCommonOptions } from './program.ts';

interface Common extends WhereOptions {
  readonly json: boolean;
}

interface SetOptions extends Common {
  readonly environment?: readonly string[];
  readonly every: string;
  readonly from: string;
  readonly until: string;
  readonly timeZone: string;
}

interface FreezesAnswer {
  readonly freezes: readonly {
    readonly name: string;
    readonly environments: readonly string[] | null;
    readonly every: string;
    readonly from: string;
    readonly until: string;
    readonly timeZone: string;
    readonly madeIn: 'configuration' | 'store';
    readonly inForceUntil: number | null;
  }[];
}

/** `rekey freeze list|set|lift`. */
export function addFreeze(program: Command): void {
  const freeze = program.command('freeze').description('ranges of the calendar in which no rotation begins');
  withCommonOptions(freeze.command('list')).description('all freezes, and which are in force').action(list);
  withCommonOptions(freeze.command('set <name>'))
    .description('make a freeze, or change one that was made so')
    .requiredOption(
      '--from <moment>',
      'first moment: "2026-12-20 18:00", with --every "12-20", "28", "Fri 18:00", "18:00"',
    )
    .requiredOption('--until <moment>', 'first moment that is free again, in the same form')
    .addOption(
      new Option('--every <turn>', 'how often it comes')
        .choices(['once', 'year', 'month', 'week', 'day'])
        .default('once'),
    )
    .option('--time-zone <zone>', 'whose clocks are meant: Europe/Berlin', 'UTC')
    .option('--environment <name...>', 'environments of rekey.yaml that it is for (all secrets if left out)')
    .action(set);
  withCommonOptions(freeze.command('lift <name>'))
    .description('end and remove a freeze that was made by `set`')
    .action(lift);
}

async function list(options: Common): Promise<void> {
  await show(options, 'GET', '/rekey/freezes');
}

async function set(name: string, options: SetOptions): Promise<void> {
  const { environment: environments, every, from, until, timeZone } = options;
  const body = { every, from, until, timeZone, ...(environments === undefined ? {} : { environments }) };
  await show(options, 'PUT', pathOf(name), body);
}

async function lift(name: string, options: Common): Promise<void> {
  await show(options, 'DELETE', pathOf(name));
}

async function show(options: Common, method: string, path: string, body?: unknown): Promise<void> {
  const output = createOutput(options.json);
  const answer = (await (await connect(options)).native(method, path, body)) as unknown as FreezesAnswer;
  output.result(answer, () => describeFreezes(answer, Date.now()));
}

function pathOf(name: string): string {
  return `/rekey/freezes/${encodeURIComponent(name)}`;
}

/** All freezes for a person. */
export function describeFreezes({ freezes }: FreezesAnswer, now: number): string {
  if (freezes.length === 0) return 'no freezes';
  const rows = freezes.map((freeze) => [
    freeze.name,
    freeze.environments?.join(', ') ?? 'all secrets',
    freeze.every,
    `${freeze.from} – ${freeze.until} ${freeze.timeZone}`,
    freeze.madeIn === 'configuration' ? 'rekey.yaml' : 'freeze set',
    freeze.inForceUntil === null ? 'no' : `ends ${relativeTime(freeze.inForceUntil, now)}`,
  ]);
  return table([['FREEZE', 'FOR', 'EVERY', 'FROM – UNTIL', 'MADE IN', 'IN FORCE'], ...rows]);
}
