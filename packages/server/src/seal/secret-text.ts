import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { RekeyError } from '@rekey/core';

/** A secret by which a seal reaches its KEK: never on a command line, which everybody on the machine can read. */
export type SecretSource =
  | { readonly file: string }
  /** Name of the environment variable it was taken from, and what was in it. */
  | { readonly variable: string; readonly text: string };

/** For messages: where the secret comes from. */
export function describeSource(source: SecretSource): string {
  return 'file' in source ? source.file : source.variable;
}

/**
 * The secret without the line feed that editors put at the end of a file.
 *
 * @param what as it should read in an error: `passphrase`
 * @throws RekeyError `invalid-state`, reason `seal-secret-missing`, `-mode`, `-unreadable` or `-empty`
 */
export function readSecret(source: SecretSource, what: string): string {
  const text = 'file' in source ? readPrivately(source.file, what) : source.text;
  const secret = text.replace(/\r?\n$/, '');
  if (secret === '')
    throw failure('empty', `The ${what} in ${describeSource(source)} is empty; put the right one there.`);
  return secret;
}

function readPrivately(file: string, what: string): string {
  const descriptor = open(file, what);
  try {
    const { mode } = fstatSync(descriptor);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0)
      throw failure(
        'mode',
        `The ${what} file ${file} can be read by others than its owner (mode ${(mode & 0o777).toString(8).padStart(4, '0')}); run \`chmod 600 ${file}\`.`,
      );
    return readFileSync(descriptor, 'utf8');
  } catch (error) {
    throw error instanceof RekeyError ? error : unreadable(file, what, error);
  } finally {
    closeSync(descriptor);
  }
}

function open(file: string, what: string): number {
  try {
    return openSync(file, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw failure('missing', `There is no ${what} file ${file}; put it back, or name the right one.`);
    throw unreadable(file, what, error);
  }
}

function unreadable(file: string, what: string, error: unknown): RekeyError {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
  return failure(
    'unreadable',
    `The ${what} file ${file} cannot be read (${code}); give it to the account that rekey runs as.`,
  );
}

function failure(kind: string, message: string): RekeyError {
  return new RekeyError('invalid-state', message, { reason: `seal-secret-${kind}` });
}
