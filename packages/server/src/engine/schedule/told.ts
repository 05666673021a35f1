import { messageOf, RekeyError } from '@rekey/core';

/** Texts of errors that are not ours stay out of logs: drivers put connection strings there. */
export function told(error: unknown): string {
  return error instanceof RekeyError
    ? messageOf(error)
    : `an unexpected ${error instanceof Error ? error.name : 'failure'}`;
}

/** For logs: `unexpected` for errors that are not ours. */
export function reasonOf(error: unknown): string {
  return error instanceof RekeyError ? error.reason : 'unexpected';
}
