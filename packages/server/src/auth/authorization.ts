import { plainSignatureError, signatureError } from './signature-error.ts';
import { headerValues, type SignedRequest } from './signed-request.ts';
import type { CredentialScope } from './signing-keys.ts';

/** What a signer claims, taken apart but not yet believed. */
export interface SignatureClaim {
  readonly accessKeyId: string;
  readonly scope: CredentialScope & { readonly terminator: string };
  /** Names in lower case, sorted, none twice. */
  readonly signedHeaders: readonly string[];
  /** 64 lower-case hex digits. */
  readonly signature: string;
  /** ISO 8601 basic form (`20150830T123600Z`), as it enters the string to sign. */
  readonly signedAt: string;
  /** Seconds the signature stays good; null for the header form, where the skew is the limit. */
  readonly validSeconds: number | null;
  readonly sessionToken: string | null;
}

const ALGORITHM = 'AWS4-HMAC-SHA256';
const WEEK_SECONDS = 604_800;
/** Each is looked for among all headers; no client signs a tenth of these. */
const SIGNED_HEADER_LIMIT = 100;
const SIGNATURE = /^[0-9a-f]{64}$/;
const HEADER_NAME = /^[a-z0-9!#$%&'*+\-.^_`|~]+$/;
const BASIC_TIME = /^\d{8}T\d{6}Z$/;
const ACCESS_KEY_ID = /^[\w-]{1,128}$/;

/** Reads the claim of a request, from its Authorization header or (presigned) from its query. */
export function signatureClaim(request: SignedRequest): SignatureClaim {
  const authorizations = headerValues(request, 'authorization');
  const presigned = request.query === '' ? null : presignedParameters(request.query);
  if (authorizations.length === 0 && presigned === null) throw plainSignatureError('missing-authentication');
  if (authorizations.length > 1) throw incomplete('The request carries more than one Authorization header.');
  if (authorizations[0] === undefined) return claimOfQuery(presigned!, request);
  if (presigned !== null) throw incomplete('The request is signed both in its Authorization header and in its query.');
  return claimOfHeader(authorizations[0], request);
}

function claimOfHeader(authorization: string, request: SignedRequest): SignatureClaim {
  const { head, signature } = SIGNED_LAST.test(authorization)
    ? recentHead(authorization)
    : splitAuthorization(authorization);
  return {
    ...head,
    signature: signatureOf(signature),
    signedAt: signingTime(request),
    validSeconds: null,
    sessionToken: onlyHeader(request, 'x-amz-security-token'),
  };
}

/** What an Authorization header says besides the signature: the same in all requests of a client for a day. */
type AuthorizationHead = Pick<SignatureClaim, 'accessKeyId' | 'scope' | 'signedHeaders'>;

/** As every client writes it. The name stands alone, so it is the one part of that name. */
const SIGNED_LAST = /[ ,]Signature=[0-9a-f]{64}$/;
const SIGNATURE_LENGTH = 64;
/** Heads remembered, and the longest of them in UTF-16 units: some 400 KB at most, whatever strangers send. */
const HEADS = 500;
const LONGEST_HEAD = 400;
const recentHeads = new Map<string, AuthorizationHead>();

/** Everything before the signature is taken apart once per client and day, instead of once per request. */
function recentHead(authorization: string): { readonly head: AuthorizationHead; readonly signature: string } {
  const at = authorization.length - SIGNATURE_LENGTH;
  const text = authorization.slice(0, at);
  const known = recentHeads.get(text);
  if (known !== undefined) return { head: known, signature: authorization.slice(at) };
  const split = splitAuthorization(authorization);
  if (recentHeads.size >= HEADS) recentHeads.clear();
  if (text.length <= LONGEST_HEAD) recentHeads.set(text, split.head);
  return split;
}

function splitAuthorization(authorization: string): { readonly head: AuthorizationHead; readonly signature: string } {
  const space = authorization.indexOf(' ');
  const algorithm = space < 0 ? authorization : authorization.slice(0, space);
  if (algorithm !== ALGORITHM) throw incomplete(`Unsupported AWS 'algorithm': only ${ALGORITHM} is accepted.`);
  const parts = authorizationParts(authorization.slice(space + 1));
  const signedHeaders = signedHeadersOf(parts.SignedHeaders!);
  return { head: { ...credentialOf(parts.Credential!), signedHeaders }, signature: parts.Signature! };
}

const AUTHORIZATION_PARTS = ['Credential', 'Signature', 'SignedHeaders'] as const;

function authorizationParts(text: string): Partial<Record<string, string>> {
  const parts: Partial<Record<string, string>> = Object.create(null);
  for (const item of text.split(',')) {
    const at = item.indexOf('=');
    const name = (at < 0 ? item : item.slice(0, at)).trim();
    if (at < 0 || name in parts)
      throw incomplete('The Authorization header is not a list of distinct name=value pairs.');
    parts[name] = item.slice(at + 1).trim();
  }
  const missing = AUTHORIZATION_PARTS.filter((name) => !parts[name]);
  if (missing.length > 0) {
    throw incomplete(missing.map((name) => `Authorization header requires '${name}' parameter.`).join(' '));
  }
  return parts;
}

const QUERY_PARTS = [
  'X-Amz-Algorithm',
  'X-Amz-Credential',
  'X-Amz-Signature',
  'X-Amz-SignedHeaders',
  'X-Amz-Date',
  'X-Amz-Expires',
];

/** The `X-Amz-…` parameters of a presigned query; null if the query carries none that belong to a signature. */
function presignedParameters(query: string): Map<string, string> | null {
  const found = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(query)) {
    if (!QUERY_PARTS.includes(name) && name !== 'X-Amz-Security-Token') continue;
    if (found.has(name)) throw incomplete(`AWS query-string parameter '${name}' is given more than once.`);
    found.set(name, value);
  }
  return found.size === 0 ? null : found;
}

