import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { Plan } from './plan.testing.ts';
import { play } from './play.testing.ts';
import type { Failure, Shard, Tally } from './shard.testing.ts';

/**
 * `npm run simulation -- [--histories N] [--seed S]… [--threads T]` plays the first N histories of each seed;
 * `--history n` replays one of them and tells it effect by effect.
 */

const USAGE = `Usage: npm run simulation -- [options]
  --histories N  how many to play (default 100000)
  --seed S       a whole number; the same one plays the same histories; today: the date, 20301231 (the default).
                 Several are played one after the other
  --threads T    how many side by side (default: one for each processor)
  --history n    replay one history of the seed and tell it effect by effect`;

const FAILURES_SHOWN = 20;
/** Megabytes for short-lived objects: next to nothing of a history outlives it. */
const YOUNG_GENERATION = 64;
/** Real time one history may take on the slowest machine; a long one takes a hundredth of a second. Milliseconds. */
const PATIENCE = 120_000;
const NOTHING_PLAYED: Tally = { histories: 0, rotations: 0, logins: 0, struck: {}, cut: {}, cases: {}, failures: [] };

const { values } = parseArgs({
  options: {
    histories: { type: 'string', default: '100000' },
    seed: { type: 'string', multiple: true, default: ['today'] },
    threads: { type: 'string', default: String(availableParallelism()) },
    history: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) console.log(USAGE);
else if (values.history !== undefined) await replay(seeds()[0] ?? 0, whole('history'));
else for (const seed of seeds()) await playAll(seed, whole('histories'), Math.max(1, whole('threads')));

function seeds(): readonly number[] {
  const today = new Date().toISOString().slice(0, 10).replaceAll('-', '');
  return values.seed.map((text) => whole('seed', text === 'today' ? today : text));
}

function whole(name: 'seed' | 'histories' | 'threads' | 'history', text = String(values[name] ?? '')): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  console.error(`--${name} takes a whole number, not "${text}".\n${USAGE}`);
  process.exit(2);
}

async function replay(seed: number, n: number): Promise<void> {
  const history = (await Plan.open(seed)).history(n);
  console.log(JSON.stringify(history, null, 1));
  const { broken, ...outcome } = await play(history, { trace: (line) => console.log(line) });
  console.log(JSON.stringify(outcome));
  console.log(broken === null ? 'All promises were kept.' : `BROKEN  ${broken}`);
  process.exitCode = broken === null ? 0 : 1;
}

async function playAll(seed: number, histories: number, threads: number): Promise<void> {
  const plan = await Plan.open(seed);
  console.log(
    `Seed ${seed}: ${histories} histories on ${threads} threads; one lap over every fault at every effect is ${plan.lap}.`,
  );
  const [begun, before] = [performance.now(), process.cpuUsage()];
  const all = { histories: 0, rotations: 0, logins: 0, failures: [] as Failure[] };
  const [struck, cut, cases] = [new Map<string, number>(), new Map<string, number>(), new Map<string, number>()];
  const add = (tally: Tally) => {
    all.histories += tally.histories;
    all.rotations += tally.rotations;
    all.logins += tally.logins;
    addTo(struck, tally.struck);
    addTo(cut, tally.cut);
    addTo(cases, tally.cases);
    for (const failure of tally.failures) {
      if (all.failures.length < FAILURES_SHOWN) tellFailure(seed, failure);
      all.failures.push(failure);
    }
  };
  const progress = setInterval(() => tellProgress(all.histories, histories, begun), 5_000);
  await Promise.all(
    Array.from({ length: threads }, (_, first) =>
      inThread({ seed, first, end: histories, step: threads, at: new SharedArrayBuffer(4) }, add),
    ),
  );
  clearInterval(progress);
  tellProgress(all.histories, histories, begun);
  const { user, system } = process.cpuUsage(before);
  const each = (user + system) / 1_000 / Math.max(1, all.histories);
  console.log(
    `\n${all.rotations} rotations, ${all.logins} logins; ${each.toFixed(2)} ms of processor time each history.`,
  );
  console.log(`Faults that struck:\n${table(struck)}\nServers cut short:\n${table(cut)}`);
  console.log(`Recovery cases used:\n${table(cases)}`);
  const broken = all.failures.length;
  console.log(broken === 0 ? 'All promises were kept.' : `${broken} histories broke a promise.`);
  if (broken > 0) process.exitCode = 1;
}

/** Plays a shard in a thread of its own; a history that never ends, or ends the thread, is told as a failure. */
function inThread(shard: Shard, tell: (tally: Tally) => void): Promise<void> {
  const thread = new Worker(new URL('./shard.testing.ts', import.meta.url), {
    workerData: shard,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION },
  });
  const playing = new Int32Array(shard.at);
  let [last, since, broken] = [-1, performance.now(), 'its thread ended before it'];
  const watch = setInterval(() => {
    const n = Atomics.load(playing, 0);
    if (n !== last) [last, since] = [n, performance.now()];
    if (performance.now() - since < PATIENCE) return;
    broken = `it comes to no end: ${PATIENCE / 1_000} s of real time`;
    void thread.terminate();
  }, 1_000);
  return new Promise((resolve) => {
    thread.on('message', tell).on('error', (error) => {
      broken = `its thread failed: ${String(error)}`;
    });
    thread.on('exit', (code) => {
      clearInterval(watch);
      if (code !== 0) tell({ ...NOTHING_PLAYED, failures: [{ n: Atomics.load(playing, 0), broken }] });
      resolve();
    });
  });
}

function tellFailure(seed: number, { n, broken }: Failure): void {
  console.log(`BROKEN  ${broken.slice(0, 300)}\n        npm run simulation -- --seed ${seed} --history ${n}`);
}

function tellProgress(played: number, of: number, begun: number): void {
  const seconds = (performance.now() - begun) / 1_000;
  console.log(`${played} of ${of} in ${seconds.toFixed(1)} s, ${Math.round(played / seconds)} a second`);
}

function addTo(counts: Map<string, number>, more: Readonly<Record<string, number>>): void {
  for (const [name, times] of Object.entries(more)) counts.set(name, (counts.get(name) ?? 0) + times);
}

function table(counts: ReadonlyMap<string, number>): string {
  const rows = [...counts].sort(([, a], [, b]) => b - a);
  return rows.map(([name, times]) => `  ${String(times).padStart(8)}  ${name}`).join('\n');
}
