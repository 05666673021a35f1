import { type ErrorCode, RekeyError, RotatorError } from '@rekey/core';
import type { FaceResponse } from '../face.ts';

const STATUS: Readonly<Record<ErrorCode, number>> = {
  'not-found': 404,
  'already-exists': 409,
  'invalid-input': 400,
  'invalid-state': 409,
  conflict: 409,
  'not-permitted': 403,
  unauthenticated: 401,
  'limit-exceeded': 429,
  unavailable: 503,
  'storage-full': 503,
  'decryption-failed': 500,
  integrity: 500,
  bug: 500,
};

/** The one ladder from a domain error to a native answer. What is not ours says nothing: it may hold anything. */
export function errorAnswer(error: unknown): FaceResponse {
  if (error instanceof RekeyError)
    return jsonAnswer(STATUS[error.code], {
      error: { code: error.code, reason: error.reason, message: error.message },
    });
  if (error instanceof RotatorError)
    return jsonAnswer(502, {
      error: { code: 'target', reason: error.class, message: error.message, nextAction: error.nextAction },
    });
  return jsonAnswer(500, { error: { code: 'bug', reason: 'bug', message: 'rekey failed; its log says more.' } });
}

export function jsonAnswer(status: number, body: unknown): FaceResponse {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' },
    body: JSON.stringify(body),
  };
}
