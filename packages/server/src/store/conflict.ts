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
  for (const { collection, id, revision } of expectations(batch)) {
    const found = standing.revisionOf(collection, id);
    if (found !== revision) return `${collection} ${id} is at revision ${found}, not ${revision}`;
  }
  return null;
}

function* expectations(batch: Batch): Iterable<{ collection: string; id: string; revision: number }> {
  yield* batch.checks ?? [];
  for (const { collection, id, expect } of batch.writes) {
    if (expect !== undefined) yield { collection, id, revision: expect };
  }
}
