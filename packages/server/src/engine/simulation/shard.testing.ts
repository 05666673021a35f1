import { setImmediate } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { Plan } from './plan.testing.ts';
import { play } from './play.testing.ts';

/** Which histories of a seed one thread plays: `first`, `first + step` … below `end`. */
export interface Shard {
  readonly seed: number;
  readonly first: number;
  readonly end: number;
  readonly step: number;
  /** Holds the number of the history that is being played, for whoever watches that the thread goes on. */
  readonly at: SharedArrayBuffer;
}

/** A history in which a promise was broken. */
export interface Failure {
  readonly n: number;
  readonly broken: string;
}

/** What a thread has played since it last said so. */
export interface Tally {
  readonly histories: number;
  readonly rotations: number;
  readonly logins: number;
  readonly struck: Readonly<Record<string, number>>;
  readonly cut: Readonly<Record<string, number>>;
  readonly cases: Readonly<Record<string, number>>;
  readonly failures: readonly Failure[];
}

const REPORT_EVERY = 500;
/** Histories between two turns of the event loop: what their stores left for its next turn keeps them in memory. */
const TURN_EVERY = 50;

/** Plays a shard, and tells of it now and then. */
export async function playShard({ seed, first, end, step, at }: Shard, tell: (tally: Tally) => void): Promise<void> {
  const plan = await Plan.open(seed);
  const playing = new Int32Array(at);
  let tally = emptyTally();
  for (let n = first; n < end; n += step) {
    const history = plan.history(n);
    Atomics.store(playing, 0, n);
    const { broken, rotations, logins, struck, cut, cases } = await play(history);
    tally.histories += 1;
    tally.rotations += rotations;
    tally.logins += logins;
    for (const kind of struck) tally.struck[kind] = (tally.struck[kind] ?? 0) + 1;
    for (const place of cut) tally.cut[place] = (tally.cut[place] ?? 0) + 1;
    for (const name of cases) tally.cases[name] = (tally.cases[name] ?? 0) + 1;
    if (broken !== null) tally.failures.push({ n, broken });
    if (tally.histories % TURN_EVERY === 0) await setImmediate();
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
    cut: {} as Record<string, number>,
    cases: {} as Record<string, number>,
    failures: [] as Failure[],
  };
}

if (parentPort !== null) {
  const port = parentPort;
  // Nobody reads where the errors came from that faults bring about, and noting it costs more than most steps.
  Error.stackTraceLimit = 0;
  await playShard(workerData as Shard, (tally) => port.postMessage(tally));
}
