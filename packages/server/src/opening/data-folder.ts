import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { RekeyError, systemRandom } from '@rekey/core';
import type { Checkpoint } from '../audit/checkpoint.ts';
import { readConfig, type ServerConfig } from '../config/config.ts';
import { copyKeyFile, LocalKeySeal } from '../seal/local-key.ts';
import type { Seal } from '../seal/seal.ts';
import { keyFileOf, makeDataFolder, openSqliteStore, storeFileOf } from '../store/data-folder.ts';
import type { PostgresAddress } from '../store/postgres/address.ts';
import { restoreBackup } from '../store/restore.ts';
import { openSharedStore } from '../store/shared-store.ts';
import type { Store } from '../store/store.ts';
import { mergeEscrowJournals } from './escrow-merge.ts';
import { ensureRoot, type RootCredentials } from './root-credentials.ts';
import { findServerId } from './server-id.ts';

/** Where everything of a data folder is. */
export interface DataFiles {
  readonly storeFile: string;
  readonly keyFile: string;
  readonly escrowFile: string;
  readonly auditFolder: string;
}

const ESCROW_NAME = 'escrow.journal';

export function dataFiles(dataFolder: string): DataFiles {
  const folder = resolve(dataFolder);
  return {
    storeFile: storeFileOf(folder),
    keyFile: keyFileOf(folder),
    escrowFile: join(folder, ESCROW_NAME),
    auditFolder: join(folder, 'audit'),
  };
}

