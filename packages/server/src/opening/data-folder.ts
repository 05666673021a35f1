import { existsSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { RekeyError, systemRandom } from '@rekey/core';
import type { Checkpoint } from '../audit/checkpoint.ts';
import { readConfig, type ServerConfig } from '../config/config.ts';
import { describeSection, isDefaultSeal } from '../config/seal-settings.ts';
import { forgetKeyServer, listKeyServers } from '../engine/keys/key-servers.ts';
import { noteOfRunningServer } from '../host/server-note.ts';
import { copyKeyFile } from '../seal/local-key.ts';
import { openSeal, type SealSettings } from '../seal/open-seal.ts';
import type { Seal } from '../seal/seal.ts';
import { keyFileOf, makeDataFolder, openSqliteStore, storeFileOf } from '../store/data-folder.ts';
import { PostgresAddress } from '../store/postgres/address.ts';
import { restoreBackup } from '../store/restore.ts';
import { openSharedStore } from '../store/shared-store.ts';
import type { Store } from '../store/store.ts';
import { type KnownChain, knownChains } from './audit-heads.ts';
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

/** A data folder that was just made. */
export interface NewDataFolder {
  readonly root: RootCredentials;
  readonly made: boolean;
  /** Null with another seal than a key file. */
  readonly keyFile: string | null;
  /** Where the KEK is, for a person. */
  readonly seal: string;
}

/**
 * Makes a new data folder with store, key (if the seal can) and root credentials. Refuses one that has a store already.
 * The seal is tried first: a store without keys would be left behind by one that refuses.
 */
export async function initialiseDataFolder(
  config: ServerConfig,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<NewDataFolder> {
  const dataFolder = config.dataFolder ?? '';
  const { storeFile } = dataFiles(dataFolder);
  const settings = sealOf(config);
  const seal = await openSeal(settings, environment);
  if (existsSync(storeFile))
    throw new RekeyError(
      'already-exists',
      `${dataFolder} holds a store already; start it with \`rekey serve --data ${dataFolder}\`, or choose another folder.`,
      { reason: 'store-exists' },
    );
  makeDataFolder(dataFolder);
  await seal.prepare();
  await seal.wrap(new Uint8Array(1), 'rekey trial');
  const store = await makeStore(dataFolder, config.storeAddress, seal);
  try {
    rememberSeal(dataFolder, settings);
    const keyFile = settings.kind === 'local-key' ? settings.file : null;
    return { ...(await ensureRoot(store, environment, systemRandom)), keyFile, seal: seal.describe() };
  } finally {
    await store.close();
  }
}

/** The seal of a configuration that is not `--dev`. */
export function sealOf({ seal }: ServerConfig): SealSettings {
  if (seal === null) throw new RekeyError('bug', 'A store in memory has no seal.');
  return seal;
}

/** So that everything that opens the folder finds the seal that was named when it was made. */
function rememberSeal(dataFolder: string, settings: SealSettings): void {
  const file = join(dataFolder, 'rekey.yaml');
  if (isDefaultSeal(settings, dataFolder) || existsSync(file)) return;
  writeFileSync(file, describeSection(settings), { flag: 'wx', mode: 0o600, flush: true });
}

async function makeStore(dataFolder: string, address: PostgresAddress | null, seal: Seal): Promise<Store> {
  if (address === null) return openSqliteStore({ dataDir: dataFolder, seal, create: true });
  if (await isStoreThere(address, seal))
    throw new RekeyError(
      'already-exists',
      `There is a store in ${address} already; start a server on it with \`rekey serve\`, with a copy of its key file.`,
      { reason: 'store-exists' },
    );
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

/** Opens the store of a folder beside a server that may be running on it. */
export async function openDataFolderForReading(dataFolder: string): Promise<Store> {
  const { address, seal: settings } = await standingOf(dataFolder);
  const seal = await openSeal(settings, process.env);
  return address === null
    ? openSqliteStore({ dataDir: dataFolder, seal, create: false, readOnly: true })
    : openSharedStore({ address, seal, create: false, readOnly: true });
}

/**
 * Where the store of a folder is and by what it is opened. A server that runs on it knows best; of a shared store the
 * environment goes first, since only there is the password.
 */
export async function standingOf(
  dataFolder: string,
): Promise<{ readonly address: PostgresAddress | null; readonly seal: SealSettings }> {
  const note = noteOfRunningServer(dataFolder);
  const config = await readConfig({ data: dataFolder }, process.env);
  if (note === null) return { address: config.storeAddress, seal: sealOf(config) };
  const told = note.store === undefined ? null : PostgresAddress.parse(note.store);
  const address = told !== null && process.env.REKEY_STORE_URL !== undefined ? config.storeAddress : told;
  return { address, seal: note.seal ?? sealOf(config) };
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
    const isShared = (await standingOf(dataFolder)).address !== null;
    const entry = await store.get('setting', auditHeadOf(isShared ? findServerId(dataFolder) : null));
    return entry === null ? null : (entry.record as unknown as Checkpoint);
  } finally {
    await store.close();
  }
}

/** What the store knows of the chains of all servers that share it, and which of them is this folder's. */
export async function readAuditChains(
  dataFolder: string,
): Promise<{ readonly own: string | null; readonly chains: readonly KnownChain[] }> {
  const isShared = (await readConfig({ data: dataFolder }, process.env)).storeAddress !== null;
  if (!isShared) return { own: null, chains: [] };
  const store = await openDataFolderForReading(dataFolder);
  try {
    return { own: findServerId(dataFolder), chains: await knownChains(store) };
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
  /** The seal that the backup was sealed with. */
  readonly seal: SealSettings;
  /** The escrow journals of all servers of the store, or copies; empty: the one beside the key file, if there is one. */
  readonly escrowFiles: readonly string[];
}

/** Makes a data folder from a backup, in quarantine, with the escrow journal that its first start replays. */
export async function restoreDataFolder(
  options: RestoreOptions,
): Promise<{ readonly dataFolder: string; readonly escrowFile: string | null }> {
  const { file, dataFolder, seal: settings } = options;
  const { keyFile } = dataFiles(dataFolder);
  const journals = findEscrow(options);
  const seal = await openSeal(settings, process.env);
  await restoreBackup({ backup: file, dataDir: dataFolder, seal, now: Date.now });
  if (settings.kind !== 'local-key') rememberSeal(dataFolder, settings);
  else if (resolve(settings.file) !== keyFile) copyKeyFile(settings.file, keyFile);
  await finishRestore(dataFolder, seal, journals);
  return { dataFolder, escrowFile: journals === null ? null : journals.join(' and ') };
}

/** The head in the backup is of a chain that stays with the old folder; the new folder begins its own. */
async function finishRestore(
  dataFolder: string,
  seal: Seal,
  journals: readonly [string, ...string[]] | null,
): Promise<void> {
  const { escrowFile: into } = dataFiles(dataFolder);
  const store = await openSqliteStore({ dataDir: dataFolder, seal, create: false });
  try {
    await store.commit([{ collection: 'setting', id: AUDIT_HEAD, record: null }]);
    for (const { id } of await listKeyServers(store)) await forgetKeyServer(store, id);
    if (journals !== null) await mergeEscrowJournals({ into, journals, store, seal });
  } finally {
    await store.close();
  }
}

function findEscrow({ escrowFiles, seal }: RestoreOptions): readonly [string, ...string[]] | null {
  const missing = escrowFiles.find((file) => !existsSync(file));
  if (missing !== undefined)
    throw new RekeyError(
      'invalid-input',
      `there is no escrow journal at ${missing}; name the right file, or leave --escrow out.`,
      { reason: 'wrong-use' },
    );
  const [first, ...others] = escrowFiles;
  if (first !== undefined) return [first, ...others];
  if (seal.kind !== 'local-key') return null;
  const beside = join(dirname(resolve(seal.file)), ESCROW_NAME);
  return existsSync(beside) ? [beside] : null;
}

export { makeDataFolder };
