import { setImmediate } from 'node:timers/promises';
import type { RequestCounts } from './request-counts.ts';

/**
 * Turns of the event loop that background work lets pass while requests come and go. A request takes some three (it is
 * read, put on record, answered); a server that is never idle must not keep a rotation waiting for long.
 */
const MOST_TURNS = 8;

/**
 * Lets the requests at hand be answered: resolves after the first turn of the event loop in which none came and none was
 * answered. Requests that wait for something themselves (for changes, say) hold nobody up.
 */
export function givingWay(counts: Pick<RequestCounts, 'traffic'>): () => Promise<void> {
  return async () => {
    for (let turns = 0; turns < MOST_TURNS; turns += 1) {
      const before = counts.traffic;
      await setImmediate();
      if (counts.traffic === before) return;
    }
  };
}
