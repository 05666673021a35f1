import { createHash, createHmac } from 'node:crypto';

/** An access key, as AWS's tools know it. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  /** After this moment they are fetched again; without it they are asked for at every request. */
  readonly expiration?: Date | undefined;
}

/** What is signed: the request line and headers as they travel. */
export interface UnsignedRequest {
  readonly method: string;
  /** The path as it travels, percent-encoded, without the query. */
  readonly path: string;
  /** The query as it travels, without the question mark; empty if there is none. */
  readonly query: string;
  /** Every header given here is signed; `host` must be among them. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** For whom and when a signature holds. */
export interface SigningScope {
  readonly region: string;
  /** `secretsmanager`, or `rekey` for rekey's native face. */
  readonly service: string;
  /** Milliseconds since the epoch; servers accept about five minutes of difference. */
  readonly now: number;
}

/**
 * Signs a request with AWS Signature Version 4 in the Authorization header
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html; every service but S3).
 *
 * @returns the headers to send: those given, with `x-amz-date`, `x-amz-security-token` where there is one, and `authorization`.
 */
export function signRequest(
  request: UnsignedRequest,
  credentials: Credentials,
  scope: SigningScope,
): Record<string, string> {
  const time = basicTime(scope.now);
  const headers = lowerCased(request.headers);
  headers['x-amz-date'] = time;
  if (credentials.sessionToken !== undefined) headers['x-amz-security-token'] = credentials.sessionToken;
  const place = `${time.slice(0, 8)}/${scope.region}/${scope.service}/aws4_request`;
  const text = `AWS4-HMAC-SHA256\n${time}\n${place}\n${sha256(canonicalRequest({ ...request, headers }))}`;
  const key = signingKey(credentials.secretAccessKey, time.slice(0, 8), scope);
  const signature = createHmac('sha256', key).update(text).digest('hex');
  const signed = Object.keys(headers).sort().join(';');
  headers.authorization = `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${place}, SignedHeaders=${signed}, Signature=${signature}`;
  return headers;
}

/** The text whose hash is signed. Header names must be in lower case. */
export function canonicalRequest(request: UnsignedRequest): string {
  const names = Object.keys(request.headers).sort();
  const headers = names.map((name) => `${name}:${request.headers[name]!.trim().replace(/\s+/g, ' ')}\n`).join('');
  const { method, path, query } = request;
  return `${method}\n${canonicalPath(path)}\n${canonicalQuery(query)}\n${headers}\n${names.join(';')}\n${sha256(request.body)}`;
}

/** Dot segments and empty segments resolved, then each segment percent-encoded once more. */
function canonicalPath(path: string): string {
  const kept: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '..') kept.pop();
    else if (segment !== '' && segment !== '.') kept.push(encode(segment));
  }
  const endsAsFolder = kept.length > 0 && /\/\.{0,2}$/.test(path);
  return `/${kept.join('/')}${endsAsFolder ? '/' : ''}`;
}

/** Names and values encoded in one way, sorted by name, then value. */
function canonicalQuery(query: string): string {
  if (query === '') return '';
  const pairs = [...new URLSearchParams(query)].map(([name, value]): [string, string] => [encode(name), encode(value)]);
  pairs.sort(([a, x], [b, y]) => (a === b ? compare(x, y) : compare(a, b)));
  return pairs.map(([name, value]) => `${name}=${value}`).join('&');
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** RFC 3986: everything but letters, digits and `-._~`. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function signingKey(secretAccessKey: string, day: string, scope: SigningScope): Buffer {
  const parts = [day, scope.region, scope.service, 'aws4_request'];
  return parts.reduce<Buffer>(
    (key, part) => createHmac('sha256', key).update(part).digest(),
    Buffer.from(`AWS4${secretAccessKey}`),
  );
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** `20150830T123600Z` */
function basicTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/[-:]|\.\d{3}/g, '');
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
