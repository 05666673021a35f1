/** An OIDC provider as its keeper configured it. Nothing is ever fetched for an issuer that is not configured. */
export interface OidcProvider {
  /** `arn:aws:iam::ACCOUNT:oidc-provider/HOST[:PORT][/PATH]` */
  readonly arn: string;
  /** The issuer as its tokens name it in `iss`, with scheme and, where it has one, port. */
  readonly issuer: string;
  /** Client ids (audiences) for which tokens are accepted. */
  readonly clientIds: readonly string[];
}

/**
 * What only the operator of the server may say about an issuer, because it names files of the server. They are read anew
 * each time: such tokens are short-lived, and authorities change too.
 */
export interface IssuerTrust {
  /** File with certificates (PEM) of the authorities that vouch for the issuer; null: those the machine trusts. */
  readonly certificateAuthorityFile: string | null;
  /** File with a bearer token for issuers that want one. */
  readonly bearerTokenFile: string | null;
}

/** Which issuers may be talked to at all. */
export interface IssuerRules {
  /** Issuers without TLS (`REKEY_ALLOW_HTTP_ISSUERS=1`): anybody on the way could sign tokens. */
  readonly allowHttp: boolean;
  /** Issuers at private, loopback and link-local addresses (`REKEY_ALLOW_PRIVATE_ISSUERS=1`). */
  readonly allowPrivateAddresses: boolean;
}

/**
 * The name of a provider in ARNs and condition keys: the issuer without its scheme, with port and path.
 * `https://issuer.example:8443/realms/a/` is `issuer.example:8443/realms/a/`.
 */
export function providerName(issuer: string): string {
  return issuer.replace(/^https?:\/\//, '');
}

/**
 * Whether a URL may stand for an issuer or for its keys: https (http only where the rules allow it), without user,
 * query or fragment. Source: OpenID Connect Discovery 1.0, section 4.
 */
export function isFetchable(text: string, rules: Pick<IssuerRules, 'allowHttp'>): boolean {
  if (text.length > 2048 || !URL.canParse(text)) return false;
  const url = new URL(text);
  const scheme = url.protocol === 'https:' || (rules.allowHttp && url.protocol === 'http:');
  return scheme && url.username === '' && url.password === '' && url.hash === '' && !text.includes('#');
}

/** The same for an issuer, which has no query either. */
export function isIssuer(text: string, rules: Pick<IssuerRules, 'allowHttp'>): boolean {
  return isFetchable(text, rules) && !text.includes('?');
}
