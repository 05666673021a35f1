import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Figure } from './figure.ts';

const MEASURE = fileURLToPath(new URL('measure.ts', import.meta.url));

/**
 * The figures of one benchmark, run in a process of its own: what another left in memory would be the load generator's
 * to collect while it measures. Null if it failed; what it said is on standard error.
 */
export async function measureApart(file: string): Promise<readonly Figure[] | null> {
  const child = fork(MEASURE, [file], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  let figures: readonly Figure[] | null = null;
  child.on('message', (measured) => {
    figures = measured as readonly Figure[];
  });
  const [code] = await once(child, 'exit');
  return code === 0 ? figures : null;
}
