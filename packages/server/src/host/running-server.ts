import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RekeyError } from '@rekey/core';
import { openDataFolderForReading, type ToldStore } from '../opening/data-folder.ts';
import { readRoot } from '../opening/root-credentials.ts';
import type { SealSettings } from '../seal/open-seal.ts';
import { PostgresAddress } from '../store/postgres/address.ts';

/** What a running server leaves in its data folder, so that the owner's command line finds it. Holds no secret. */
export interface ServerNote {
  readonly endpoint: string;
  readonly region: string;
  readonly processId: number;
  /** The shared store it works on, without the password; left out where the store is in the folder. */
  readonly store?: string;
  /** How it reaches its KEK. */
  readonly seal?: SealSettings;
}

/** A running server and what its folder's owner needs to act as root. */
export interface RunningServer {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const NOTE = 'server.json';

/** The store and seal of the server that runs on a folder, as it says them itself; null if none runs there. */
export function findServerNote(dataFolder: string): ToldStore | null {
  const note = readNote(dataFolder);
  return note === null || !isAlive(note.processId) ? null : toldBy(note);
}

function toldBy({ store, seal }: ServerNote): ToldStore {
  return {
    ...(store === undefined ? {} : { address: PostgresAddress.parse(store) }),
    ...(seal === undefined ? {} : { seal }),
  };
}

export function leaveServerNote(dataFolder: string, note: ServerNote): void {
  writeFileSync(join(dataFolder, NOTE), `${JSON.stringify(note)}\n`, { mode: 0o600 });
}

export function removeServerNote(dataFolder: string): void {
  rmSync(join(dataFolder, NOTE), { force: true });
}

/**
 * Finds the server that runs on a data folder. Root's key comes out of the sealed store, so only who may read the key
 * file gets it.
 *
 * @throws RekeyError when no server runs there, with the command that would start it.
 */
export async function readRunningServer(dataFolder: string): Promise<RunningServer> {
  const note = noteOfRunningServer(dataFolder);
  if (note === null)
    throw new RekeyError(
      'unavailable',
      `no rekey server runs on ${dataFolder}; start it with \`rekey serve --data ${dataFolder}\`.`,
      {
        reason: 'no-server',
      },
    );
  const store = await openDataFolderForReading(dataFolder, toldBy(note));
  try {
    const root = await readRoot(store);
    if (root === null)
      throw new RekeyError(
        'integrity',
        `the store in ${dataFolder} holds no root credentials; start the server once more.`,
      );
    return {
      endpoint: note.endpoint,
      region: note.region,
      accessKeyId: root.accessKeyId,
      secretAccessKey: root.secretAccessKey,
    };
  } finally {
    await store.close();
  }
}

/** What the server that runs on the folder left there; null if none does. */
export function noteOfRunningServer(dataFolder: string): ServerNote | null {
  const note = readNote(dataFolder);
  return note !== null && isAlive(note.processId) ? note : null;
}

function readNote(dataFolder: string): ServerNote | null {
  try {
    return JSON.parse(readFileSync(join(dataFolder, NOTE), 'utf8')) as ServerNote;
  } catch {
    return null;
  }
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
