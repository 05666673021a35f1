import { RekeyError } from '@rekey/core';

/** What somebody wrote on the command line, in the environment or in a file cannot be meant: exit code 2. */
export function wrongUse(message: string): RekeyError {
  return new RekeyError('invalid-input', message, { reason: 'wrong-use' });
}
