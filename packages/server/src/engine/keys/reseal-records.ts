import type { Clock } from '@rekey/core';
import { type CollectionName, INDEXES } from '../../store/collections.ts';
import type { StoredRecord } from '../../store/driver.ts';
import type { Store } from '../../store/store.ts';
import { claimKey } from '../rotation/held-secrets.ts';

export interface ResealParts {
  readonly store: Store;
  readonly clock: Clock;
  /** Who takes the claims of secrets: another one than the worker of this process, who may be rotating them. */
  readonly holder: string;
  /** Called after each page; false: somebody else goes on, or this server stops. */
  readonly goOn: (progress: ResealProgress) => Promise<boolean>;
}

export interface ResealProgress {
  readonly looked: number;
  readonly sealed: number;
}

/** Records read at once: a few milliseconds of work. */
const PAGE = 100;
/** Of the time, a fifth is spent on sealing anew: requests and rotations come first. */
const PAUSES_PER_WORK = 4;
/** Longer than a commit takes. Milliseconds. */
const CLAIM_TIME = 5_000;

/**
 * Goes through every record and seals anew what an older DEK sealed.
 *
 * @returns how many were left, because somebody works on them; null if it was stopped
 */
export async function resealRecords(parts: ResealParts): Promise<number | null> {
  let progress: ResealProgress = { looked: 0, sealed: 0 };
  let left = 0;
  for (const collection of Object.keys(INDEXES) as CollectionName[]) {
    let after: string | null = null;
    for (;;) {
      const began = parts.clock.now();
      const page: readonly StoredRecord[] = await parts.store.sealed(collection, after, PAGE);
      const outdated = page.filter(({ body }) => parts.store.keyring.isOutdated(body));
      const sealed = await resealPage(parts, collection, outdated);
      left += outdated.length - sealed;
      progress = { looked: progress.looked + page.length, sealed: progress.sealed + sealed };
      if (!(await parts.goOn(progress))) return null;
      after = page.at(-1)?.id ?? null;
      if (after === null || page.length < PAGE) break;
      if (sealed > 0) await parts.clock.sleep(1 + (parts.clock.now() - began) * PAUSES_PER_WORK);
    }
  }
  return left;
}

/** Secrets and their rotations under the secret's claim: a rotation at work must find them as it left them. */
async function resealPage(
  parts: ResealParts,
  collection: CollectionName,
  outdated: readonly StoredRecord[],
): Promise<number> {
  if (outdated.length === 0) return 0;
  if (collection !== 'secret' && collection !== 'rotation') return parts.store.reseal(collection, outdated);
  let sealed = 0;
  for (const stored of outdated) sealed += await resealClaimed(parts, collection, stored);
  return sealed;
}

async function resealClaimed(
  { store, clock, holder }: ResealParts,
  collection: 'secret' | 'rotation',
  { id }: StoredRecord,
): Promise<number> {
  const known = collection === 'secret' ? null : await store.get(collection, id);
  if (collection === 'rotation' && known === null) return 1;
  const secretId = known === null ? id : (known.record as { readonly secretId: string }).secretId;
  const key = claimKey(secretId);
  const claim = await store.claim({ key, holder, now: clock.now(), milliseconds: CLAIM_TIME });
  if (claim === null) return 0;
  try {
    const fresh = await store.findSealed(collection, id);
    if (fresh === null || !store.keyring.isOutdated(fresh.body)) return 1;
    return await store.reseal(collection, [fresh]);
  } finally {
    await store.release(claim);
  }
}
