import { hash } from 'node:crypto';
import type { SignedRequest } from './signed-request.ts';

const UNRESERVED = /^[A-Za-z0-9\-._~]*$/;
const PLAIN_PATH = /^(?:\/[A-Za-z0-9\-_~][A-Za-z0-9\-._~]*)+$/;
const UNFOLDED_SPACE = /^\s|\s$|\s\s|[\t\n\v\f\r]/;
const ASCII_SPACES = /[ \t\n\v\f\r]+/g;
const BEYOND_BYTE = /[^\0-\xff]/;
const BEYOND_ASCII = /[^\0-\x7f]/;

const ENCODED = Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte);
  return UNRESERVED.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
});

/**
 * The canonical request of AWS Signature Version 4 for every service but S3
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
 *
 * @param signedHeaders names in lower case, in the order the signer listed them; each must be in the request.
 * @param bodyHash SHA-256 of the body in lower-case hex, computed by whoever verifies.
 */
export function canonicalRequest(request: SignedRequest, signedHeaders: readonly string[], bodyHash: string): string {
  const path = canonicalPath(request.path);
  const query = request.query === '' ? '' : canonicalQuery(request.query);
  let text = `${request.method}\n${path}\n${query}\n`;
  for (const name of signedHeaders) text += `${name}:${canonicalHeader(request, name)}\n`;
  return `${text}\n${signedHeaders.join(';')}\n${bodyHash}`;
}

/** SHA-256 in lower-case hex of a byte string (or of its UTF-8 form where it holds more than bytes). */
export function hashText(text: string): string {
  return hash('sha256', BEYOND_ASCII.test(text) ? bytesOf(text) : text, 'hex');
}

/** Dot segments and empty segments removed, then each segment percent-encoded once more. */
export function canonicalPath(path: string): string {
  if (path === '/' || path === '') return '/';
  if (PLAIN_PATH.test(path)) return path;
  const kept: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '..') kept.pop();
    else if (segment !== '' && segment !== '.') kept.push(encode(segment));
  }
  const isFolder = path.endsWith('/') && kept.length > 0;
  return `/${kept.join('/')}${isFolder ? '/' : ''}`;
}

/**
 * Parameters decoded, encoded again and sorted by encoded name, then encoded value. A `+` counts as a space, as it
 * does for whoever reads the query as a form. `X-Amz-Signature` is left out: it cannot sign itself.
 */
export function canonicalQuery(query: string): string {
  const parameters: (readonly [string, string])[] = [];
  for (const part of query.split('&')) {
    if (part === '') continue;
    const at = part.indexOf('=');
    const name = recode(at < 0 ? part : part.slice(0, at));
    if (name !== 'X-Amz-Signature') parameters.push([name, at < 0 ? '' : recode(part.slice(at + 1))]);
  }
  parameters.sort(byNameThenValue);
  return parameters.map(([name, value]) => `${name}=${value}`).join('&');
}

function byNameThenValue(a: readonly [string, string], b: readonly [string, string]): number {
  if (a[0] !== b[0]) return a[0] < b[0] ? -1 : 1;
  if (a[1] === b[1]) return 0;
  return a[1] < b[1] ? -1 : 1;
}

function canonicalHeader(request: SignedRequest, name: string): string {
  let joined: string | null = null;
  for (const header of request.headers) {
    if (header[0] !== name) continue;
    const value = UNFOLDED_SPACE.test(header[1]) ? foldSpaces(header[1]) : header[1];
    joined = joined === null ? value : `${joined},${value}`;
  }
  return joined ?? '';
}

function foldSpaces(value: string): string {
  return value.replace(ASCII_SPACES, ' ').replace(/^ | $/g, '');
}

function bytesOf(text: string): Buffer {
  return Buffer.from(text, BEYOND_BYTE.test(text) ? 'utf8' : 'latin1');
}

function encode(text: string): string {
  if (UNRESERVED.test(text)) return text;
  let encoded = '';
  for (const byte of bytesOf(text)) encoded += ENCODED[byte];
  return encoded;
}

function recode(text: string): string {
  if (UNRESERVED.test(text)) return text;
  const bytes = bytesOf(text);
  let encoded = '';
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    const escaped = byte === 0x25 ? hexByte(bytes, at + 1) : -1;
    if (escaped >= 0) at += 2;
    encoded += ENCODED[escaped >= 0 ? escaped : byte === 0x2b ? 0x20 : byte];
  }
  return encoded;
}

/** The byte that two hex digits at a position spell; -1 if they are not two hex digits. */
function hexByte(bytes: Uint8Array, at: number): number {
  const high = hexDigit(bytes[at]);
  const low = hexDigit(bytes[at + 1]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

function hexDigit(code: number | undefined): number {
  if (code === undefined) return -1;
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
