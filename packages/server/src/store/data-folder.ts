import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Seal } from '../seal/seal.ts';
import { openStore } from './open-store.ts';
import { openSqliteDriver } from './sqlite.ts';
import type { Store } from './store.ts';

/** The store file of a data folder. */
export function storeFileOf(dataDir: string): string {
  return join(resolve(dataDir), 'store.db');
}

/** Where the key file of a data folder is, unless another place is named. */
export function keyFileOf(dataDir: string): string {
  return join(resolve(dataDir), 'key');
}

/** Makes a folder for its owner only (mode 0700); one that exists keeps its mode. */
export function makeDataFolder(dataDir: string): void {
  mkdirSync(resolve(dataDir), { recursive: true, mode: 0o700 });
}

export interface OpenSqliteStoreOptions {
  readonly dataDir: string;
  readonly seal: Seal;
  /** Make folder, store and (if the seal can) key where there is no store yet; one that is there is opened. */
  readonly create: boolean;
  /** Milliseconds since the epoch; the machine's clock by default. */
  readonly now?: () => number;
  /** Only read, beside a server that may be running. */
  readonly readOnly?: boolean;
  /** See {@link ./sqlite.ts SqliteOptions}. */
  readonly maximumBytes?: number;
}

/**
 * Opens the store of a data folder and holds the folder until it is closed.
 *
 * @throws RekeyError with a reason for each thing that can be amiss: `store-missing`, `not-a-store`, `store-newer`,
 *   `store-older` (read-only), `folder-in-use`, `key-file-missing`, `key-file-mode`, `key-file-malformed`, `wrong-key`,
 *   `keyring-altered`, `store-damaged`.
 */
export async function openSqliteStore(options: OpenSqliteStoreOptions): Promise<Store> {
  const { dataDir, seal, create, now = Date.now, readOnly = false } = options;
  const file = storeFileOf(dataDir);
  if (create && !readOnly) makeDataFolder(dataDir);
  const limit = options.maximumBytes === undefined ? {} : { maximumBytes: options.maximumBytes };
  const driver = openSqliteDriver({ file, create, readOnly, ...limit });
  return openStore({ driver, seal, create: create && !readOnly, now, place: file });
}
