import type { Server } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type Clock, type Logger, RekeyError, systemClock } from '@rekey/core';
import { isLoopback } from '../config/config.ts';
import type { Face } from '../faces/face.ts';
import type { RequestCounts } from './request-counts.ts';
import { RequestHandler } from './request-handler.ts';
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
  /** How old answers may be while the store cannot be reached; null while it can. Milliseconds. */
  readonly staleAge?: () => number | null;
  /** Where answers are counted. */
  readonly counts?: RequestCounts;
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

/**
 * `import` of node:http reads all that it exports, also what is made on first use: fetch and WebSocket, some 30 ms of
 * start and 13 MB (Node 24). `getBuiltinModule` reads only what is named.
 */
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
  if (options.tls === null) return process.getBuiltinModule('node:http').createServer(limits);
  return process.getBuiltinModule('node:https').createServer({ ...limits, ...readTlsFiles(options.tls) });
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
