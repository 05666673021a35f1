import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from '@rekey/core';
import { SourceReader } from '../auth/source.ts';
import type { Face, FaceRequest, FaceResponse } from '../faces/face.ts';
import { logFailure } from './failure-log.ts';
import { type IncomingBody, readBody, readHead } from './incoming-request.ts';
import type { RequestCounts } from './request-counts.ts';

export interface RequestHandlerOptions {
  readonly faces: readonly Face[];
  readonly trustedProxies: readonly string[];
  readonly log: Logger;
  readonly bodyBytes?: number;
  /** How old answers may be while the store cannot be reached; null while it can. Milliseconds. */
  readonly staleAge?: () => number | null;
  /** Where answers are counted. */
  readonly counts?: RequestCounts;
}

/** Tells a client that the server also has rekey's native face, and where: AWS's answers never have it. */
const NATIVE = { 'x-rekey-native': '/rekey/' };

/** A secret may be 64 KiB, of which JSON can make six times as much; a batch of reads is smaller still. */
const BODY_BYTES = 1024 * 1024;

/** On answers given while the store cannot be reached: how many seconds old what they say may be. */
export const STALE_HEADER = 'rekey-stale-seconds';

/** Takes requests from `node:http` to the faces and back. */
export class RequestHandler {
  readonly #faces: readonly Face[];
  readonly #sources: SourceReader;
  readonly #log: Logger;
  readonly #bodyBytes: number;
  readonly #stopping: AbortSignal;
  readonly #staleAge: (() => number | null) | undefined;
  readonly #counts: RequestCounts | undefined;

  /** @param stopping aborted once no connection is to be kept. */
  constructor(options: RequestHandlerOptions, stopping: AbortSignal) {
    this.#faces = options.faces;
    this.#sources = new SourceReader(options.trustedProxies);
    this.#log = options.log;
    this.#bodyBytes = options.bodyBytes ?? BODY_BYTES;
    this.#stopping = stopping;
    this.#staleAge = options.staleAge;
    this.#counts = options.counts;
  }

  readonly handle = (message: IncomingMessage, response: ServerResponse): void => {
    message.on('error', ignoreLeaving);
    response.on('error', ignoreLeaving);
    readBody(message, this.#bodyBytes, (body) => this.#answer(readHead(message, this.#sources), body, response));
  };

  #answer(head: FaceRequest, body: IncomingBody, response: ServerResponse): void {
    const request = 'bytes' in body ? { ...head, body: body.bytes, gone: () => goneSignal(response) } : head;
    if (this.#stopping.aborted || ('drained' in body && !body.drained)) response.shouldKeepAlive = false;
    let face: Face | undefined;
    try {
      face = this.#faces.find((candidate) => candidate.owns(request));
      this.#reply(face, request, body).then(
        (answer) => this.#send(answer, request, response, face),
        (error) => this.#fail(error, request, response, face),
      );
    } catch (error) {
      this.#fail(error, request, response, face);
    }
  }

  #reply(face: Face | undefined, request: FaceRequest, body: IncomingBody): Promise<FaceResponse> {
    if ('bytes' in body) return face === undefined ? Promise.resolve(notFound(request)) : face.handle(request);
    const answer = face?.refuseLargeBody?.(request, this.#bodyBytes) ?? tooLarge(request, this.#bodyBytes);
    return Promise.resolve(answer);
  }

  #send(answer: FaceResponse, request: FaceRequest, response: ServerResponse, face: Face | undefined): void {
    if (answer.failure !== undefined) logFailure(this.#log, request, face?.name ?? null, answer.failure);
    try {
      const isStale = this.#markStale(response);
      write(answer, request, response, this.#stopping.aborted);
      this.#counts?.answered(face?.name ?? null, answer.status, isStale);
    } catch (error) {
      this.#fail(error, request, response, face);
    }
  }

  #markStale(response: ServerResponse): boolean {
    const age = this.#staleAge?.() ?? null;
    if (age !== null) response.setHeader(STALE_HEADER, String(Math.ceil(age / 1000)));
    return age !== null;
  }

  /** A face never throws; should one do so, neither caller nor log learn more than where. */
  #fail(error: unknown, request: FaceRequest, response: ServerResponse, face: Face | undefined): void {
    logFailure(this.#log, request, face?.name ?? null, error);
    this.#counts?.answered(face?.name ?? null, 500, false);
    if (response.headersSent) response.destroy();
    else write(plainAnswer(500, 'The server failed; its log says more.', request.id), request, response, true);
  }
}

function write(answer: FaceResponse, request: FaceRequest, response: ServerResponse, close: boolean): void {
  const hasBody = answer.status >= 200 && answer.status !== 204 && answer.status !== 304;
  if (close) response.shouldKeepAlive = false;
  if (!hasBody) {
    response.writeHead(answer.status, { ...answer.headers, ...NATIVE }).end();
    return;
  }
  const length = typeof answer.body === 'string' ? Buffer.byteLength(answer.body) : answer.body.length;
  response.writeHead(answer.status, { ...answer.headers, ...NATIVE, 'content-length': length });
  response.end(request.method === 'HEAD' ? undefined : answer.body);
}

function notFound({ id }: FaceRequest): FaceResponse {
  return plainAnswer(404, 'No protocol of this server answers this request; check method, path and headers.', id);
}

function tooLarge({ id }: FaceRequest, limit: number): FaceResponse {
  return plainAnswer(413, `The body is longer than ${limit} bytes.`, id);
}

function plainAnswer(status: number, message: string, requestId: string): FaceResponse {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ message, requestId }) };
}

/** Made only for whoever asks: most requests are answered before anybody could hang up. */
function goneSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  if (response.destroyed) gone.abort();
  else response.once('close', () => gone.abort());
  return gone.signal;
}

/** A caller who hangs up is no failure of ours. */
function ignoreLeaving(): void {}
