import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { SourceReader } from '../auth/source.ts';
import type { FaceRequest } from '../faces/face.ts';

const NO_BODY = new Uint8Array(0);
/** How much of an oversized body is read and thrown away, so that its sender gets to read the answer; times the limit. */
const DISCARD_FACTOR = 16;

/** Everything of a request but its body. */
export function readHead(message: IncomingMessage, sources: SourceReader): FaceRequest {
  const headers = readHeaders(message.rawHeaders);
  const target = originForm(message.url ?? '/');
  const question = target.indexOf('?');
  const secure = (message.socket as TLSSocket).encrypted === true;
  const source = sources.read({ address: message.socket.remoteAddress ?? '', secure }, headers);
  return {
    id: randomUUID(),
    method: message.method ?? 'GET',
    path: question < 0 ? target : target.slice(0, question),
    query: question < 0 ? '' : target.slice(question + 1),
    headers,
    body: NO_BODY,
    remoteAddress: source.address,
    secure: source.secure,
  };
}

function readHeaders(raw: readonly string[]): (readonly [string, string])[] {
  const headers: [string, string][] = [];
  for (let at = 0; at < raw.length; at += 2) headers.push([raw[at]!.toLowerCase(), raw[at + 1]!]);
  return headers;
}

/** Clients of a proxy send `GET http://host/path` (RFC 9112, section 3.2.2); faces see the path alone. */
function originForm(target: string): string {
  if (target.startsWith('/')) return target;
  const absolute = /^https?:\/\/[^/?]*(.*)$/is.exec(target);
  if (absolute === null) return target;
  const rest = absolute[1]!;
  return rest.startsWith('/') ? rest : `/${rest}`;
}

/** A body as read, or that it was longer than allowed (and whether the rest of it is still on its way). */
export type IncomingBody = { readonly bytes: Uint8Array } | { readonly tooLarge: true; readonly drained: boolean };

/**
 * Reads a body up to a limit. Calls back exactly once, at once if there is no body; never if the sender goes away.
 */
export function readBody(message: IncomingMessage, limit: number, done: (body: IncomingBody) => void): void {
  const announced = announcedLength(message.rawHeaders);
  if (announced === 0) done({ bytes: NO_BODY });
  else if (announced > limit * DISCARD_FACTOR) done({ tooLarge: true, drained: false });
  else collectBody(message, limit, done);
}

/**
 * Bytes that the head announces; NaN for a body that comes in chunks, 0 for none. Read from the raw headers, because
 * `message.headers` would make an object of all of them that nobody else needs.
 */
function announcedLength(raw: readonly string[]): number {
  let announced = 0;
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at]!;
    if (name.length === 14 && name.toLowerCase() === 'content-length') announced = Number(raw[at + 1]);
    else if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') return Number.NaN;
  }
  return announced;
}

function collectBody(message: IncomingMessage, limit: number, done: (body: IncomingBody) => void): void {
  const chunks: Buffer[] = [];
  let length = 0;
  const take = (chunk: Buffer) => {
    length += chunk.length;
    if (length <= limit) chunks.push(chunk);
    else chunks.length = 0;
    if (length > limit * DISCARD_FACTOR) finish({ tooLarge: true, drained: false });
  };
  const end = () => finish(length > limit ? { tooLarge: true, drained: true } : { bytes: joined(chunks, length) });
  const finish = (body: IncomingBody) => {
    message.off('data', take).off('end', end);
    done(body);
  };
  message.on('data', take).on('end', end);
}

function joined(chunks: readonly Buffer[], length: number): Uint8Array {
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length);
}
