import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RekeyError } from '@rekey/core';

const NAME = 'server-id';
const FORM = /^[0-9a-f-]{36}$/;

/**
 * Name of the server that works on a data folder, among those that share a store; made at its first start. What belongs
 * to the folder and not to the store (the head of its audit chain) is kept under it. Null before the first start.
 *
 * @throws RekeyError `integrity` if the file was changed
 */
export function findServerId(dataFolder: string): string | null {
  const file = join(dataFolder, NAME);
  const text = readIfThere(file);
  if (text === null || FORM.test(text.trim())) return text?.trim() ?? null;
  const message = `${file} does not hold the id of a server; put back the one from a copy of the folder.`;
  throw new RekeyError('integrity', message, { reason: 'server-id-malformed' });
}

/** As {@link findServerId}; makes one for a folder that has none. To be called under the folder's lock. */
export function ensureServerId(dataFolder: string): string {
  const found = findServerId(dataFolder);
  if (found !== null) return found;
  const made = randomUUID();
  writeFileSync(join(dataFolder, NAME), `${made}\n`, { flag: 'wx', mode: 0o600, flush: true });
  return made;
}

function readIfThere(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
