import type { Store } from '../../store/store.ts';

/** A restored store rotates nothing until a person has looked (`rekey quarantine end`). */
export async function isQuarantined(store: Store): Promise<boolean> {
  return (await store.get('setting', 'quarantine')) !== null;
}
