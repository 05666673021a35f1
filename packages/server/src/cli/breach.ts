import { isUtf8 } from 'node:buffer';
import { RekeyError } from '@rekey/core';
import type { Command } from 'commander';
import type { BreachView } from '../service/breach.ts';
import { BREACH_HEADING, breachRow, breachText, needsPerson } from './breach-text.ts';
import { type Connection, connect, secretPath, type WhereOptions } from './connection.ts';
import { readHidden, readStandardInput, wholeNumber } from './input.ts';
import { createOutput, type Output, printable, table, wrongUse } from './output.ts';
import { withCommonOptions } from './program.ts';

interface Options extends WhereOptions {
  readonly json: boolean;
  readonly valueFromStdin: boolean;
  readonly overlap?: string;
  readonly sessions?: string;
  readonly note?: string;
  readonly wait: boolean;
  readonly timeout: string;
}

const HELP = `
A leaked value is rotated out of turn, before windows, freezes and running overlaps; its old value stays valid for
--overlap (configured: breach.overlap, 60s), sessions opened with it are ended unless they are to be kept, and a login
must be refused in the end. A value that was seen refused before is reported, not rotated.

With --value-from-stdin nobody needs to know which secret it was: values, also old ones, are found by keyed hash, and a
database's secret by its password alone. The value is never an argument, and is kept nowhere.

  rekey breach prod/orders/db --wait
  pbpaste | rekey breach --value-from-stdin --note 'found in a build log' --wait`;

/** `rekey breach NAME | --value-from-stdin`, `rekey breach show ID`, `rekey breach list`. */
export function addBreach(program: Command): void {
  const breach = withCommonOptions(program.command('breach [name]'))
    .description('a value leaked: make it refused, and report who held it')
    .option('--value-from-stdin', 'find the secrets by what leaked, read from standard input', false)
    .option('--overlap <duration>', 'how long the leaked value stays valid beside the new one; 0s for not at all')
    .option('--sessions <end|keep>', 'whether sessions opened with the leaked value are ended')
    .option('--note <text>', 'where it was found, for the report; never the value')
    .option('--wait', 'show what is done, wait for the end and print the report', false)
    .option('--timeout <seconds>', 'with --wait: give up waiting (the work goes on)', '300')
    .addHelpText('after', HELP)
    .action(report);
  withCommonOptions(breach.command('show <id>'))
    .description('the report of a breach: what was done, and who held what leaked')
    .action((id: string, _: unknown, command: Command) => show(id, command.optsWithGlobals()));
  withCommonOptions(breach.command('list'))
    .description('breaches that were reported, newest first')
    .action((_: unknown, command: Command) => list(command.optsWithGlobals()));
}

async function report(name: string | undefined, options: Options): Promise<void> {
  if ((name === undefined) !== options.valueFromStdin)
    throw wrongUse('name the secret that leaked, or give the value with --value-from-stdin: one of both.');
  const patience = wholeNumber('--timeout', options.timeout, 1, 86_400) * 1000;
  const output = createOutput(options.json);
  const wish = wishOf(options);
  const value = name === undefined ? await readLeaked() : null;
  const connection = await connect(options);
  const answer =
    name === undefined
      ? await connection.native('POST', '/rekey/breaches', { ...wish, value })
      : await connection.native('POST', secretPath(name, 'breach'), wish);
  const begun = answer.breach as BreachView;
  if (!options.wait) {
    output.result(answer, () => `breach ${begun.id} is being worked on: rekey breach show ${begun.id}`);
    return;
  }
  output.progress(`breach ${begun.id}`);
  const ended = await waitForEnd(connection, begun, output, patience);
  output.result({ breach: ended }, () => breachText(ended));
  const stuck = ended.cases.filter(needsPerson);
  if (stuck.length > 0)
    throw new RekeyError(
      'invalid-state',
      `${stuck.map((one) => one.secretName).join(', ')}: somebody has to act, see above.`,
      {
        reason: 'needs-person',
      },
    );
}

async function waitForEnd(
  connection: Connection,
  begun: BreachView,
  output: Output,
  patience: number,
): Promise<BreachView> {
  const deadline = Date.now() + patience;
  const told = new Map<string, string>();
  for (;;) {
    const { breach } = (await connection.native('GET', `/rekey/breaches/${begun.id}`)) as unknown as {
      breach: BreachView;
    };
    for (const { secretId, secretName, sentence } of breach.cases) {
      if (told.get(secretId) !== sentence) output.progress(`  ${printable(secretName)}: ${printable(sentence)}`);
      told.set(secretId, sentence);
    }
    if (breach.state === 'done' || (breach.cases.length > 0 && breach.cases.every((one) => one.state !== 'at-work')))
      return breach;
    if (Date.now() > deadline)
      throw new RekeyError(
        'unavailable',
        `breach ${breach.id} is still being worked on after ${patience / 1000} s; it goes on by itself, see rekey breach show ${breach.id}`,
      );
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function show(id: string, options: Options): Promise<void> {
  const output = createOutput(options.json);
  const answer = await (await connect(options)).native('GET', `/rekey/breaches/${encodeURIComponent(id)}`);
  output.result(answer, () => breachText(answer.breach as BreachView));
}

async function list(options: Options): Promise<void> {
  const output = createOutput(options.json);
  const answer = await (await connect(options)).native('GET', '/rekey/breaches');
  const breaches = answer.breaches as readonly BreachView[];
  output.result(answer, () =>
    breaches.length === 0
      ? 'no breach was ever reported'
      : table([BREACH_HEADING, ...breaches.map((one) => breachRow(one, Date.now()))]),
  );
}

function wishOf({ overlap, sessions, note }: Options) {
  if (sessions !== undefined && sessions !== 'end' && sessions !== 'keep')
    throw wrongUse('--sessions takes end or keep.');
  return {
    ...(overlap === undefined ? {} : { overlap }),
    ...(sessions === undefined ? {} : { sessions }),
    ...(note === undefined ? {} : { note }),
  };
}

/** A terminal is asked without echo, so that the value is in no history of a shell. */
async function readLeaked(): Promise<string> {
  const value = process.stdin.isTTY
    ? await readHidden('Leaked value (not shown): ')
    : inText(await readStandardInput());
  if (value.trim() === '') throw wrongUse('standard input is empty; give the value that leaked.');
  return value;
}

/** Bytes that are no text travel in base64, by which they are found: decoded they would be another value, held by nobody. */
function inText(bytes: Buffer): string {
  return bytes.toString(isUtf8(bytes) ? 'utf8' : 'base64');
}
