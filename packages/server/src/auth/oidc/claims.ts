import type { ContextValue } from '../policy/context.ts';
import { type OidcProvider, providerName } from './provider.ts';
import { expiredToken, invalidToken } from './refusals.ts';

/** Who a token speaks of, once its signature is good and its claims hold. */
export interface WebIdentity {
  readonly provider: OidcProvider;
  readonly subject: string;
  /** The client id the token is for: `azp` where there is one, else the registered one in `aud`. */
  readonly audience: string;
  /** Condition keys, `<provider>:sub` and so on. */
  readonly keys: Readonly<Record<string, ContextValue>>;
  readonly claims: Readonly<Record<string, unknown>>;
}

/**
 * By how much the issuer's clock may be ahead of ours, in seconds: a token is used the moment it is made. Its end has no
 * such grace: what has expired is refused.
 */
const SKEW = 60;

/**
 * Checks what a token says of itself (RFC 7519, section 4.1; OpenID Connect Core 1.0, section 3.1.3.7) against the
 * provider it comes from. Condition keys are AWS's: `aud` is `azp` where there is one, `oaud` is always `aud`.
 *
 * @param now milliseconds since the epoch
 * @throws RekeyError `unauthenticated`
 */
export function readIdentity(
  claims: Readonly<Record<string, unknown>>,
  provider: OidcProvider,
  now: number,
): WebIdentity {
  checkTimes(claims, Math.floor(now / 1000));
  const subject = claims.sub;
  if (typeof subject !== 'string' || subject === '' || subject.length > 255) throw unusable(claims, 'sub');
  const audiences = audiencesOf(claims);
  const party = claims.azp;
  if (party !== undefined && typeof party !== 'string') throw unusable(claims, 'azp');
  const candidates = party === undefined ? audiences : [party];
  const audience = candidates.find((candidate) => provider.clientIds.includes(candidate));
  if (audience === undefined) throw invalidToken('Incorrect token audience');
  const name = providerName(provider.issuer);
  const keys = {
    [`${name}:sub`]: subject,
    [`${name}:aud`]: audience,
    [`${name}:oaud`]: audiences.find((candidate) => provider.clientIds.includes(candidate)) ?? audiences[0]!,
    ...(party === undefined ? {} : { [`${name}:azp`]: party }),
    ...(typeof claims.email === 'string' ? { [`${name}:email`]: claims.email } : {}),
    ...(isTexts(claims.amr) ? { [`${name}:amr`]: claims.amr } : {}),
  };
  return { provider, subject, audience, keys, claims };
}

function checkTimes(claims: Readonly<Record<string, unknown>>, now: number): void {
  const { exp, nbf, iat } = claims;
  if (!isTime(exp)) throw unusable(claims, 'exp');
  if (!isTime(iat)) throw unusable(claims, 'iat');
  if (nbf !== undefined && !isTime(nbf)) throw unusable(claims, 'nbf');
  if (exp <= now) throw expiredToken(now, exp);
  if (iat > now + SKEW || (nbf !== undefined && nbf > now + SKEW)) {
    throw invalidToken('The token is not valid yet; the clock of its issuer may be ahead.');
  }
}

function audiencesOf(claims: Readonly<Record<string, unknown>>): readonly string[] {
  const { aud } = claims;
  const audiences = typeof aud === 'string' ? [aud] : aud;
  if (isTexts(audiences) && audiences.length > 0) return audiences;
  throw unusable(claims, 'aud');
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

/** Seconds since the epoch, at most of the year 9999. */
function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= 253_402_300_799;
}

/** AWS's words where it is not there at all. */
function unusable(claims: Readonly<Record<string, unknown>>, claim: string): Error {
  if (claims[claim] === undefined) return invalidToken(`Missing a required claim: ${claim}`);
  return invalidToken(`The claim ${claim} of the token has another form than it must have.`);
}
