import { createHash, createHmac } from 'node:crypto';
import type { SignedRequest } from './signed-request.ts';

/**
 * A signer for tests, written from AWS's description and sharing no line with the verification: slow, obvious, and
 * what the tests hold the verification against.
 */
export interface SigningIdentity {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly region: string;
  readonly service: string;
}

export interface SigningOptions {
  /** ISO 8601 basic form. */
  readonly time: string;
  /** Seconds; given, the request is presigned. */
  readonly expires?: number;
  /** Headers left out of the signature. */
  readonly unsigned?: readonly string[];
}

/** Signs in the Authorization header. */
export function signHeaders(request: SignedRequest, identity: SigningIdentity, options: SigningOptions): SignedRequest {
  const token = identity.sessionToken === undefined ? [] : [['x-amz-security-token', identity.sessionToken] as const];
  const dated = { ...request, headers: [...request.headers, ['x-amz-date', options.time] as const, ...token] };
  const names = namesToSign(dated, options.unsigned ?? []);
  const signature = signatureOf(referenceCanonical(dated, names), identity, options.time);
  const authorization = `AWS4-HMAC-SHA256 Credential=${identity.accessKeyId}/${scopeOf(identity, options.time)}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
  return { ...dated, headers: [...dated.headers, ['authorization', authorization]] };
}

/** Signs in the query. */
export function presign(request: SignedRequest, identity: SigningIdentity, options: SigningOptions): SignedRequest {
  const names = namesToSign(request, options.unsigned ?? []);
  const parameters: [string, string][] = [
    ['X-Amz-Algorithm', 'AWS4-HMAC-SHA256'],
    ['X-Amz-Credential', `${identity.accessKeyId}/${scopeOf(identity, options.time)}`],
    ['X-Amz-Date', options.time],
    ['X-Amz-Expires', String(options.expires ?? 60)],
    ['X-Amz-SignedHeaders', names.join(';')],
  ];
  if (identity.sessionToken !== undefined) parameters.push(['X-Amz-Security-Token', identity.sessionToken]);
  const added = parameters.map(([name, value]) => `${name}=${encodeStrictly(Buffer.from(value))}`).join('&');
  const query = request.query === '' ? added : `${request.query}&${added}`;
  const signature = signatureOf(referenceCanonical({ ...request, query }, names), identity, options.time);
  return { ...request, query: `${query}&X-Amz-Signature=${signature}` };
}

/** The canonical request, by the book. */
export function referenceCanonical(request: SignedRequest, names: readonly string[]): string {
  const headers = names.map((name) => {
    const values = request.headers.filter((header) => header[0] === name).map((header) => header[1]);
    return `${name}:${values
      .map((value) =>
        value
          .split(/[ \t\n\v\f\r]+/)
          .filter(Boolean)
          .join(' '),
      )
      .join(',')}\n`;
  });
  const bodyHash = createHash('sha256').update(request.body).digest('hex');
  const { method } = request;
  return [
    method,
    referencePath(request.path),
    referenceQuery(request.query),
    headers.join(''),
    names.join(';'),
    bodyHash,
  ].join('\n');
}

function referencePath(path: string): string {
  const output: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '..') output.pop();
    else if (segment !== '.' && segment !== '') output.push(encodeStrictly(Buffer.from(segment, 'latin1')));
  }
  return `/${output.join('/')}${output.length > 0 && path.endsWith('/') ? '/' : ''}`;
}

function referenceQuery(query: string): string {
  const pairs = query.split('&').filter((part) => part !== '');
  const encoded = pairs.map((pair): [string, string] => {
    const [name, ...rest] = pair.split('=');
    return [encodeStrictly(decode(name!)), encodeStrictly(decode(rest.join('=')))];
  });
  const kept = encoded.filter(([name]) => name !== 'X-Amz-Signature');
  const order = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
  kept.sort((a, b) => order(a[0], b[0]) || order(a[1], b[1]));
  return kept.map((pair) => pair.join('=')).join('&');
}

function decode(text: string): Buffer {
  const plain = text.replaceAll('+', ' ');
  return Buffer.from(
    plain.replace(/%([0-9a-fA-F]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16))),
    'latin1',
  );
}

function encodeStrictly(bytes: Buffer): string {
  return Array.from(bytes, (byte) => {
    const character = String.fromCharCode(byte);
    return /[A-Za-z0-9\-._~]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }).join('');
}

function namesToSign(request: SignedRequest, unsigned: readonly string[]): string[] {
  const names = new Set(request.headers.map((header) => header[0]));
  return [...names].filter((name) => !unsigned.includes(name)).sort();
}

function scopeOf(identity: SigningIdentity, time: string): string {
  return `${time.slice(0, 8)}/${identity.region}/${identity.service}/aws4_request`;
}

function signatureOf(canonical: string, identity: SigningIdentity, time: string): string {
  const canonicalHash = createHash('sha256').update(Buffer.from(canonical, 'latin1')).digest('hex');
  const text = `AWS4-HMAC-SHA256\n${time}\n${scopeOf(identity, time)}\n${canonicalHash}`;
  let key: Buffer = Buffer.from(`AWS4${identity.secretAccessKey}`);
  for (const part of [time.slice(0, 8), identity.region, identity.service, 'aws4_request', text]) {
    key = createHmac('sha256', key).update(part).digest();
  }
  return key.toString('hex');
}
