import { Worker } from 'node:worker_threads';

/** Megabytes of short-lived objects before they are collected: threads here hold few, and memory is dear. */
const YOUNG = 4;

/**
 * Starts a file of this folder as a thread, from source (`.ts`, with this process's flags) and from the build (`.js`).
 */
export function startThread(name: string, workerData: unknown): Worker {
  const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const file = new URL(`./${name}.${ending}`, import.meta.url);
  return new Worker(file, { workerData, name: `rekey-${name}`, resourceLimits: { maxYoungGenerationSizeMb: YOUNG } });
}
