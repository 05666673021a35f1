import { RekeyError, systemRandom } from '@rekey/core';
import { Keyring, type KeyringRecord } from '../seal/keyring.ts';
import type { Seal } from '../seal/seal.ts';
import type { StoreDriver } from './driver.ts';
import { Store } from './store.ts';

export interface OpenStoreOptions {
  readonly driver: StoreDriver;
  readonly seal: Seal;
  /** Make keys if the store has none. */
  readonly create: boolean;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Where the store is, for messages. */
  readonly place: string;
}

/** Collection and id of the one record that is not in an envelope; see {@link ./store.ts}. */
const KEYRING = 'keyring';
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
    const keyring = (await findKeyring(options)) ?? (await makeKeyring(options));
    return new Store({ driver, keyring });
  } catch (error) {
    await driver.close();
    throw error;
  }
}

async function findKeyring({ driver, seal, place }: OpenStoreOptions): Promise<Keyring | null> {
  const stored = await driver.get(KEYRING, KEYRING);
  return stored === null ? null : Keyring.unwrap(parse(stored.body, place), seal);
}

/** Where several servers make the store at once, one of them wins; the others open what it made. */
async function makeKeyring(options: OpenStoreOptions): Promise<Keyring> {
  const { driver, seal, now, place } = options;
  if (!options.create) throw unfinished(place);
  await seal.prepare();
  const made = Keyring.create(Buffer.from(systemRandom.bytes(STORE_ID)).toString('base64url'), now());
  const body = Buffer.from(JSON.stringify(await made.wrap(seal)));
  const result = await driver.commit({ writes: [{ collection: KEYRING, id: KEYRING, body, expect: 0 }] });
  return result.committed ? made : (await findKeyring(options))!;
}

function parse(body: Uint8Array, place: string): KeyringRecord {
  try {
    const { storeId, seal, wrapped } = JSON.parse(Buffer.from(body).toString()) as Partial<KeyringRecord>;
    if (storeId !== undefined && seal !== undefined && wrapped !== undefined) return { storeId, seal, wrapped };
  } catch {}
  const message = `The keyring of the store ${place} cannot be read; restore a backup.`;
  throw new RekeyError('integrity', message, { reason: 'keyring-malformed' });
}

function unfinished(place: string): RekeyError {
  const message = `The store ${place} was never finished: it has no keys; run \`rekey init\` on it again.`;
  return new RekeyError('invalid-state', message, { reason: 'store-missing' });
}
