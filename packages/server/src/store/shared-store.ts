import type { Seal } from '../seal/seal.ts';
import { openStore } from './open-store.ts';
import type { PostgresAddress } from './postgres/address.ts';
import type { Store } from './store.ts';

export interface OpenSharedStoreOptions {
  readonly address: PostgresAddress;
  readonly seal: Seal;
  /** Make schema, keys and (if the seal can) key where there is no store yet; one that is there is opened. */
  readonly create: boolean;
  /** Milliseconds since the epoch; the machine's clock by default. */
  readonly now?: () => number;
  /** Only look, beside servers that may be running: migrates nothing. */
  readonly readOnly?: boolean;
  /** How old what is read may be, and how old while the store cannot be reached; milliseconds. */
  readonly staleness?: number;
  readonly staleReads?: number;
}

/**
 * Opens a store in PostgreSQL, which other servers may be using. pg is loaded here: a server with a store of its own
 * never needs it for that.
 *
 * @throws RekeyError as {@link ./postgres.ts openPostgresDriver} and {@link openStore}.
 */
export async function openSharedStore(options: OpenSharedStoreOptions): Promise<Store> {
  const { address, seal, create, now = Date.now, readOnly = false, ...bounds } = options;
  const { openPostgresDriver } = await import('./postgres.ts');
  const driver = await openPostgresDriver({ address, create: create && !readOnly, readOnly });
  return openStore({ driver, seal, create: create && !readOnly, now, place: address.toString(), ...bounds });
}
