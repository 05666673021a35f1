// `npm run crash-matrix`: plays every story of the crash tests, prints what became of each as a table, and writes it to
// docs/crash-matrix.md. Exit code 1 if anything did not recover by itself.
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { messageOf } from '@rekey/core';
import { available, startPostgres } from '../../scripts/test-services/postgres.ts';
import type { Cleanup } from '../support/cleanup.ts';
import { PostgresTarget } from '../support/postgres-target.ts';
import { cutAndRecover, NETWORK_FAULTS } from './network.ts';
import { killAndRecover, type Recovered, setStage } from './play.ts';
import { STORIES } from './stories.ts';

const PAGE = new URL('../../docs/crash-matrix.md', import.meta.url);
/** Most of a play is waiting for processes to start and an overlap to end. */
const PLAYS_AT_ONCE = 3;

interface Play {
  readonly story: string;
  readonly strategy: string;
  readonly step: string;
  readonly fault: string;
  perform(cleanup: Cleanup, target: PostgresTarget): Promise<Recovered>;
}

interface Row extends Omit<Play, 'perform'> {
  readonly outcome: Recovered | { readonly failure: string };
}

function plays(words: readonly string[]): Play[] {
  const killed = STORIES.flatMap((story) =>
    story.points.flatMap((point) =>
      ['before', 'after'].map(
        (side): Play => ({
          ...{ story: story.title, strategy: story.strategy, step: point, fault: `killed ${side}` },
          perform: async (cleanup, target) =>
            killAndRecover(cleanup, await setStage(cleanup, target), story, `${side}:${point}`),
        }),
      ),
    ),
  );
  const cut = (['alternating-users', 'single-user'] as const).flatMap((strategy) =>
    NETWORK_FAULTS.map(
      (fault): Play => ({
        ...{ story: 'a rotation whose network breaks', strategy, step: 'in the middle of set', fault: fault.title },
        perform: async (cleanup, target) => cutAndRecover(cleanup, await setStage(cleanup, target), strategy, fault),
      }),
    ),
  );
  const all = [...killed, ...cut];
  return all.filter((play) => words.every((word) => Object.values(play).join(' ').includes(word)));
}

/** Plays one and tidies up behind it, whatever came of it. */
async function perform({ perform: play, ...about }: Play, target: PostgresTarget): Promise<Row> {
  const undo: (() => Promise<void>)[] = [];
  try {
    return { ...about, outcome: await play({ after: (step) => undo.push(step) }, target) };
  } catch (error) {
    return { ...about, outcome: { failure: messageOf(error).split('\n')[0]! } };
  } finally {
    for (const step of undo) await step().catch(() => {});
  }
}

function cells({ story, strategy, step, fault, outcome }: Row): string[] {
  const what = [story, strategy, step, fault];
  if ('failure' in outcome) return [...what, `NOT RECOVERED: ${outcome.failure}`, '', ''];
  const cases = outcome.cases.length === 0 ? 'went on from its record' : outcome.cases.join(', ');
  return [...what, cases, outcome.seconds.toFixed(1), String(outcome.logins)];
}

function page(rows: readonly Row[]): string {
  const recovered = rows.filter(({ outcome }) => !('failure' in outcome)).length;
  const table = [['story', 'strategy', 'step', 'fault', 'recovered by', 'seconds', 'logins'], Array(7).fill('---')];
  const lines = [...table, ...rows.map(cells)].map((row) => `| ${row.join(' | ')} |`);
  return `# Crash matrix

Made by \`npm run crash-matrix\` with real servers, disks and a real PostgreSQL: ${recovered} of ${rows.length} recovered by
themselves. In each play the server is killed (SIGKILL) before or after one of the things that outlive it, or its network to
the target is cut in the middle of \`set\`; afterwards the current value logs in, the one before is proven refused, nothing
that was current is lost, and the audit chain is sound. With two users the current value is tried all the while and was
never refused.

*Recovered by* names the recovery case (\`packages/server/src/engine/rotation/recover.ts\`) that took up the step whose end
was not known; where none was at work the rotation went on from its last record. *Seconds* run from the fault to the end of
the rotation, its overlap of one second and, for kills, the start of the next server included. *Logins* are all connections
that rekey made to the target since the fault, those of the admin credential included. Two stories need a person
(a privilege to be granted, a target that checks no passwords): the person acts right after the restart.

${lines.join('\n')}
`;
}

const { positionals: words } = parseArgs({ allowPositionals: true });
const { available: startable, why } = available('embedded');
if (!startable) {
  console.error(why);
  process.exit(1);
}
const postgres = await startPostgres({ version: 'embedded' });
const target = await PostgresTarget.open(postgres);
const waiting = plays(words).map((play, place) => ({ play, place }));
const count = waiting.length;
const rows: Row[] = [];
try {
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const row = await perform(next.play, target);
      rows[next.place] = row;
      console.log(`${Object.keys(rows).length}/${count}  ${cells(row).join(' · ')}`);
    }
  };
  await Promise.all(Array.from({ length: PLAYS_AT_ONCE }, work));
} finally {
  await target.close();
  await postgres.stop();
}
const failed = rows.filter(({ outcome }) => 'failure' in outcome).length;
if (words.length === 0) await writeFile(PAGE, page(rows));
console.log(`${rows.length - failed} of ${rows.length} recovered by themselves`);
process.exitCode = failed === 0 && rows.length > 0 ? 0 : 1;
