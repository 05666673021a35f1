import { createSecretKey, type KeyObject } from 'node:crypto';
import { closeSync, fstatSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { type RandomSource, RekeyError, systemRandom } from '@rekey/core';
import { type EnvelopeKey, envelopeKeyId, openEnvelope, sealEnvelope } from './envelope.ts';
import { identify } from './kek-id.ts';
import type { Seal } from './seal.ts';

const KEY_LENGTH = 32;
const KEY_FILE = /^([0-9a-f]{64})\n?$/;

/**
 * A KEK in a file: 32 random bytes as 64 hexadecimal digits and a line feed, mode 0600. The file is read when it is
 * first needed, so that "no store here" is told before "no key here".
 */
export class LocalKeySeal implements Seal {
  readonly name = 'local-key';
  readonly file: string;
  #key: EnvelopeKey | null = null;

  constructor(file: string) {
    this.file = file;
  }

  describe(): string {
    return `the key file ${this.file}`;
  }

  async prepare(): Promise<void> {
    if (!exists(this.file)) createKeyFile(this.file);
    this.#kek();
  }

  async wrap(plain: Uint8Array, context: string): Promise<Uint8Array> {
    return sealEnvelope(this.#kek(), context, plain);
  }

  async unwrap(wrapped: Uint8Array, context: string): Promise<Uint8Array> {
    const kek = this.#kek();
    if (envelopeKeyId(wrapped) !== kek.id) throw wrongKey(this.file);
    try {
      return openEnvelope(kek, context, wrapped);
    } catch {
      throw altered(this.file);
    }
  }

  #kek(): EnvelopeKey {
    this.#key ??= identify(readKeyFile(this.file));
    return this.#key;
  }
}

/**
 * Makes a new key file, mode 0600 from its first moment, and syncs it with its folder.
 *
 * @throws RekeyError `already-exists`: a key is never overwritten.
 */
export function createKeyFile(file: string, random: RandomSource = systemRandom): void {
  writeKeyFile(file, Buffer.from(random.bytes(KEY_LENGTH)).toString('hex'));
}

/** Puts a copy of a valid key file at a place where there is none yet. */
export function copyKeyFile(from: string, to: string): void {
  writeKeyFile(to, readKeyFile(from).export().toString('hex'));
}

/**
 * Reads a key file.
 *
 * @throws RekeyError `invalid-state` with reason `key-file-missing`, `key-file-mode` or `key-file-malformed`.
 */
export function readKeyFile(file: string): KeyObject {
  const descriptor = openKeyFile(file);
  try {
    refuseLooseMode(file, fstatSync(descriptor).mode);
    const digits = KEY_FILE.exec(readFileSync(descriptor, 'latin1'))?.[1];
    if (digits === undefined) throw malformed(file);
    return createSecretKey(digits, 'hex');
  } finally {
    closeSync(descriptor);
  }
}

function openKeyFile(file: string): number {
  try {
    return openSync(file, 'r');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') throw missing(file);
    throw unreadable(file, codeOf(error));
  }
}

function writeKeyFile(file: string, digits: string): void {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'wx', 0o600);
  } catch (error) {
    throw codeOf(error) === 'EEXIST' ? occupied(file) : unwritable(file, codeOf(error));
  }
  try {
    writeSync(descriptor, `${digits}\n`);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  syncFolder(dirname(file));
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Windows has no such modes: there the folder's access list is what counts. */
function refuseLooseMode(file: string, mode: number): void {
  if (process.platform === 'win32' || (mode & 0o077) === 0) return;
  const message = `The key file ${file} can be read by others than its owner (mode ${(mode & 0o777).toString(8).padStart(4, '0')}); run \`chmod 600 ${file}\`.`;
  throw new RekeyError('invalid-state', message, { reason: 'key-file-mode' });
}

function exists(file: string): boolean {
  try {
    closeSync(openSync(file, 'r'));
    return true;
  } catch (error) {
    return codeOf(error) !== 'ENOENT';
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown error';
}

function missing(file: string): RekeyError {
  const message = `The key file ${file} is missing; put it back from where you keep its copy: without it nobody can open this store.`;
  return new RekeyError('invalid-state', message, { reason: 'key-file-missing' });
}

function unreadable(file: string, code: string): RekeyError {
  const message = `The key file ${file} cannot be read (${code}); give it to the account that rekey runs as.`;
  return new RekeyError('invalid-state', message, { reason: 'key-file-unreadable' });
}

function malformed(file: string): RekeyError {
  const message = `The key file ${file} is not a key (64 hexadecimal digits); put the right file there.`;
  return new RekeyError('invalid-state', message, { reason: 'key-file-malformed' });
}

function occupied(file: string): RekeyError {
  const message = `There is a file at ${file} already; a key file is never overwritten, choose another place.`;
  return new RekeyError('already-exists', message, { reason: 'key-file-exists' });
}

function unwritable(file: string, code: string): RekeyError {
  const message = `The key file ${file} cannot be written (${code}); make its folder writable for the account that rekey runs as.`;
  return new RekeyError('invalid-state', message, { reason: 'key-file-unwritable' });
}

function wrongKey(file: string): RekeyError {
  const message = `The key file ${file} is not the key of this store; give the key file that was made together with it.`;
  return new RekeyError('decryption-failed', message, { reason: 'wrong-key' });
}

function altered(file: string): RekeyError {
  const message = `The keyring in the store was altered: the key file ${file} is the right one but does not open it; restore a backup.`;
  return new RekeyError('integrity', message, { reason: 'keyring-altered' });
}
