import { hash, timingSafeEqual } from 'node:crypto';
import { RekeyError } from '@rekey/core';
import { headerValues, type SignedRequest } from './signed-request.ts';

const BEARER = /^bearer +([\w\-.~+/]+=*)$/i;

/** SHA-256 of a token: all that needs to be kept of one. Tokens are long and random, so no slow hash is called for. */
export function hashToken(token: string): Buffer {
  return hash('sha256', token, 'buffer');
}

/** Whether a token is the one the hash was made of; takes the same time wherever they differ. */
export function matchesToken(token: string, tokenHash: Uint8Array): boolean {
  const given = hashToken(token);
  return given.length === tokenHash.length && timingSafeEqual(given, tokenHash);
}

/**
 * The bearer token of a request (RFC 6750, section 2.1).
 *
 * @returns null if the request carries no Authorization header.
 * @throws RekeyError `unauthenticated`, reason `malformed-token`, for more than one header or another scheme.
 */
export function bearerToken(request: Pick<SignedRequest, 'headers'>): string | null {
  const values = headerValues(request, 'authorization');
  if (values.length === 0) return null;
  const token = values.length === 1 ? BEARER.exec(values[0]!.trim())?.[1] : undefined;
  if (token !== undefined) return token;
  throw new RekeyError('unauthenticated', 'The Authorization header must be one `Bearer TOKEN`.', {
    reason: 'malformed-token',
  });
}

/** One who may come with a token. */
export interface TokenHolder<P> {
  readonly tokenHash: Uint8Array;
  readonly principal: P;
}

/**
 * Finds whose token it is among a handful of holders. All are compared, so that the time says nothing about which.
 *
 * @throws RekeyError `unauthenticated`; reason `missing-authentication` without a token, `unknown-token` for a wrong one.
 */
export function verifyToken<P>(token: string | null, holders: readonly TokenHolder<P>[]): P {
  if (token === null) {
    throw new RekeyError('unauthenticated', 'The request carries no token; send `Authorization: Bearer TOKEN`.', {
      reason: 'missing-authentication',
    });
  }
  let found: TokenHolder<P> | null = null;
  for (const holder of holders) if (matchesToken(token, holder.tokenHash)) found = holder;
  if (found !== null) return found.principal;
  throw new RekeyError('unauthenticated', 'The token is not known here.', { reason: 'unknown-token' });
}
