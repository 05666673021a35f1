import { type Logger, messageOf, RekeyError } from '@rekey/core';
import type { FaceRequest } from '../faces/face.ts';

/**
 * Tells the operator what callers are not told. Our own sentences are safe to log; of any other error only kind and
 * place are, since its message may quote what must not be in a log.
 */
export function logFailure(log: Logger, request: FaceRequest, face: string | null, error: unknown): void {
  const { method, path, id } = request;
  const where = { face, method, path: withoutLeaked(path), requestId: id };
  if (error instanceof RekeyError && error.code !== 'bug')
    log.error({ ...where, reason: error.reason }, `request ${id} failed: ${messageOf(withCause(error))}`);
  else log.error({ ...where, ...placeOf(error) }, `request ${id} failed inside the server; this is a bug in rekey`);
}

/** What leaked is easily typed as the name of a secret. */
function withoutLeaked(path: string): string {
  return path.replace(/^(\/rekey\/secrets\/)[^/]*(?=\/breach$)/, '$1…');
}

/** The audit's own failure stands behind the one that names it. */
function withCause(error: RekeyError): Error {
  const { cause } = error;
  return cause instanceof RekeyError ? new Error(`${messageOf(error)} ${messageOf(cause)}`) : error;
}

function placeOf(error: unknown): { error: string; at: readonly string[] } {
  if (!(error instanceof Error)) return { error: typeof error, at: [] };
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return { error: error.name, at: frames.slice(0, 5).map((line) => line.trim()) };
}