/** Makes a new data folder with store, key file and root credentials. Refuses one that has a store already. */
export async function initialiseDataFolder(
  config: ServerConfig,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<{ readonly root: RootCredentials; readonly made: boolean; readonly keyFile: string }> {
  const dataFolder = config.dataFolder ?? '';
  const { storeFile, keyFile } = dataFiles(dataFolder);
  if (existsSync(storeFile))
    throw new RekeyError(
      'already-exists',
      `${dataFolder} holds a store already; start it with \`rekey serve --data ${dataFolder}\`, or choose another folder.`,
      { reason: 'store-exists' },
    );
  const store = await makeStore(dataFolder, config.storeAddress);
  try {
    return { ...(await ensureRoot(store, environment, systemRandom)), keyFile };
  } finally {
    await store.close();
  }
}

async function makeStore(dataFolder: string, address: PostgresAddress | null): Promise<Store> {
  const seal = new LocalKeySeal(dataFiles(dataFolder).keyFile);
  if (address === null) return openSqliteStore({ dataDir: dataFolder, seal, create: true });
  if (await isStoreThere(address, seal))
    throw new RekeyError(
      'already-exists',
      `There is a store in ${address} already; start a server on it with \`rekey serve\`, with a copy of its key file.`,
      { reason: 'store-exists' },
    );
  makeDataFolder(dataFolder);
  return openSharedStore({ address, seal, create: true });
}

async function isStoreThere(address: PostgresAddress, seal: Seal): Promise<boolean> {
  try {
    await (await openSharedStore({ address, seal, create: false, readOnly: true })).close();
    return true;
  } catch (error) {
    if (error instanceof RekeyError && error.reason === 'store-missing') return false;
    throw error;
  }
}

/**
 * Opens the store of a folder beside a server that may be running on it.
 *
 * @param address the shared store that the running server says it uses; otherwise environment and `rekey.yaml` say it
 */
export async function openDataFolderForReading(dataFolder: string, address?: PostgresAddress): Promise<Store> {
  const seal = new LocalKeySeal(dataFiles(dataFolder).keyFile);
  const shared = await sharedStoreOf(dataFolder, address);
  return shared === null
    ? openSqliteStore({ dataDir: dataFolder, seal, create: false, readOnly: true })
    : openSharedStore({ address: shared, seal, create: false, readOnly: true });
}

/** The environment goes first: only there is the password. */
async function sharedStoreOf(dataFolder: string, told?: PostgresAddress): Promise<PostgresAddress | null> {
  if (told !== undefined && process.env.REKEY_STORE_URL === undefined) return told;
  return (await readConfig({ data: dataFolder }, process.env)).storeAddress;
}

/** Id of the setting that holds the newest signed head of the audit log. */
export const AUDIT_HEAD = 'audit-head';

/** Where the store keeps the head of a folder's chain: of several servers on a store, each has its own. */
export function auditHeadOf(serverId: string | null): string {
  return serverId === null ? AUDIT_HEAD : `${AUDIT_HEAD}/${serverId}`;
}

/** The head of the audit log as the store knows it; null if nothing was audited yet. */
export async function readAuditHead(dataFolder: string): Promise<Checkpoint | null> {
  const store = await openDataFolderForReading(dataFolder);
  try {
    const isShared = (await sharedStoreOf(dataFolder)) !== null;
    const entry = await store.get('setting', auditHeadOf(isShared ? findServerId(dataFolder) : null));
    return entry === null ? null : (entry.record as unknown as Checkpoint);
  } finally {
    await store.close();
  }
}

/** A consistent copy of the store, also while its server runs. The key file is not in it. */
export async function backupDataFolder(dataFolder: string, file: string): Promise<void> {
  const store = await openDataFolderForReading(dataFolder);
  try {
    await store.backup(resolve(file));
  } finally {
    await store.close();
  }
}

/** Writes a file that must not exist yet, for its owner only, and waits for the disk. */
export async function writeNewFile(file: string, content: Uint8Array): Promise<void> {
  const handle = await open(file, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    throw new RekeyError(
      'already-exists',
      error.code === 'EEXIST'
        ? `${file} exists already; it is not overwritten.`
        : `cannot write ${file}: ${error.code}.`,
    );
  });
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export interface RestoreOptions {
  readonly file: string;
  readonly dataFolder: string;
  /** Null: the key file lies in the new folder already. */
  readonly keyFile: string | null;
  /** The escrow journals of all servers of the store, or copies; empty: the one beside the key file, if there is one. */
  readonly escrowFiles: readonly string[];
}

/** Makes a data folder from a backup, in quarantine, with the escrow journal that its first start replays. */
export async function restoreDataFolder(
  options: RestoreOptions,
): Promise<{ readonly dataFolder: string; readonly escrowFile: string | null }> {
  const { file, dataFolder } = options;
  const files = dataFiles(dataFolder);
  const keyFile = options.keyFile ?? files.keyFile;
  const journals = findEscrow(options, keyFile);
  await restoreBackup({ backup: file, dataDir: dataFolder, seal: new LocalKeySeal(keyFile), now: Date.now });
  if (resolve(keyFile) !== files.keyFile) copyKeyFile(keyFile, files.keyFile);
  await finishRestore(dataFolder, journals);
  return { dataFolder, escrowFile: journals === null ? null : journals.join(' and ') };
}

/** The head in the backup is of a chain that stays with the old folder; the new folder begins its own. */
async function finishRestore(dataFolder: string, journals: readonly [string, ...string[]] | null): Promise<void> {
  const { keyFile, escrowFile: into } = dataFiles(dataFolder);
  const seal = new LocalKeySeal(keyFile);
  const store = await openSqliteStore({ dataDir: dataFolder, seal, create: false });
  try {
    await store.commit([{ collection: 'setting', id: AUDIT_HEAD, record: null }]);
    if (journals !== null) await mergeEscrowJournals({ into, journals, store, seal });
  } finally {
    await store.close();
  }
}

function findEscrow({ escrowFiles }: RestoreOptions, keyFile: string): readonly [string, ...string[]] | null {
  const missing = escrowFiles.find((file) => !existsSync(file));
  if (missing !== undefined)
    throw new RekeyError(
      'invalid-input',
      `there is no escrow journal at ${missing}; name the right file, or leave --escrow out.`,
      { reason: 'wrong-use' },
    );
  const [first, ...others] = escrowFiles;
  if (first !== undefined) return [first, ...others];
  const beside = join(dirname(resolve(keyFile)), ESCROW_NAME);
  return existsSync(beside) ? [beside] : null;
}

export { makeDataFolder };
