import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Quarantine } from '../engine/quarantine/quarantine.ts';
import type { UpkeepParts } from '../service/upkeep.ts';
import type { Store } from '../store/store.ts';

/** What the use cases about the server itself stand on. */
export function upkeepOf(store: Store, quarantine: Quarantine): UpkeepParts {
  return {
    backup: () => backupBytes(store),
    quarantine: () => quarantine.report(),
    endQuarantine: (wish) => quarantine.end(wish),
  };
}

/** Through a file of our own, because the store copies itself into a file; it is sealed, and gone again at once. */
async function backupBytes(store: Store): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), 'rekey-backup-'));
  try {
    const file = join(folder, 'backup');
    await store.backup(file);
    return await readFile(file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