function claimOfQuery(parameters: ReadonlyMap<string, string>, request: SignedRequest): SignatureClaim {
  const missing = QUERY_PARTS.filter((name) => !parameters.get(name));
  if (missing.length > 0) {
    throw incomplete(`AWS query-string parameters must include ${missing.map((name) => `'${name}'`).join(', ')}.`);
  }
  if (parameters.get('X-Amz-Algorithm') !== ALGORITHM) {
    throw incomplete(`Unsupported AWS 'algorithm': only ${ALGORITHM} is accepted.`);
  }
  const signedAt = parameters.get('X-Amz-Date')!;
  if (!BASIC_TIME.test(signedAt)) throw incomplete(NOT_BASIC_TIME);
  return {
    ...credentialOf(parameters.get('X-Amz-Credential')!),
    signedHeaders: signedHeadersOf(parameters.get('X-Amz-SignedHeaders')!),
    signature: signatureOf(parameters.get('X-Amz-Signature')!),
    signedAt,
    validSeconds: validSecondsOf(parameters.get('X-Amz-Expires')!),
    sessionToken: parameters.get('X-Amz-Security-Token') ?? onlyHeader(request, 'x-amz-security-token'),
  };
}

function validSecondsOf(text: string): number {
  const seconds = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (seconds >= 1 && seconds <= WEEK_SECONDS) return seconds;
  throw incomplete(`X-Amz-Expires must be a number of seconds from 1 to ${WEEK_SECONDS}.`);
}

function credentialOf(text: string): Pick<SignatureClaim, 'accessKeyId' | 'scope'> {
  const parts = text.split('/');
  const [accessKeyId, date, region, service, terminator] = parts;
  if (parts.length !== 5 || !accessKeyId || !date || !region || !service || !terminator) {
    throw incomplete('Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.');
  }
  if (!ACCESS_KEY_ID.test(accessKeyId)) throw plainSignatureError('unknown-access-key');
  return { accessKeyId, scope: { date, region, service, terminator } };
}

function signedHeadersOf(text: string): readonly string[] {
  const names = text.split(';', SIGNED_HEADER_LIMIT + 1);
  if (names.length > SIGNED_HEADER_LIMIT)
    throw incomplete(`SignedHeaders names more than ${SIGNED_HEADER_LIMIT} headers.`);
  for (const [at, name] of names.entries()) {
    const sorted = at === 0 || names[at - 1]! < name;
    if (!sorted || !HEADER_NAME.test(name)) {
      throw incomplete(
        'SignedHeaders must be distinct header names in lower case, sorted and separated by semicolons.',
      );
    }
  }
  return names;
}

function signatureOf(text: string): string {
  if (SIGNATURE.test(text)) return text;
  throw plainSignatureError('signature-mismatch');
}

const NOT_BASIC_TIME = "Date must be in ISO-8601 'basic format', as in 20150830T123600Z.";

/** X-Amz-Date, else Date, which may also be in the form of RFC 9110 (`Sun, 30 Aug 2015 12:36:00 GMT`). */
function signingTime(request: SignedRequest): string {
  const stated = onlyHeader(request, 'x-amz-date') ?? onlyHeader(request, 'date');
  if (stated === null) {
    throw incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.");
  }
  if (BASIC_TIME.test(stated)) return stated;
  const milliseconds = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(stated)
    ? Date.parse(stated)
    : Number.NaN;
  if (Number.isNaN(milliseconds)) throw incomplete(NOT_BASIC_TIME);
  return basicTime(milliseconds);
}

function onlyHeader(request: SignedRequest, name: string): string | null {
  const values = headerValues(request, name);
  if (values.length > 1) throw incomplete(`The request carries more than one ${name} header.`);
  return values[0]?.trim() ?? null;
}

/** `20150830T123600Z` of milliseconds since the epoch. */
export function basicTime(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
}

let lastBasicTime = '';
let lastMilliseconds = Number.NaN;

/** Milliseconds since the epoch of `20150830T123600Z`; NaN if there is no such moment. Requests of one second share it. */
export function readBasicTime(text: string): number {
  if (text !== lastBasicTime) {
    lastMilliseconds = parseBasicTime(text);
    lastBasicTime = text;
  }
  return lastMilliseconds;
}

function parseBasicTime(text: string): number {
  const number = (from: number, to: number) => Number(text.slice(from, to));
  const day = number(6, 8);
  const time = Date.UTC(number(0, 4), number(4, 6) - 1, day, number(9, 11), number(11, 13), number(13, 15));
  const valid = new Date(time).getUTCDate() === day && number(4, 6) <= 12 && number(9, 11) <= 23;
  return valid && number(11, 13) <= 59 && number(13, 15) <= 59 ? time : Number.NaN;
}

function incomplete(sentence: string) {
  return signatureError('incomplete-signature', sentence, null);
}
