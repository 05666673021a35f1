import type { JSONWebKeySet } from 'jose';
import type { DocumentRequest, FetchDocument } from './fetch-document.ts';
import { type IssuerRules, type IssuerTrust, isFetchable } from './provider.ts';

export interface KeyDocumentsOptions {
  readonly fetchDocument: FetchDocument;
  readonly rules: Pick<IssuerRules, 'allowHttp'>;
  /** Text of a file; for bearer tokens and certificates. */
  readonly readFile: (path: string) => Promise<string>;
}

/**
 * Asks an issuer for its keys: the discovery document, then the key set it names (OpenID Connect Discovery 1.0,
 * section 4; RFC 8414 has the same members). The key set may live elsewhere, as Google's does, under the same rules of
 * scheme and address; the bearer token goes to the issuer's own origin only.
 *
 * @throws Error whose message says why in words that fit into a sentence
 */
export async function fetchKeySet(
  issuer: string,
  trust: IssuerTrust,
  signal: AbortSignal,
  { fetchDocument, rules, readFile }: KeyDocumentsOptions,
): Promise<JSONWebKeySet> {
  const read = async (file: string | null) => (file === null ? null : (await readFile(file)).trim());
  const [bearerToken, certificateAuthority] = [
    await read(trust.bearerTokenFile),
    await read(trust.certificateAuthorityFile),
  ];
  const origin = new URL(issuer).origin;
  const get = async (url: URL, what: string): Promise<Record<string, unknown>> => {
    const request: DocumentRequest = {
      url,
      bearerToken: url.origin === origin ? bearerToken : null,
      certificateAuthority,
      signal,
    };
    return parseObject(await fetchDocument(request), what);
  };
  const discovery = await get(discoveryUrl(issuer), 'its discovery document');
  if (discovery.issuer !== issuer) throw new Error('its discovery document names another issuer');
  const place = discovery.jwks_uri;
  if (typeof place !== 'string' || !isFetchable(place, rules)) {
    throw new Error('its discovery document names no jwks_uri that may be fetched (https, without user or fragment)');
  }
  return keySetOf(await get(new URL(place), 'its key set'));
}

function discoveryUrl(issuer: string): URL {
  return new URL(`${issuer.replace(/\/+$/, '')}/.well-known/openid-configuration`);
}

function parseObject(text: string, what: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error(`${what} is no JSON`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`${what} is no JSON object`);
  return value as Record<string, unknown>;
}

/** Keys of other kinds than those we verify with are left out: a symmetric key in a public set is nobody's secret. */
const KEY_TYPES: readonly unknown[] = ['RSA', 'EC', 'OKP'];
/** An issuer has a handful; more would only make every look-up slow. */
const MOST_KEYS = 200;

function keySetOf({ keys }: Record<string, unknown>): JSONWebKeySet {
  if (!Array.isArray(keys) || keys.length > MOST_KEYS) throw new Error('its key set is none');
  const usable = keys.filter((key) => KEY_TYPES.includes(key?.kty) && !Object.hasOwn(key, 'd'));
  return { keys: usable };
}
