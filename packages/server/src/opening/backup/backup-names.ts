/** Pure: names of scheduled backups, and which of them may go. */

/** `rekey-<store>-20261127T053000Z.backup`; sorts by time, and tells stores that share a folder apart. */
export function backupName(storeId: string, at: number): string {
  const time = new Date(at).toISOString().replace(/\.\d+|[-:]/g, '');
  return `${prefixOf(storeId)}${time}${GOOD}`;
}

/** What a backup is called in which something was found wrong. */
export function damagedName(name: string): string {
  return `${name}.damaged`;
}

/**
 * What may go once `newest`, which was tried and is good, is there: good ones beyond the number to be kept, damaged ones
 * and leftovers of a crash that are older. Never `newest` itself, never what is not ours.
 */
export function superseded(
  names: readonly string[],
  { storeId, newest, keep }: { readonly storeId: string; readonly newest: string; readonly keep: number },
): readonly string[] {
  const ours = names.filter((name) => name !== newest && isOurs(name, storeId) && name < newest);
  const good = ours
    .filter((name) => name.endsWith(GOOD))
    .sort()
    .reverse();
  return [...good.slice(Math.max(0, keep - 1)), ...ours.filter((name) => !name.endsWith(GOOD))];
}

const GOOD = '.backup';
const ENDING = /^\d{8}T\d{6}Z\.backup(\.damaged|\.partial)?$/;

/** Whether a file is a scheduled backup of the store, or what is left of one. */
export function isOurs(name: string, storeId: string): boolean {
  const prefix = prefixOf(storeId);
  return name.startsWith(prefix) && ENDING.test(name.slice(prefix.length));
}

/** Ids have letters, digits, `-` and `_`; enough of one to tell stores apart. */
function prefixOf(storeId: string): string {
  return `rekey-${storeId.replace(/[^\w-]/g, '').slice(0, 8)}-`;
}
