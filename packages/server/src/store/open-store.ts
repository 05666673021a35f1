import { RekeyError, systemRandom } from '@rekey/core';
import { Keyring } from '../seal/keyring.ts';
import type { Seal } from '../seal/seal.ts';
import type { StoreDriver } from './driver.ts';
import { Store, type StoreOptions } from './store.ts';
import { KEYRING, StoreKeys } from './store-keys.ts';

export interface OpenStoreOptions {
  readonly driver: StoreDriver;
  readonly seal: Seal;
  /** Make keys if the store has none. */
  readonly create: boolean;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Where the store is, for messages. */
  readonly place: string;
  /** See {@link StoreOptions}. */
  readonly staleness?: StoreOptions['staleness'];
  readonly staleReads?: StoreOptions['staleReads'];
}

/** Bytes of randomness in a store id. */
const STORE_ID = 12;

/**
 * Opens the store on a driver: unwraps its keyring, or makes one. The driver is closed if that fails.
 *
 * @throws RekeyError `invalid-state`, reason `store-missing`, if there are no keys and none are to be made; else what
 *   the seal throws.
 */
export async function openStore(options: OpenStoreOptions): Promise<Store> {
  const { driver } = options;
  try {
    const keys = (await StoreKeys.open(options)) ?? (await makeKeys(options));
    const { staleness, staleReads } = options;
    return new Store({
      driver,
      keyring: keys.keyring,
      keys,
      ...(staleness === undefined ? {} : { staleness }),
      ...(staleReads === undefined ? {} : { staleReads }),
    });
  } catch (error) {
    await driver.close();
    throw error;
  }
}

/** Where several servers make the store at once, one of them wins; the others open what it made. */
async function makeKeys(options: OpenStoreOptions): Promise<StoreKeys> {
  const { driver, seal, now, place } = options;
  if (!options.create) throw unfinished(place);
  await seal.prepare();
  const made = Keyring.create(Buffer.from(systemRandom.bytes(STORE_ID)).toString('base64url'), now());
  const body = Buffer.from(JSON.stringify(await made.wrap(seal)));
  await driver.commit({ writes: [{ collection: KEYRING, id: KEYRING, body, expect: 0 }] });
  return (await StoreKeys.open(options))!;
}

function unfinished(place: string): RekeyError {
  const message = `The store ${place} was never finished: it has no keys; run \`rekey init\` on it again.`;
  return new RekeyError('invalid-state', message, { reason: 'store-missing' });
}
