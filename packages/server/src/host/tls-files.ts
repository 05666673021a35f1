import { readFileSync, statSync } from 'node:fs';
import type { Server } from 'node:https';
import { createSecureContext } from 'node:tls';
import { type Clock, type Logger, messageOf, RekeyError } from '@rekey/core';

/** Paths of PEM files: the certificate with its chain, and its private key. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

export interface TlsMaterial {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** A renewed certificate is in use, and a broken one is told of, this long after it was written; milliseconds. */
const LOOK_MILLISECONDS = 1_000;

/**
 * Reads certificate and key, and proves that they belong together.
 *
 * @throws RekeyError `invalid-input`, in one sentence that names the files.
 */
export function readTlsFiles(files: TlsFiles): TlsMaterial {
  try {
    const material = { cert: readFileSync(files.cert), key: readFileSync(files.key) };
    createSecureContext(material);
    return material;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new RekeyError(
      'invalid-input',
      `The certificate ${files.cert} and the key ${files.key} cannot be used together (${code}); check both files.`,
      { reason: 'wrong-use', cause: error },
    );
  }
}

/**
 * Gives the server new certificates as their files change, until the signal. Looks at the files instead of being told:
 * that also works for mounted secrets, where a symbolic link is exchanged. While only one of two files has been
 * replaced the old pair stays in use.
 */
export async function followTlsFiles(
  server: Server,
  files: TlsFiles,
  { clock, log, signal }: { clock: Clock; log: Logger; signal: AbortSignal },
): Promise<void> {
  let used = fingerprint(files);
  let told: string | null = null;
  while (!signal.aborted) {
    await clock.sleep(LOOK_MILLISECONDS, signal);
    const found = fingerprint(files);
    if (signal.aborted || found === used) continue;
    try {
      server.setSecureContext(readTlsFiles(files));
      used = found;
      log.info({ cert: files.cert }, 'the TLS certificate was read anew');
    } catch (error) {
      if (told !== found) log.warn({ cert: files.cert }, `${messageOf(error)} The one before stays in use.`);
      told = found;
    }
  }
}

function fingerprint(files: TlsFiles): string {
  return [files.cert, files.key].map(stamp).join(' ');
}

function stamp(path: string): string {
  try {
    const { ino, mtimeNs, size } = statSync(path, { bigint: true });
    return `${ino}-${mtimeNs}-${size}`;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown error';
  }
}
