import { createHash, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { type RandomSource, RekeyError } from '@rekey/core';
import { secretAccessKeyObject } from '../auth/sigv4.ts';
import type { Store } from '../store/store.ts';

/** Credentials of the account's root, as an operator gives them or as they are made at `init`. */
export interface RootCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Bearer token for faces that take one. */
  readonly token: string;
}

/** Root as the server holds it: nothing of it can be printed by accident. */
export interface RootKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: KeyObject;
  readonly tokenHash: Buffer;
}

const SETTING = 'root';
/** Servers that may start together on a new store. */
const ATTEMPTS = 10;
const KEY_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const SECRET_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/**
 * Root of this store: what the environment names wins and is kept (sealed), else what the store holds, else it is made.
 *
 * @returns the credentials, and whether they were made just now and must be shown to somebody
 */
export async function ensureRoot(
  store: Store,
  environment: Readonly<Record<string, string | undefined>>,
  random: RandomSource,
): Promise<{ readonly root: RootCredentials; readonly made: boolean }> {
  const given = readRootFromEnvironment(environment);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await tryRoot(store, given, random);
    } catch (error) {
      // Another server that starts on the same store was quicker: what it made is there now.
      if (attempt >= ATTEMPTS || !(error instanceof RekeyError) || error.code !== 'conflict') throw error;
    }
  }
}

async function tryRoot(
  store: Store,
  given: ReturnType<typeof readRootFromEnvironment>,
  random: RandomSource,
): Promise<{ readonly root: RootCredentials; readonly made: boolean }> {
  const entry = await store.get('setting', SETTING);
  const stored = entry === null ? null : (entry.record as unknown as RootCredentials);
  const root: RootCredentials = {
    accessKeyId: given.accessKeyId ?? stored?.accessKeyId ?? `AKIA${pick(random, KEY_ALPHABET, 16)}`,
    secretAccessKey: given.secretAccessKey ?? stored?.secretAccessKey ?? pick(random, SECRET_ALPHABET, 40),
    token: given.token ?? stored?.token ?? `rekey.${pick(random, SECRET_ALPHABET, 40)}`,
  };
  const same =
    stored?.accessKeyId === root.accessKeyId &&
    stored.secretAccessKey === root.secretAccessKey &&
    stored.token === root.token;
  const expect = entry?.revision ?? 0;
  if (!same) await store.commit([{ collection: 'setting', id: SETTING, record: { ...root }, expect }]);
  return { root, made: stored === null && given.secretAccessKey === undefined };
}

/** Root as the store holds it; null before it was ever set. */
export async function readRoot(store: Store): Promise<RootCredentials | null> {
  const entry = await store.get('setting', SETTING);
  return entry === null ? null : (entry.record as unknown as RootCredentials);
}

export function rootKeyOf(root: RootCredentials): RootKey {
  return {
    accessKeyId: root.accessKeyId,
    secretAccessKey: secretAccessKeyObject(root.secretAccessKey),
    tokenHash: createHash('sha256').update(root.token).digest(),
  };
}

function readRootFromEnvironment(environment: Readonly<Record<string, string | undefined>>): Partial<RootCredentials> {
  const accessKeyId = readSetting(environment, 'REKEY_ROOT_ACCESS_KEY_ID');
  const secretAccessKey = readSetting(environment, 'REKEY_ROOT_SECRET_ACCESS_KEY');
  const token = readSetting(environment, 'REKEY_ROOT_TOKEN');
  if ((accessKeyId === undefined) !== (secretAccessKey === undefined))
    throw wrongUse('REKEY_ROOT_ACCESS_KEY_ID and REKEY_ROOT_SECRET_ACCESS_KEY go together; give both or neither.');
  if (accessKeyId !== undefined && !/^[A-Za-z0-9]{16,128}$/.test(accessKeyId))
    throw wrongUse('REKEY_ROOT_ACCESS_KEY_ID takes 16 to 128 letters and digits.');
  if (secretAccessKey !== undefined && secretAccessKey.length < 16)
    throw wrongUse('REKEY_ROOT_SECRET_ACCESS_KEY takes at least 16 characters.');
  if (token !== undefined && token.length < 16) throw wrongUse('REKEY_ROOT_TOKEN takes at least 16 characters.');
  return {
    ...(accessKeyId === undefined ? {} : { accessKeyId }),
    ...(secretAccessKey === undefined ? {} : { secretAccessKey }),
    ...(token === undefined ? {} : { token }),
  };
}

/** `NAME` itself, or the content of the file that `NAME_FILE` names (containers mount secrets as files). */
function readSetting(environment: Readonly<Record<string, string | undefined>>, name: string): string | undefined {
  const direct = environment[name];
  if (direct !== undefined && direct !== '') return direct;
  const file = environment[`${name}_FILE`];
  if (file === undefined || file === '') return undefined;
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw wrongUse(
      `${name}_FILE names a file that cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}.`,
    );
  }
}

/** Unbiased: every character is drawn by `random.below`. */
function pick(random: RandomSource, alphabet: string, length: number): string {
  return Array.from({ length }, () => alphabet[random.below(alphabet.length)]).join('');
}

export interface ShowOptions {
  readonly dataFolder: string;
  /** Whether a person is looking at standard output. */
  readonly terminal: boolean;
  readonly write: (text: string) => void;
}

/**
 * Tells freshly made root credentials once: on a terminal, or in a 0600 file where nobody looks. Never logged.
 *
 * @returns the file written; null if they were shown on the terminal
 */
export async function showRootCredentials(
  root: RootCredentials,
  options: ShowOptions,
): Promise<{ readonly file: string | null }> {
  const lines = [
    `AWS_ACCESS_KEY_ID=${root.accessKeyId}`,
    `AWS_SECRET_ACCESS_KEY=${root.secretAccessKey}`,
    `REKEY_TOKEN=${root.token}`,
    '',
  ].join('\n');
  if (options.terminal) {
    options.write(`Root credentials, shown this once:\n\n${lines.replace(/^(?=.)/gm, 'export ')}\n`);
    return { file: null };
  }
  const file = join(options.dataFolder, 'root-credentials.env');
  const handle = await open(file, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
    const message = `${file} is there already and is not overwritten: move it away. The new root credentials are in the store; \`rekey … --data ${options.dataFolder}\` uses them.`;
    throw new RekeyError('already-exists', message, { reason: 'root-credentials-file' });
  });
  try {
    await handle.writeFile(lines);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return { file };
}

function wrongUse(message: string): RekeyError {
  return new RekeyError('invalid-input', message, { reason: 'wrong-use' });
}
