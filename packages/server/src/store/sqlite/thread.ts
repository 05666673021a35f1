import { Worker, type WorkerOptions } from 'node:worker_threads';

/** Megabytes of short-lived objects before they are collected: threads here hold few, and memory is dear. */
const YOUNG = 4;

/** Starts a file of this folder as a thread, from source (`.ts`) and from the build (`.js`). */
export function startThread(name: string, workerData: unknown): Worker {
  const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new Worker(new URL(`./${name}.${ending}`, import.meta.url), {
    workerData,
    name: `rekey-${name}`,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG },
    ...threadFlags(process.execArgv),
  });
}

/** A thread inherits the process's flags, but dies of `--input-type`, which a program given by `--eval` may have. */
function threadFlags(flags: readonly string[]): Pick<WorkerOptions, 'execArgv'> {
  if (!flags.some((flag) => flag.startsWith('--input-type'))) return {};
  return { execArgv: flags.filter((flag) => flag.startsWith('--conditions=')) };
}
