import { parentPort, workerData } from 'node:worker_threads';
import type { History } from './history.testing.ts';
import { Plan } from './plan.testing.ts';
import { play } from './play.testing.ts';

/** Which histories of a seed one thread plays: `first`, `first + step` … below `end`. */
export interface Shard {
  readonly seed: number;
  readonly first: number;
  readonly end: number;
  readonly step: number;
}

/** A history in which a promise was broken. */
export interface Failure {
  readonly n: number;
  readonly broken: string;
  readonly history: History;
}

/** What a thread has played since it last said so. */
export interface Tally {
  readonly histories: number;
  readonly rotations: number;
  readonly logins: number;
  readonly struck: Readonly<Record<string, number>>;
  readonly cases: Readonly<Record<string, number>>;
  readonly failures: readonly Failure[];
}

const REPORT_EVERY = 500;

/** Plays a shard, and tells of it now and then. */
export async function playShard({ seed, first, end, step }: Shard, tell: (tally: Tally) => void): Promise<void> {
  const plan = await Plan.open(seed);
  let tally = emptyTally();
  for (let n = first; n < end; n += step) {
    const history = plan.history(n);
    const { broken, rotations, logins, struck, cases } = await play(history);
    tally.histories += 1;
    tally.rotations += rotations;
    tally.logins += logins;
    for (const kind of struck) tally.struck[kind] = (tally.struck[kind] ?? 0) + 1;
    for (const name of cases) tally.cases[name] = (tally.cases[name] ?? 0) + 1;
    if (broken !== null) tally.failures.push({ n, broken, history });
    if (tally.histories < REPORT_EVERY) continue;
    tell(tally);
    tally = emptyTally();
  }
  tell(tally);
}

function emptyTally() {
  const counts = { histories: 0, rotations: 0, logins: 0 };
  return {
    ...counts,
    struck: {} as Record<string, number>,
    cases: {} as Record<string, number>,
    failures: [] as Failure[],
  };
}

if (parentPort !== null) {
  const port = parentPort;
  await playShard(workerData as Shard, (tally) => port.postMessage(tally));
}
