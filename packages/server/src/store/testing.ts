import { systemRandom } from '@rekey/core';
import { Keyring } from '../seal/keyring.ts';
import { MemoryDriver } from './memory.ts';
import { Store } from './store.ts';

/** An empty store in memory with fresh keys. Its driver may be given, to stand a second store on the same records. */
export async function openMemoryStore(
  options: { readonly now?: () => number; readonly driver?: MemoryDriver } = {},
): Promise<Store> {
  const now = options.now ?? Date.now;
  const storeId = Buffer.from(systemRandom.bytes(12)).toString('base64url');
  return new Store({ driver: options.driver ?? new MemoryDriver(), keyring: Keyring.create(storeId, now()) });
}
