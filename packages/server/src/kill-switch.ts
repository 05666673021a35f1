import { RekeyError } from '@rekey/core';
import { BOUNDARIES, type BoundaryHook } from './engine/boundary.ts';

/** Names the durable boundary at which the server kills itself; for crash tests only. */
export const KILL_SWITCH = 'REKEY_KILL_AT';

/**
 * Reads {@link KILL_SWITCH}: `before:set-outcome`, or `before:set-outcome#3` for the third time it is met. The hook sends
 * this process SIGKILL there, which nothing can catch or tidy up after: the nearest thing to a power cut that a test
 * can order to the instruction.
 *
 * @returns undefined without the variable: then there is no hook at all
 * @throws RekeyError `invalid-input` for a name that is no boundary: a crash test that crashes nothing proves nothing
 */
export function killSwitch(environment: Readonly<Record<string, string | undefined>>): BoundaryHook | undefined {
  const order = environment[KILL_SWITCH];
  if (order === undefined) return undefined;
  const { boundary, visit } = parseOrder(order);
  let visits = 0;
  return (reached) => {
    if (reached !== boundary) return;
    visits += 1;
    if (visits === visit) process.kill(process.pid, 'SIGKILL');
  };
}

function parseOrder(order: string): { readonly boundary: string; readonly visit: number } {
  const [boundary = '', visit = '1', ...more] = order.split('#');
  const known = BOUNDARIES.some((name) => name === boundary);
  if (known && more.length === 0 && /^[1-9]\d{0,5}$/.test(visit)) return { boundary, visit: Number(visit) };
  throw new RekeyError(
    'invalid-input',
    `${KILL_SWITCH} takes one of the durable boundaries (${BOUNDARIES.join(', ')}), with #n for the n-th time.`,
    { reason: 'wrong-use' },
  );
}
