import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type Clock, type Logger, RekeyError, systemClock } from '@rekey/core';
import { SourceReader } from './auth/source.ts';
import { isLoopback } from './config.ts';
import type { Face, FaceRequest, FaceResponse } from './faces/face.ts';
import { type IncomingBody, readBody, readHead } from './incoming-request.ts';
import { followTlsFiles, readTlsFiles, type TlsFiles } from './tls-files.ts';

export interface ListenOptions {
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  /** Null for plain HTTP. */
  readonly tls: TlsFiles | null;
  /** Whether plain HTTP may leave the machine. */
  readonly insecureHttp: boolean;
  /** Addresses or CIDRs whose forwarding headers are believed. */
  readonly trustedProxies: readonly string[];
  /** The first that owns a request gets it. */
  readonly faces: readonly Face[];
  readonly log: Logger;
  readonly clock?: Clock;
  /** Longest body; bytes. 1 MiB if not given. */
  readonly bodyBytes?: number;
  /** How long a request may take to arrive; milliseconds. */
  readonly requestMilliseconds?: number;
  /** How long requests may take to finish after {@link Listener.stop}; milliseconds. */
  readonly drainMilliseconds?: number;
}

/** A server that answers. */
export interface Listener {
  /** `http://127.0.0.1:7420` */
  readonly endpoint: string;
  readonly port: number;
  /** Takes no more requests, lets those under way finish (up to the limit), then resolves. */
  stop(): Promise<void>;
}

/** A secret may be 64 KiB, of which JSON can make six times as much; a batch of reads is smaller still. */
const BODY_BYTES = 1024 * 1024;
const HEADER_BYTES = 32 * 1024;
const REQUEST_MILLISECONDS = 30_000;
const DRAIN_MILLISECONDS = 25_000;
/** Longer than the 60 seconds of common load balancers: who closes first must not be the one who is just being asked. */
const KEEP_ALIVE_MILLISECONDS = 65_000;

/**
 * Serves faces over HTTP.
 *
 * @throws RekeyError `invalid-input` for plain HTTP beyond loopback or unusable certificates, `unavailable` if the
 * address cannot be had; one sentence that says what to do.
 */
export async function listen(options: ListenOptions): Promise<Listener> {
  if (options.tls === null && !options.insecureHttp && !isLoopback(options.host)) throw plainHttpError(options.host);
  const stopping = new AbortController();
  const server = createServer(options);
  server.on('request', new RequestHandler(options, stopping.signal).handle);
  await openPort(server, options);
  server.on('error', (error) =>
    options.log.error({ code: (error as NodeJS.ErrnoException).code }, 'the listener failed'),
  );
  const clock = options.clock ?? systemClock;
  if (options.tls !== null) {
    void followTlsFiles(server as HttpsServer, options.tls, { clock, log: options.log, signal: stopping.signal });
  }
  const { port } = server.address() as AddressInfo;
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  const endpoint = `${options.tls === null ? 'http' : 'https'}://${host}:${port}`;
  let stopped: Promise<void> | null = null;
  const stop = () => {
    stopping.abort();
    stopped ??= drain(server, clock, options.drainMilliseconds ?? DRAIN_MILLISECONDS);
    return stopped;
  };
  return { endpoint, port, stop };
}

function createServer(options: ListenOptions): Server {
  const requestTimeout = options.requestMilliseconds ?? REQUEST_MILLISECONDS;
  const limits = {
    maxHeaderSize: HEADER_BYTES,
    requestTimeout,
    headersTimeout: requestTimeout,
    connectionsCheckingInterval: Math.ceil(requestTimeout / 8),
    keepAliveTimeout: KEEP_ALIVE_MILLISECONDS,
    noDelay: true,
  };
  return options.tls === null
    ? createHttpServer(limits)
    : createHttpsServer({ ...limits, ...readTlsFiles(options.tls) });
}

function openPort(server: Server, { host, port }: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => reject(addressError(error, host, port));
    server.once('error', fail);
    server.listen(port, host, () => {
      server.off('error', fail);
      resolve();
    });
  });
}

