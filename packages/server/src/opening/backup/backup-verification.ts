import { existsSync, statSync } from 'node:fs';
import { messageOf, RekeyError } from '@rekey/core';
import { Keyring, type KeyringRecord } from '../../seal/keyring.ts';
import type { Seal } from '../../seal/seal.ts';
import type { StoreDriver } from '../../store/driver.ts';
import { openSqliteDriver } from '../../store/sqlite.ts';
import { Store } from '../../store/store.ts';
import { KEYRING, parseKeyringRecord } from '../../store/store-keys.ts';
import { type BackupCounts, findBroken, readContent } from './backup-content.ts';
import { checkEscrow, type EscrowReport } from './backup-escrow.ts';

export interface BackupQuestion {
  readonly file: string;
  readonly seal: Seal;
  /** A keyring in hand, which saves asking the seal where the backup holds the same one. */
  readonly known?: { readonly record: KeyringRecord; readonly keyring: Keyring };
  /** Journals that a restore would replay. */
  readonly escrowFiles?: readonly string[];
}

/** What was seen of a backup. Times in milliseconds since the epoch. */
export interface BackupReport {
  readonly file: string;
  readonly sound: boolean;
  /** One sentence for each thing that is wrong. */
  readonly problems: readonly string[];
  readonly bytes: number;
  readonly storeId: string | null;
  /** The newest moment that the backup knows of: what came later is not in it. */
  readonly holdsUntil: number | null;
  readonly counts: BackupCounts | null;
  readonly escrow: readonly EscrowReport[];
}

/**
 * Tries a backup as a restore would: every page is read, the keyring opened, every record opened, and what belongs together
 * is looked for. Changes nothing, and reports what is wrong with the backup instead of throwing it.
 *
 * @throws RekeyError what the seal throws where it could not be looked: no key, a wrong one, a KEK that is away
 */
export async function verifyBackup(question: BackupQuestion): Promise<BackupReport> {
  const { file } = question;
  const nothing = { file, bytes: 0, storeId: null, holdsUntil: null, counts: null, escrow: [] };
  if (!existsSync(file) || !statSync(file).isFile())
    return { ...nothing, ...problems([`There is no backup at ${file}; name the file that \`rekey backup\` wrote.`]) };
  const bytes = statSync(file).size;
  if (bytes === 0)
    return { ...nothing, ...problems([`The backup ${file} is empty: it was never finished; take another one.`]) };
  try {
    const driver = openSqliteDriver({ file, create: false, readOnly: true });
    try {
      return { ...nothing, bytes, ...(await look(driver, question)) };
    } finally {
      await driver.close();
    }
  } catch (error) {
    if (couldNotLook(error)) throw error;
    return { ...nothing, bytes, ...problems([told(error, file)]) };
  }
}

/** Page by page first: what cannot be read as a file need not be looked at as a store. */
async function look(driver: StoreDriver, question: BackupQuestion) {
  const damage = await driver.check();
  if (damage.length > 0) return problems(damage);
  const keyring = await keyringOf(driver, question);
  const store = new Store({ driver, keyring });
  const unopenable = await store.check();
  const standing = { storeId: keyring.storeId, ...(await contentOf(store)) };
  if (unopenable.length > 0) return { ...standing, ...problems(unopenable) };
  const escrow: EscrowReport[] = [];
  for (const path of question.escrowFiles ?? [])
    escrow.push(await checkEscrow(path, { keyring, seal: question.seal, since: standing.holdsUntil }));
  const broken = [...(await findBroken(store)), ...escrow.flatMap(({ problems: found }) => found)];
  return { ...standing, escrow, ...problems(broken) };
}

/** Null where not even that can be read. */
function contentOf(store: Store) {
  return readContent(store).catch(() => ({ holdsUntil: null, counts: null }));
}

async function keyringOf(driver: StoreDriver, { file, seal, known }: BackupQuestion): Promise<Keyring> {
  const stored = await driver.get(KEYRING, KEYRING);
  if (stored === null)
    throw new RekeyError(
      'integrity',
      `The backup ${file} holds no keyring: nothing in it can be opened; take another.`,
    );
  const record = parseKeyringRecord(stored.body, file);
  if (known !== undefined && JSON.stringify(known.record) === JSON.stringify(record)) return known.keyring;
  return Keyring.unwrap(record, seal);
}

function problems(found: readonly string[]): Pick<BackupReport, 'sound' | 'problems'> {
  return { sound: found.length === 0, problems: found };
}

/** Without the key nothing is said of the backup. */
function couldNotLook(error: unknown): boolean {
  return error instanceof RekeyError && error.code !== 'integrity' && !OF_THE_FILE.has(error.reason);
}

/** Reasons for which a file is refused before its keyring is met. */
const OF_THE_FILE: ReadonlySet<string> = new Set(['store-missing', 'not-a-store', 'store-newer', 'store-older']);

/** Sentences of ours; a library's text is not for people. */
function told(error: unknown, file: string): string {
  if (error instanceof RekeyError && error.reason === 'store-damaged')
    return `The backup ${file} is damaged: it was cut, or altered on its disk or on the way; take another.`;
  return error instanceof RekeyError ? messageOf(error) : `The backup ${file} cannot be read as a store; take another.`;
}
