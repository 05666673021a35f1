import { createHmac, hash, timingSafeEqual } from 'node:crypto';
import { basicTime, readBasicTime, type SignatureClaim, signatureClaim } from './authorization.ts';
import { canonicalRequest, hashText } from './canonical-request.ts';
import { plainSignatureError, signatureError } from './signature-error.ts';
import type { SignedRequest } from './signed-request.ts';
import { type SecretAccessKey, SigningKeys } from './signing-keys.ts';

export type { SignatureFailure } from './signature-error.ts';
export type { SignedRequest } from './signed-request.ts';
export { type SecretAccessKey, SigningKeys, secretAccessKeyObject } from './signing-keys.ts';

/** An access key as its keeper knows it. */
export interface AccessKey<P> {
  readonly secretAccessKey: SecretAccessKey;
  /** Whoever holds the key; handed back untouched. */
  readonly principal: P;
  readonly active: boolean;
  /** For keys of a session: the token that must come with every request. Absent or null for long-lived keys. */
  readonly sessionToken?: string | null;
  /** Milliseconds since the epoch at which the session ends. */
  readonly expiresAt?: number | null;
}

export interface SignatureRules<P> {
  /**
   * Looks an access key up; null if there is none. Answer without a promise where that is possible: then the whole
   * verification runs without giving up its turn. The session token of the request is given for keepers whose
   * sessions are sealed in the token itself.
   */
  findKey(accessKeyId: string, sessionToken: string | null): AccessKey<P> | null | Promise<AccessKey<P> | null>;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Service names a credential may be scoped to (`secretsmanager`). */
  readonly services: readonly string[];
  readonly region: string;
  /** Other regions a credential may be scoped to. */
  readonly furtherRegions?: readonly string[];
  /** Where signing keys are remembered; one store shared by all rules if not given. */
  readonly signingKeys?: SigningKeys;
}

/** What a good signature proves. */
export interface VerifiedSignature<P> {
  readonly accessKeyId: string;
  readonly principal: P;
  readonly service: string;
  readonly region: string;
  /** Milliseconds since the epoch, by the signer's clock. */
  readonly signedAt: number;
}

/** How far a signer's clock may be off: AWS's own five minutes. Longer widens the time a captured request can be replayed. */
const SKEW_MILLISECONDS = 5 * 60_000;
const UNHASHED_BODY = /^(?:UNSIGNED-PAYLOAD|STREAMING-)/;
/** Present unsigned without harm: the first two are bound otherwise, the others change nothing we do. */
const MAY_BE_UNSIGNED = new Set(['x-amz-date', 'x-amz-security-token', 'x-amz-user-agent', 'x-amz-cf-id']);

/** Of HMAC-SHA-256 in hex. */
const SIGNATURE_DIGITS = 64;

const sharedSigningKeys = new SigningKeys();

/**
 * Verifies AWS Signature Version 4, in the Authorization header or presigned in the query. The body is always
 * hashed here; `UNSIGNED-PAYLOAD` and `STREAMING-…` are refused. There is no nonce in SigV4: a request can be
 * replayed while its time is within the skew.
 *
 * @returns at once if `findKey` answers at once, else a promise.
 * @throws RekeyError `unauthenticated`; the reason is a {@link SignatureFailure}.
 */
export function verifySignature<P>(
  request: SignedRequest,
  rules: SignatureRules<P>,
): VerifiedSignature<P> | Promise<VerifiedSignature<P>> {
  const claim = signatureClaim(request);
  checkScope(claim, rules);
  const signedAt = checkTime(claim, rules.now());
  checkSignedHeaders(claim, request);
  const found = rules.findKey(claim.accessKeyId, claim.sessionToken);
  if (found instanceof Promise) return found.then((key) => checkKey(request, claim, key, rules, signedAt));
  return checkKey(request, claim, found, rules, signedAt);
}

function checkScope(claim: SignatureClaim, rules: SignatureRules<unknown>): void {
  const { date, region, service, terminator } = claim.scope;
  if (terminator !== 'aws4_request') {
    throw mismatch(claim, "Credential should be scoped with a valid terminator: 'aws4_request'.");
  }
  if (region !== rules.region && !rules.furtherRegions?.includes(region)) {
    const regions = new Set([rules.region, ...(rules.furtherRegions ?? [])]);
    throw mismatch(claim, `Credential should be scoped to a valid region: ${alternatives([...regions])}.`);
  }
  if (!rules.services.includes(service))
    throw mismatch(claim, `Credential should be scoped to correct service: ${alternatives(rules.services)}.`);
  if (!claim.signedAt.startsWith(date) || date.length !== 8) {
    throw mismatch(
      claim,
      `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${claim.signedAt.slice(0, 8)}' is expected, from '${claim.signedAt}'.`,
    );
  }
}

