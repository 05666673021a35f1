import type { SecretRecord } from '@rekey/core';
import { valueWrite } from '../engine/rotation/promotion.ts';
import type { Store, StoreWrite } from '../store/store.ts';
import { invalidInput, markedForDeletion, stillReplicated } from './refusals.ts';
import { replicasOf } from './replica-view.ts';
import type { SecretChange } from './secret-change.ts';

export interface DeletionWish {
  /** Days in which it can be restored; 7 to 30, default 30. */
  readonly windowDays?: number | undefined;
  /** At once, without a way back. */
  readonly force: boolean;
}

const DAY = 86_400_000;
const DEFAULT_WINDOW_DAYS = 30;
const LEAST_WINDOW_DAYS = 7;
/** Holders read from the store at a time. */
const CHUNK = 500;

/** Refuses a wish that contradicts itself. Pure, so that it can be asked before anything is looked up. */
export function checkDeletionWish({ windowDays, force }: DeletionWish): void {
  if (force && windowDays !== undefined)
    throw invalidInput('window-and-force', 'Removing at once and a recovery window exclude each other.');
  if (windowDays !== undefined && (windowDays < LEAST_WINDOW_DAYS || windowDays > DEFAULT_WINDOW_DAYS))
    throw invalidInput('recovery-window-out-of-bounds', 'The recovery window must be between 7 and 30 days.');
}

/** The secret marked for deletion. Its name stays taken, and nothing reads or rotates it meanwhile. */
export function markForDeletion(secret: SecretRecord, { windowDays }: DeletionWish, now: number): SecretRecord {
  if (secret.deletedAt !== null) throw markedForDeletion(secret.name);
  refuseReplicated(secret);
  return { ...secret, deletedAt: now, purgeAt: now + (windowDays ?? DEFAULT_WINDOW_DAYS) * DAY };
}

/** The secret alive again; the same secret if it never was marked. */
export function restored(secret: SecretRecord, now: number): SecretRecord {
  if (secret.deletedAt === null) return secret;
  return { ...secret, deletedAt: null, purgeAt: null, changedAt: now };
}

function refuseReplicated(secret: SecretRecord): void {
  const regions = replicasOf(secret).map(({ region }) => region);
  if (regions.length > 0) throw stillReplicated(secret, regions);
}

/** Removes a secret with its name, its values and who held them. Records of its rotations stay as evidence. */
export async function removal(store: Store, secret: SecretRecord): Promise<SecretChange<true>> {
  refuseReplicated(secret);
  const known = secret.lookupName ?? secret.name;
  const name: StoreWrite = { collection: 'name', id: store.opaque('name', known), record: null };
  const drift: StoreWrite = { collection: 'drift', id: secret.id, record: null };
  return { secret: null, writes: [name, drift, ...(await contentRemovals(store, secret))], answer: true };
}

/** Takes away what a secret holds, and who held it. */
export async function contentRemovals(store: Store, secret: SecretRecord): Promise<readonly StoreWrite[]> {
  const values = secret.versions.map(({ id }) => valueWrite(secret.id, id));
  return [...values, ...(await holderRemovals(store, secret.id))];
}

async function holderRemovals(store: Store, secretId: string): Promise<readonly StoreWrite[]> {
  const writes: StoreWrite[] = [];
  let after: { readonly value: string; readonly id: string } | undefined;
  do {
    const range = { index: 'secret', from: `${secretId}/`, until: `${secretId}/~`, ...(after && { after }) };
    const chunk = await store.list('holder', { ...range, limit: CHUNK });
    for (const { id } of chunk) writes.push({ collection: 'holder', id, record: null });
    const last = chunk.length < CHUNK ? undefined : chunk.at(-1);
    after = last && { value: last.indexValue ?? '', id: last.id };
  } while (after !== undefined);
  return writes;
}
