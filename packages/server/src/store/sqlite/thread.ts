import { Worker } from 'node:worker_threads';

/**
 * Starts a file of this folder as a thread, from source (`.ts`, with this process's flags) and from the build (`.js`).
 */
export function startThread(name: string, workerData: unknown): Worker {
  const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new Worker(new URL(`./${name}.${ending}`, import.meta.url), { workerData, name: `rekey-${name}` });
}
