import { type ErrorCode, RekeyError } from '@rekey/core';
import { QueryRefusal } from './refusal.ts';

/** An error as it goes over the wire. */
export interface QueryError {
  readonly code: string;
  readonly status: number;
  readonly text: string;
}

interface Rung {
  readonly code: string;
  readonly status: number;
  /** In AWS's words; left out where the error's own sentence says it. */
  readonly text?: (facts: Readonly<Record<string, string>>) => string;
}

/** The one ladder from what a use case refuses to what IAM and STS would have said: by reason. */
const BY_REASON: Readonly<Record<string, Rung>> = {
  'missing-authentication': {
    code: 'MissingAuthenticationToken',
    status: 403,
    text: () => 'Request is missing Authentication Token',
  },
  'incomplete-signature': { code: 'IncompleteSignature', status: 400 },
  'unknown-access-key': { code: 'InvalidClientTokenId', status: 403 },
  'signature-mismatch': { code: 'SignatureDoesNotMatch', status: 403 },
  expired: { code: 'SignatureDoesNotMatch', status: 403 },
  'not-yet-current': { code: 'SignatureDoesNotMatch', status: 403 },
  'expired-token': { code: 'ExpiredToken', status: 403 },
  'not-permitted': {
    code: 'AccessDenied',
    status: 403,
    text: ({ sentence, principal, action, resource }) =>
      sentence ?? `User: ${principal} is not authorized to perform: ${action} on resource: ${resource}`,
  },
  'delete-conflict': { code: 'DeleteConflict', status: 409 },
  'malformed-policy-document': { code: 'MalformedPolicyDocument', status: 400 },
  'unacceptable-input': { code: 'InvalidInput', status: 400 },
  'invalid-identity-token': { code: 'InvalidIdentityToken', status: 400 },
  'identity-token-expired': { code: 'ExpiredTokenException', status: 400 },
  // The sentence tells of the issuer's network; that is for the audit log, not for whoever sends a token.
  'identity-provider-unreachable': {
    code: 'IDPCommunicationError',
    status: 400,
    text: () => 'The identity provider could not be reached to verify the token; try again.',
  },
  'packed-policy-too-large': { code: 'PackedPolicyTooLarge', status: 400 },
  'session-tags-invalid': { code: 'InvalidParameterValue', status: 400 },
  'authorization-message-invalid': { code: 'InvalidAuthorizationMessageException', status: 400 },
  'next-token-invalid': { code: 'ValidationError', status: 400, text: () => 'Invalid Marker.' },
};

/** Never says what went wrong inside: that is for the log. */
const INTERNAL: Rung = {
  code: 'InternalFailure',
  status: 500,
  text: () => 'The request processing has failed because of an unknown error, exception or failure.',
};

/** For reasons the ladder has no rung for: the kind decides, and the sentence is the error's own. */
const BY_CODE: Readonly<Record<ErrorCode, Rung>> = {
  'not-found': { code: 'NoSuchEntity', status: 404 },
  'already-exists': { code: 'EntityAlreadyExists', status: 409 },
  'invalid-input': { code: 'ValidationError', status: 400 },
  'invalid-state': { code: 'InvalidInput', status: 400 },
  'not-permitted': { code: 'AccessDenied', status: 403 },
  unauthenticated: { code: 'InvalidClientTokenId', status: 403 },
  'limit-exceeded': { code: 'LimitExceeded', status: 409 },
  conflict: { code: 'ConcurrentModification', status: 409 },
  'decryption-failed': INTERNAL,
  unavailable: INTERNAL,
  'storage-full': INTERNAL,
  integrity: INTERNAL,
  bug: INTERNAL,
};

/** What AWS answers where a use case failed so. */
export function queryErrorOf(error: unknown): QueryError {
  if (error instanceof QueryRefusal) return { code: error.wireCode, status: error.status, text: error.text };
  if (!(error instanceof RekeyError)) return resolve(INTERNAL, {}, '');
  return resolve(BY_REASON[error.reason] ?? BY_CODE[error.code], error.facts, error.message);
}

function resolve({ code, status, text }: Rung, facts: RekeyError['facts'], message: string): QueryError {
  return { code, status, text: text?.(facts) ?? message };
}
