import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ServerConfig } from './config.ts';
import { dataFiles } from './data-folder.ts';
import { type EscrowJournal, type EscrowSource, MemoryEscrowJournal } from './engine/escrow.ts';
import { FileEscrowJournal } from './engine/escrow-journal.ts';
import { Keyring } from './seal/keyring.ts';
import { LocalKeySeal } from './seal/local-key.ts';
import { openSqliteStore } from './store/data-folder.ts';
import { MemoryDriver } from './store/memory.ts';
import { Store } from './store/store.ts';

export interface OpenStorage {
  readonly store: Store;
  readonly escrow: EscrowJournal & EscrowSource;
  close(): Promise<void>;
}

/** Store and escrow journal of a data folder, or both in memory (`--dev`). */
export async function openStorage(config: ServerConfig): Promise<OpenStorage> {
  if (config.dataFolder === null) {
    const store = new Store({ driver: new MemoryDriver(), keyring: Keyring.create(randomUUID(), Date.now()) });
    return { store, escrow: new MemoryEscrowJournal(), close: () => store.close() };
  }
  const { keyFile, escrowFile } = dataFiles(config.dataFolder);
  const seal = new LocalKeySeal(keyFile);
  const store = await openSqliteStore({ dataDir: config.dataFolder, seal, create: config.initialise });
  try {
    const keyring = store.keyring;
    const paths: [string, ...string[]] = [escrowFile, ...secondCopy(config.escrowSecondFolder)];
    const escrow = await FileEscrowJournal.open({ paths, keyring, wrapped: await keyring.wrap(seal), seal });
    return {
      store,
      escrow,
      async close() {
        await escrow.close();
        await store.close();
      },
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}

function secondCopy(folder: string | null): string[] {
  if (folder === null) return [];
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return [join(folder, 'escrow.journal')];
}
