import type { Batch } from './driver.ts';

/** What a driver can look up while it decides on a batch. */
export interface Standing {
  /** 0 if absent. */
  revisionOf(collection: string, id: string): number;
  /** 0 if nobody ever took the claim. */
  fenceOf(key: string): number;
}

/** Why the batch must not be written as things stand; null if nothing stands against it. */
export function findConflict(batch: Batch, standing: Standing): string | null {
  for (const { key, fence } of batch.fences ?? []) {
    const taken = standing.fenceOf(key);
    if (taken !== fence) return `claim ${key} is at fence ${taken}, not ${fence}`;
  }
  for (const { collection, id, revision } of batch.checks ?? []) {
    const conflict = elsewhere(standing, collection, id, revision);
    if (conflict !== null) return conflict;
  }
  for (const { collection, id, expect } of batch.writes) {
    const conflict = expect === undefined ? null : elsewhere(standing, collection, id, expect);
    if (conflict !== null) return conflict;
  }
  return null;
}

function elsewhere(standing: Standing, collection: string, id: string, revision: number): string | null {
  const found = standing.revisionOf(collection, id);
  return found === revision ? null : `${collection} ${id} is at revision ${found}, not ${revision}`;
}
