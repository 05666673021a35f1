import { RekeyError } from '@rekey/core';

/**
 * Why a signature was not accepted; one reason per error code of AWS, so that a face needs a table and no judgement.
 *
 * - `missing-authentication`: nothing was signed (`MissingAuthenticationToken`).
 * - `incomplete-signature`: parts are missing, doubled or not well-formed (`IncompleteSignature`).
 * - `unknown-access-key`: no such key, an inactive one, or a session token that does not belong to it
 *   (`UnrecognizedClientException`, `InvalidClientTokenId`).
 * - `signature-mismatch`: another secret, another request or another scope (`InvalidSignatureException`,
 *   `SignatureDoesNotMatch`).
 * - `expired`, `not-yet-current`: signed too long ago, or ahead of our clock (same codes as a mismatch).
 * - `expired-token`: the session is over (`ExpiredToken`).
 */
export type SignatureFailure =
  | 'missing-authentication'
  | 'incomplete-signature'
  | 'unknown-access-key'
  | 'signature-mismatch'
  | 'expired'
  | 'not-yet-current'
  | 'expired-token';

const SENTENCE = {
  'missing-authentication': 'Missing Authentication Token',
  'unknown-access-key': 'The security token included in the request is invalid.',
  'expired-token': 'The security token included in the request is expired',
  'signature-mismatch':
    'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
} as const;

/** The error of a failed verification, in AWS's words. Never repeats a signature or a token. */
export function signatureError(reason: SignatureFailure, sentence: string, accessKeyId: string | null): RekeyError {
  const facts = accessKeyId === null ? {} : { accessKeyId };
  return new RekeyError('unauthenticated', sentence, { reason, facts });
}

/** The same, in the one sentence AWS has for the reason. */
export function plainSignatureError(reason: keyof typeof SENTENCE, accessKeyId: string | null = null): RekeyError {
  return signatureError(reason, SENTENCE[reason], accessKeyId);
}
