import type { Store, StoreWrite } from '../../store/store.ts';

/** Setting that outlives the quarantine. */
const RESTORED = 'restored';

/** When the store took the place of a lost one; null if it never did. Milliseconds since the epoch. */
export async function restoredAt(store: Store): Promise<number | null> {
  const entry = (await store.get('setting', 'quarantine')) ?? (await store.get('setting', RESTORED));
  const since = entry?.record.since;
  return typeof since === 'number' ? since : null;
}

export function restoredWrite(since: unknown): StoreWrite {
  return { collection: 'setting', id: RESTORED, record: { since } };
}
