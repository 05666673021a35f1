import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { RekeyError } from '@rekey/core';
import { readConfig } from '../config/config.ts';
import { openSeal } from '../seal/open-seal.ts';
import type { Seal } from '../seal/seal.ts';
import { openSqliteStore, storeFileOf } from '../store/data-folder.ts';
import type { ContentDigest, StoreRow } from '../store/migration/store-rows.ts';
import type { PostgresAddress } from '../store/postgres/address.ts';
import { openSharedStore } from '../store/shared-store.ts';
import { type FolderLock, lockFolder } from '../store/sqlite/folder-lock.ts';
import type { Store } from '../store/store.ts';
import { AUDIT_HEAD, auditHeadOf, sealOf } from './data-folder.ts';
import { ensureServerId, findServerId } from './server-id.ts';

export interface Migration {
  readonly dataFolder: string;
  /** Null: into the data folder. */
  readonly to: PostgresAddress | null;
  /** Told now and then: records copied, and how many there are. */
  readonly onProgress: (done: number, total: number) => void;
}

/**
 * Moves the store of a data folder between the drivers. The source stays as it is; the folder keeps key, escrow journal
 * and audit log, which fit the moved store: it is the same one, under the same keys.
 *
 * @throws RekeyError `unavailable`, reason `source-in-use`, while a server runs on the source; `already-exists` where there
 *   is a store at the target; `integrity` if what arrived differs
 */
export async function migrateStore(migration: Migration): Promise<ContentDigest> {
  const { dataFolder } = migration;
  const lock = takeSource(dataFolder);
  try {
    const config = await readConfig({ data: dataFolder }, process.env);
    const seal = await openSeal(sealOf(config), process.env);
    if (migration.to !== null) return await toPostgres({ ...migration, to: migration.to }, seal);
    if (config.storeAddress === null)
      throw new RekeyError(
        'invalid-input',
        `The store of ${dataFolder} is in the folder already; name the shared one with REKEY_STORE_URL or in rekey.yaml.`,
        { reason: 'wrong-use' },
      );
    return await toSqlite(migration, config.storeAddress, seal);
  } finally {
    lock.release();
  }
}

function takeSource(dataFolder: string): FolderLock {
  if (!existsSync(dataFolder))
    throw new RekeyError('invalid-state', `There is no data folder ${dataFolder}; name the right one with --data.`);
  try {
    return lockFolder(dataFolder);
  } catch (error) {
    if (!(error instanceof RekeyError) || error.reason !== 'folder-in-use') throw error;
    throw new RekeyError(
      'unavailable',
      `A server runs on ${dataFolder}; stop it first: what it writes during the move would be lost.`,
      { reason: 'source-in-use' },
    );
  }
}

/** From a snapshot, so that nothing is read twice differently; it is sealed as the store is, and gone at the end. */
async function toPostgres(migration: Migration & { readonly to: PostgresAddress }, seal: Seal): Promise<ContentDigest> {
  const { dataFolder, to: address, onProgress } = migration;
  const { moveToPostgres } = await import('../store/migration/to-postgres.ts');
  const store = await openSqliteStore({ dataDir: dataFolder, seal, create: false, readOnly: true });
  const snapshot = join(dataFolder, 'store.moving');
  const clear = () => {
    for (const ending of ['', '.partial']) rmSync(snapshot + ending, { force: true });
  };
  try {
    clear();
    await store.backup(snapshot);
    const head = await madeHead(store, AUDIT_HEAD, auditHeadOf(ensureServerId(dataFolder)));
    // The folder's lock keeps writers away from the source.
    return await moveToPostgres({ snapshot, address, made: head, onProgress, confirm: async () => {} });
  } finally {
    clear();
    await store.close();
  }
}

async function toSqlite({ dataFolder }: Migration, address: PostgresAddress, seal: Seal): Promise<ContentDigest> {
  const [{ moveToSqlite }, { refuseRunning, revisionIn }] = await Promise.all([
    import('../store/migration/to-sqlite.ts'),
    import('../store/migration/source-rest.ts'),
  ]);
  await refuseRunning(address);
  const store = await openSharedStore({ address, seal, create: false, readOnly: true });
  try {
    const serverId = findServerId(dataFolder);
    const made = serverId === null ? [] : await madeHead(store, auditHeadOf(serverId), AUDIT_HEAD);
    const revision = await revisionIn(address);
    const confirm = async () => {
      if ((await revisionIn(address)) !== revision) throw written(address);
    };
    return await moveToSqlite({ address, file: storeFileOf(dataFolder), made, confirm });
  } finally {
    await store.close();
  }
}

/** The head of the folder's audit chain under the id by which its server looks for it in the new place. */
async function madeHead(store: Store, from: string, to: string): Promise<readonly StoreRow[]> {
  const head = await store.get('setting', from);
  if (head === null) return [];
  const body = store.keyring.seal('setting', to, Buffer.from(JSON.stringify(head.record)));
  return [{ collection: 'setting', id: to, revision: head.revision, entries: '{}', body }];
}

function written(address: PostgresAddress): RekeyError {
  const message = `Somebody wrote to the store in ${address} during the move; stop all servers on it and run \`rekey migrate\` again.`;
  return new RekeyError('unavailable', message, { reason: 'source-in-use' });
}