async function drain(server: Server, clock: Clock, limit: number): Promise<void> {
  const drained = new AbortController();
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  void clock.sleep(limit, drained.signal).then(() => server.closeAllConnections());
  await closed;
  drained.abort();
}

/** Takes requests from `node:http` to the faces and back. */
class RequestHandler {
  readonly #faces: readonly Face[];
  readonly #sources: SourceReader;
  readonly #log: Logger;
  readonly #bodyBytes: number;
  readonly #stopping: AbortSignal;

  constructor(options: ListenOptions, stopping: AbortSignal) {
    this.#faces = options.faces;
    this.#sources = new SourceReader(options.trustedProxies);
    this.#log = options.log;
    this.#bodyBytes = options.bodyBytes ?? BODY_BYTES;
    this.#stopping = stopping;
  }

  readonly handle = (message: IncomingMessage, response: ServerResponse): void => {
    message.on('error', ignoreLeaving);
    response.on('error', ignoreLeaving);
    readBody(message, this.#bodyBytes, (body) => this.#answer(readHead(message, this.#sources), body, response));
  };

  #answer(head: FaceRequest, body: IncomingBody, response: ServerResponse): void {
    const request = 'bytes' in body ? { ...head, body: body.bytes } : head;
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
    try {
      write(answer, request, response, this.#stopping.aborted);
    } catch (error) {
      this.#fail(error, request, response, face);
    }
  }

  /** A face never throws; should one do so, neither caller nor log learn more than where. */
  #fail(error: unknown, request: FaceRequest, response: ServerResponse, face: Face | undefined): void {
    const { method, path, id } = request;
    const where = { face: face?.name ?? null, method, path, requestId: id, ...placeOf(error) };
    this.#log.error(where, `request ${id} failed inside the server; this is a bug in rekey`);
    if (response.headersSent) response.destroy();
    else write(plainAnswer(500, 'The server failed; its log says more.', id), request, response, true);
  }
}

function write(answer: FaceResponse, request: FaceRequest, response: ServerResponse, close: boolean): void {
  const hasBody = answer.status >= 200 && answer.status !== 204 && answer.status !== 304;
  if (close) response.shouldKeepAlive = false;
  if (!hasBody) {
    response.writeHead(answer.status, answer.headers).end();
    return;
  }
  const length = typeof answer.body === 'string' ? Buffer.byteLength(answer.body) : answer.body.length;
  response.writeHead(answer.status, { ...answer.headers, 'content-length': length });
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

/** Kind and place of an error, without its message: that may quote what must not be in a log. */
function placeOf(error: unknown): { error: string; at: readonly string[] } {
  if (!(error instanceof Error)) return { error: typeof error, at: [] };
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return { error: error.name, at: frames.slice(0, 5).map((line) => line.trim()) };
}

/** A caller who hangs up is no failure of ours. */
function ignoreLeaving(): void {}

function plainHttpError(host: string): RekeyError {
  return new RekeyError(
    'invalid-input',
    `Plain HTTP on ${host} would send secrets readable over the network; give --tls-cert and --tls-key, or --insecure-http if something in front of it encrypts.`,
    { reason: 'wrong-use' },
  );
}

function addressError(error: NodeJS.ErrnoException, host: string, port: number): RekeyError {
  const where = `${host}:${port}`;
  const sentences: Record<string, string> = {
    EADDRINUSE: `${where} is already in use; stop what listens there, or choose another address with --listen.`,
    EACCES: `This user may not listen on ${where}; choose a port above 1023 with --listen.`,
    EADDRNOTAVAIL: `${host} is no address of this machine; choose another with --listen.`,
    ENOTFOUND: `${host} cannot be resolved to an address; choose another with --listen.`,
  };
  const code = error.code ?? 'unknown error';
  const reason = code === 'EADDRINUSE' ? 'address-in-use' : 'address-unusable';
  return new RekeyError(
    'unavailable',
    sentences[code] ?? `Cannot listen on ${where} (${code}); choose another with --listen.`,
    { reason },
  );
}
