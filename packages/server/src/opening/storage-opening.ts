import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { RekeyError } from '@rekey/core';
import type { ServerConfig } from '../config/config.ts';
import { type EscrowJournal, type EscrowSource, MemoryEscrowJournal } from '../engine/escrow/escrow.ts';
import { FileEscrowJournal } from '../engine/escrow/escrow-journal.ts';
import { Keyring } from '../seal/keyring.ts';
import { openSeal } from '../seal/open-seal.ts';
import { makeDataFolder, openSqliteStore } from '../store/data-folder.ts';
import { MemoryDriver } from '../store/memory.ts';
import { openSharedStore } from '../store/shared-store.ts';
import { type FolderLock, lockFolder } from '../store/sqlite/folder-lock.ts';
import { Store } from '../store/store.ts';
import type { StoreKeys } from '../store/store-keys.ts';
import { dataFiles, sealOf } from './data-folder.ts';

export interface OpenStorage {
  readonly store: Store;
  readonly escrow: EscrowJournal & EscrowSource;
  /** Drops what the escrow journal keeps longer than its retention says. */
  compactEscrow(): Promise<void>;
  /** Lets the escrow journal follow the keyring; returns the DEK under which all of it is sealed then. */
  followKeys(): Promise<number>;
  close(): Promise<void>;
}

/** Store and escrow journal of a data folder, or both in memory (`--dev`). */
export async function openStorage(config: ServerConfig): Promise<OpenStorage> {
  if (config.dataFolder === null) {
    const store = new Store({ driver: new MemoryDriver(), keyring: Keyring.create(randomUUID(), Date.now()) });
    return {
      store,
      escrow: new MemoryEscrowJournal(),
      compactEscrow: async () => {},
      followKeys: async () => store.keyring.activeId,
      close: () => store.close(),
    };
  }
  const { dataFolder, storeAddress: address, initialise: create } = config;
  const { escrowFile } = dataFiles(dataFolder);
  const seal = await openSeal(sealOf(config), process.env);
  const lock = address === null ? null : takeFolder(dataFolder, create);
  const store = await (address === null
    ? openSqliteStore({ dataDir: dataFolder, seal, create })
    : openSharedStore({ address, seal, create, staleness: config.readBound, staleReads: config.staleReads })
  ).catch((error) => {
    lock?.release();
    throw error;
  });
  try {
    const { keyring } = store;
    const keys = keysOf(store);
    const paths: [string, ...string[]] = [escrowFile, ...secondCopy(config.escrowSecondFolder)];
    const escrow = await FileEscrowJournal.open({
      paths,
      keyring,
      wrapped: keys.record,
      current: () => keys.record,
      seal,
    });
    return {
      store,
      escrow,
      // When the last backup was made is not known here (`rekey backup` only reads), so nothing counts as backed up.
      compactEscrow: async () => {
        await escrow.compact({ now: Date.now(), backedUpAt: null, wrapped: keys.record });
      },
      followKeys: () => escrow.follow(keyring, keys.record),
      async close() {
        await escrow.close();
        await store.close();
        lock?.release();
      },
    };
  } catch (error) {
    await store.close();
    lock?.release();
    throw error;
  }
}

function keysOf({ keys }: Store): StoreKeys {
  if (keys === null) throw new RekeyError('bug', 'A store in a data folder keeps its keyring.');
  return keys;
}

/** With a shared store the folder holds key file, escrow journal and audit, which are one server's alone. */
function takeFolder(dataFolder: string, create: boolean): FolderLock {
  if (create) makeDataFolder(dataFolder);
  if (existsSync(dataFolder)) return lockFolder(dataFolder);
  const message = `There is no data folder ${dataFolder}; make it with a copy of the store's key file in it, or run \`rekey serve --init\` where there is no store yet.`;
  throw new RekeyError('invalid-state', message, { reason: 'data-folder-missing' });
}

/** Never made here: the mount point of a disk that is absent would be taken for the disk. */
function secondCopy(folder: string | null): string[] {
  if (folder === null) return [];
  if (!existsSync(folder))
    throw new RekeyError(
      'invalid-state',
      `The folder ${folder} (escrow.secondFolder) is not there: mount its disk, or make the folder if it is new.`,
      { reason: 'escrow-folder-missing' },
    );
  return [join(folder, 'escrow.journal')];
}
