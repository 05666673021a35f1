import type { Keyring } from '../seal/keyring.ts';
import { type CollectionName, INDEXES } from './collections.ts';
import type { StoreDriver, StoredRecord } from './driver.ts';
import { openRecord } from './sealed-record.ts';

/** Records read at a time: a few milliseconds, between which requests get their turn. */
const PAGE = 200;

/** Opens every record; a sentence for each collection in which some cannot be opened. */
export async function findUnopenable(driver: StoreDriver, keyring: Keyring): Promise<readonly string[]> {
  const sentences: string[] = [];
  for (const collection of Object.keys(INDEXES) as CollectionName[]) {
    const count = await countUnopenable(driver, keyring, collection);
    if (count === 0) continue;
    sentences.push(
      `${count} of the ${collection} records cannot be opened (altered, or moved here); restore a backup.`,
    );
  }
  return sentences;
}

async function countUnopenable(driver: StoreDriver, keyring: Keyring, collection: CollectionName): Promise<number> {
  let count = 0;
  let page = await driver.list({ collection, index: null, limit: PAGE });
  while (page.length > 0) {
    count += page.filter((stored) => !opens(keyring, collection, stored)).length;
    const { id } = page.at(-1)!;
    await new Promise((resolve) => setImmediate(resolve));
    page = await driver.list({ collection, index: null, after: { value: id, id }, limit: PAGE });
  }
  return count;
}

function opens(keyring: Keyring, collection: CollectionName, stored: StoredRecord): boolean {
  try {
    openRecord(keyring, collection, stored);
    return true;
  } catch {
    return false;
  }
}
