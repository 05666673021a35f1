import { setTimeout as pause } from 'node:timers/promises';
import { RekeyError } from '@rekey/core';

/** How long a seal whose KEK is in another house waits for it. */
export interface Patience {
  /** Milliseconds that one attempt may take. */
  readonly timeout: number;
  /** Milliseconds before each further attempt. */
  readonly pauses: readonly number[];
  readonly sleep: (milliseconds: number) => Promise<unknown>;
}

/**
 * Five attempts within half a minute: a restart of the key service passes unseen, and a server that starts while it is
 * away still ends before service managers lose patience, with a sentence. They start it again.
 */
export const DEFAULT_PATIENCE: Patience = {
  timeout: 5_000,
  pauses: [500, 1_000, 2_000, 4_000],
  sleep: pause,
};

/** Runs the attempt again while it fails with what may pass by itself (`unavailable`). */
export async function patiently<T>(
  { timeout, pauses, sleep }: Patience,
  attempt: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  for (const milliseconds of pauses) {
    try {
      return await attempt(AbortSignal.timeout(timeout));
    } catch (error) {
      if (!(error instanceof RekeyError) || error.code !== 'unavailable') throw error;
    }
    await sleep(milliseconds);
  }
  return attempt(AbortSignal.timeout(timeout));
}

/** A key service that does not answer. `cause` may be a library's error: only its kind is told. */
export function away(what: string, cause: unknown): RekeyError {
  return new RekeyError(
    'unavailable',
    `${what} does not answer (${kindOf(cause)}); the store cannot be opened without it: bring it back, or look at the network between, then try again.`,
    { reason: 'seal-unavailable' },
  );
}

/** Code or name of an error, never its text: libraries put addresses and more in there. */
function kindOf(error: unknown): string {
  const { code, name, cause } = error as { code?: unknown; name?: unknown; cause?: unknown };
  if (typeof code === 'string') return code;
  if (cause !== undefined && cause !== null) return kindOf(cause);
  return name === 'TimeoutError' || name === 'AbortError' ? 'no answer in time' : String(name ?? 'unknown error');
}
