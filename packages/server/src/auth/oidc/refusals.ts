import { RekeyError } from '@rekey/core';

/** The token proves nobody: malformed, signed by another key, of another issuer or for another audience. */
export function invalidToken(sentence: string): RekeyError {
  return new RekeyError('unauthenticated', sentence, { reason: 'invalid-identity-token' });
}

export function expiredToken(now: number, expiry: number): RekeyError {
  const sentence = `Token expired: current date/time ${now} must be before the expiration date/time ${expiry}`;
  return new RekeyError('unauthenticated', sentence, { reason: 'identity-token-expired' });
}

/** The issuer could not be asked for its keys; says nothing about the token. */
export function issuerUnreachable(issuer: string, why: string): RekeyError {
  const sentence = `The keys of the identity provider ${issuer} could not be fetched: ${why}.`;
  return new RekeyError('unavailable', sentence, { reason: 'identity-provider-unreachable' });
}
