import type { CompactJWSHeaderParameters, CryptoKey } from 'jose';
import { readIdentity, type WebIdentity } from './claims.ts';
import type { IssuerKeys } from './issuer-keys.ts';
import type { OidcProvider } from './provider.ts';
import { invalidToken } from './refusals.ts';

export type { WebIdentity } from './claims.ts';

export interface WebIdentityOptions {
  readonly keys: Pick<IssuerKeys, 'find'>;
  /** The provider configured for exactly this issuer. */
  readonly findProvider: (issuer: string) => Promise<OidcProvider | null>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Signatures by a private key only: whoever can verify must not be able to sign. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
/** As in AWS's model of the operation. Characters. */
const LONGEST_TOKEN = 20_000;

/**
 * Verifies web identity tokens (JWTs, RFC 7519, in compact form) of configured providers. What a header says of keys
 * (`jku`, `jwk`, `x5u`, `x5c`) is never followed: keys come from the issuer's own key set only.
 */
export class WebIdentityVerifier {
  readonly #options: WebIdentityOptions;

  constructor(options: WebIdentityOptions) {
    this.#options = options;
  }

  /** @throws RekeyError `unauthenticated`, or `unavailable` where the issuer's keys cannot be had */
  async verify(token: string): Promise<WebIdentity> {
    const { keys, findProvider, now } = this.#options;
    if (token.length > LONGEST_TOKEN) throw notToken();
    const [header, claims] = decode(token);
    if (!ALGORITHMS.includes(header.alg)) {
      throw invalidToken(`The token is not signed by an algorithm that is accepted: ${ALGORITHMS.join(', ')}.`);
    }
    const provider = typeof claims.iss === 'string' ? await findProvider(claims.iss) : null;
    if (provider === null) throw unknownIssuer(claims.iss);
    await verifySignature(token, await keys.find(provider.issuer, header));
    return readIdentity(claims, provider, now());
  }
}

async function verifySignature(token: string, key: CryptoKey): Promise<void> {
  const { compactVerify } = await import('jose');
  try {
    await compactVerify(token, key, { algorithms: ALGORITHMS });
  } catch {
    throw invalidToken('The signature of the token is not of the key that it names.');
  }
}

function decode(token: string): [CompactJWSHeaderParameters, Readonly<Record<string, unknown>>] {
  const parts = token.split('.');
  if (parts.length !== 3) throw notToken();
  const header = decodePart(parts[0]!);
  if (typeof header.alg !== 'string' || (header.kid !== undefined && typeof header.kid !== 'string')) throw notToken();
  // RFC 7515, section 4.1.11: what is critical and not understood must be refused; no extension is understood here.
  if (Object.hasOwn(header, 'crit')) throw notToken();
  return [header as CompactJWSHeaderParameters, decodePart(parts[1]!)];
}

function decodePart(part: string): Record<string, unknown> {
  if (!/^[\w-]+$/.test(part)) throw notToken();
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {}
  throw notToken();
}

function notToken(): Error {
  return invalidToken('The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)');
}

/** Names the issuer as AWS does, as far as it is fit to be read. */
function unknownIssuer(issuer: unknown): Error {
  const named = typeof issuer === 'string' && /^[\x21-\x7e]{1,255}$/.test(issuer) ? issuer : 'the issuer of the token';
  return invalidToken(`No OpenIDConnect provider found in your account for ${named}`);
}
