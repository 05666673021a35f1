import { RekeyError } from '@rekey/core';
import { openDataFolderForReading } from '../opening/data-folder.ts';
import { readRoot } from '../opening/root-credentials.ts';
import { noteOfRunningServer } from './server-note.ts';

/** A running server and what its folder's owner needs to act as root. */
export interface RunningServer {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
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
  const store = await openDataFolderForReading(dataFolder);
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
