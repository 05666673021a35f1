import { RekeyError } from '@rekey/core';
import { readConfig } from '../config/config.ts';
import { listKeyServers } from '../engine/keys/key-servers.ts';
import { cancelled, withWrap } from '../engine/keys/rewrap.ts';
import { Keyring } from '../seal/keyring.ts';
import { type Environment, openSeal, type SealSettings } from '../seal/open-seal.ts';
import type { RewrapWish } from '../service/keys.ts';
import { openSqliteStore } from '../store/data-folder.ts';
import { openSharedStore } from '../store/shared-store.ts';
import type { Store } from '../store/store.ts';
import type { StoreKeys } from '../store/store-keys.ts';
import { openDataFolderForReading, sealOf } from './data-folder.ts';

/**
 * Wraps the keyring of a folder's store by another KEK as well, and proves that this opens it. Changes nothing.
 *
 * @param environment as the new seal is to see it
 * @throws RekeyError what either seal throws; `integrity` if what was wrapped does not come back
 */
export async function wrapByOther(
  dataFolder: string,
  next: SealSettings,
  environment: Environment,
): Promise<RewrapWish & { readonly describedSeal: string }> {
  const store = await openDataFolderForReading(dataFolder);
  try {
    const seal = await openSeal(next, environment);
    await seal.prepare();
    const { storeId, ...wrap } = await store.keyring.wrap(seal);
    const again = await Keyring.unwrap({ storeId, ...wrap }, await openSeal(next, environment));
    refuseOther(store.keyring, again, seal.describe());
    return { ...wrap, keyringRevision: keysOf(store).revision, describedSeal: seal.describe() };
  } finally {
    await store.close();
  }
}

/** Puts the wrap into the store of a folder that no server runs on. */
export async function putWrap(dataFolder: string, { seal, wrapped, keyringRevision }: RewrapWish): Promise<void> {
  await withStore(dataFolder, async (_, keys) => {
    if (keys.revision !== keyringRevision)
      throw new RekeyError('conflict', 'The keyring was changed meanwhile; run `rekey keys rewrap` again.');
    await keys.rewrap(withWrap(keys.record, { seal, wrapped }));
  });
}

/** Takes the wrap that was added out of the store of a folder that no server runs on. */
export async function cancelWrap(dataFolder: string): Promise<void> {
  await withStore(dataFolder, async (store, keys) => {
    await keys.rewrap(cancelled(keys.record, await listKeyServers(store)));
  });
}

async function withStore(dataFolder: string, work: (store: Store, keys: StoreKeys) => Promise<void>): Promise<void> {
  const config = await readConfig({ data: dataFolder }, process.env);
  const seal = await openSeal(sealOf(config), process.env);
  const store = await (config.storeAddress === null
    ? openSqliteStore({ dataDir: dataFolder, seal, create: false })
    : openSharedStore({ address: config.storeAddress, seal, create: false }));
  try {
    await work(store, keysOf(store));
  } finally {
    await store.close();
  }
}

function keysOf({ keys }: Store): StoreKeys {
  if (keys === null) throw new RekeyError('bug', 'A store in a data folder keeps its keyring.');
  return keys;
}

function refuseOther(keyring: Keyring, again: Keyring, seal: string): void {
  const trial = keyring.seal('trial', 'rewrap', Buffer.from(keyring.storeId));
  try {
    again.open('trial', 'rewrap', trial);
    if (again.opaque('trial', 'rewrap') === keyring.opaque('trial', 'rewrap')) return;
  } catch {}
  throw new RekeyError('integrity', `What ${seal} wrapped did not come back as it was; nothing was changed.`, {
    reason: 'keyring-altered',
  });
}
