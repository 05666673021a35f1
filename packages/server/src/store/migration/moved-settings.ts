import { KEYRING } from '../store-keys.ts';
import type { StoreRow } from './store-rows.ts';

/** Settings that belong to servers and not to the store: each server says them anew in the new place. */
const OF_SERVERS = /^(audit-head|key-server\/.+|audit-head\/.+)$/;

export function isKeyring({ collection, id }: Pick<StoreRow, 'collection' | 'id'>): boolean {
  return collection === KEYRING && id === KEYRING;
}

/** Whether a move takes the record along as it is. */
export function isMoved(row: Pick<StoreRow, 'collection' | 'id'>): boolean {
  return !isKeyring(row) && !(row.collection === 'setting' && OF_SERVERS.test(row.id));
}