function alternatives(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(' or ');
}

function checkTime(claim: SignatureClaim, now: number): number {
  const signedAt = readBasicTime(claim.signedAt);
  if (Number.isNaN(signedAt)) {
    throw signatureError('incomplete-signature', `There is no such time as '${claim.signedAt}'.`, claim.accessKeyId);
  }
  const validFor = claim.validSeconds === null ? SKEW_MILLISECONDS : claim.validSeconds * 1000;
  if (signedAt < now - validFor) {
    const span = validFor % 60_000 === 0 ? `${validFor / 60_000} min.` : `${validFor / 1000} sec.`;
    const sentence = `Signature expired: ${claim.signedAt} is now earlier than ${basicTime(now - validFor)} (${basicTime(now)} - ${span})`;
    throw signatureError('expired', sentence, claim.accessKeyId);
  }
  if (signedAt > now + SKEW_MILLISECONDS) {
    const sentence = `Signature not yet current: ${claim.signedAt} is still later than ${basicTime(now + SKEW_MILLISECONDS)} (${basicTime(now)} + 5 min.)`;
    throw signatureError('not-yet-current', sentence, claim.accessKeyId);
  }
  return signedAt;
}

/** A header that decides what the request does must be signed, or it could be exchanged on the way. */
function checkSignedHeaders(claim: SignatureClaim, request: SignedRequest): void {
  if (!claim.signedHeaders.includes('host')) {
    throw mismatch(claim, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
  }
  for (const [name, value] of request.headers) {
    if (!name.startsWith('x-amz-') || MAY_BE_UNSIGNED.has(name)) continue;
    if (!claim.signedHeaders.includes(name)) {
      throw mismatch(claim, `'${name}' must be a 'SignedHeader' in the AWS Authorization.`);
    }
    if (name === 'x-amz-content-sha256' && UNHASHED_BODY.test(value)) {
      throw mismatch(claim, 'The body must be signed: UNSIGNED-PAYLOAD and STREAMING signatures are not accepted.');
    }
  }
}

function checkKey<P>(
  request: SignedRequest,
  claim: SignatureClaim,
  key: AccessKey<P> | null,
  rules: SignatureRules<P>,
  signedAt: number,
): VerifiedSignature<P> {
  if (key === null || !key.active || !sameToken(key.sessionToken ?? null, claim.sessionToken)) {
    throw plainSignatureError('unknown-access-key', claim.accessKeyId);
  }
  if (!hasSignature(request, claim, key.secretAccessKey, rules.signingKeys ?? sharedSigningKeys)) {
    throw plainSignatureError('signature-mismatch', claim.accessKeyId);
  }
  if (key.expiresAt != null && key.expiresAt <= rules.now()) {
    throw plainSignatureError('expired-token', claim.accessKeyId);
  }
  const { service, region } = claim.scope;
  return { accessKeyId: claim.accessKeyId, principal: key.principal, service, region, signedAt };
}

function hasSignature(
  request: SignedRequest,
  claim: SignatureClaim,
  secret: SecretAccessKey,
  keys: SigningKeys,
): boolean {
  const bodyHash = hash('sha256', request.body, 'hex');
  for (const name of claim.signedHeaders) if (!hasHeader(request, name)) return false;
  const { date, region, service } = claim.scope;
  const canonicalHash = hashText(canonicalRequest(request, claim.signedHeaders, bodyHash));
  const text = `AWS4-HMAC-SHA256\n${claim.signedAt}\n${date}/${region}/${service}/aws4_request\n${canonicalHash}`;
  const key = keys.get(claim.accessKeyId, secret, claim.scope);
  return isSame(createHmac('sha256', key).update(text).digest('hex'), claim.signature);
}

function hasHeader(request: SignedRequest, name: string): boolean {
  for (const header of request.headers) if (header[0] === name) return true;
  return false;
}

const expectedDigits = Buffer.alloc(SIGNATURE_DIGITS);
const givenDigits = Buffer.alloc(SIGNATURE_DIGITS);

/** In constant time. Both have 64 digits; they are compared in two buffers kept for it, as making some would cost more. */
function isSame(expected: string, given: string): boolean {
  expectedDigits.write(expected, 'latin1');
  givenDigits.write(given, 'latin1');
  const same = timingSafeEqual(expectedDigits, givenDigits);
  expectedDigits.fill(0);
  return same && given.length === SIGNATURE_DIGITS;
}

function sameToken(expected: string | null, given: string | null): boolean {
  if (expected === null || given === null) return expected === given;
  return timingSafeEqual(hash('sha256', expected, 'buffer'), hash('sha256', given, 'buffer'));
}

function mismatch(claim: SignatureClaim, sentence: string) {
  return signatureError('signature-mismatch', sentence, claim.accessKeyId);
}
