import type { EventEmitter } from 'node:events';
import { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { messageOf, RotatorError } from '@rekey/core';
import type { Client, QueryResult, QueryResultRow } from 'pg';
import { LoginFailure, loginFailure, SessionLost, sqlStateOf } from './postgres-failure.ts';
import type { TlsSettings } from './postgres-tls.ts';
import { tlsOptions } from './postgres-tls.ts';

/**
 * From the first packet to "ready"; milliseconds. Longer than a loaded server takes for SCRAM, short enough that a
 * black-holed address does not eat a step's time.
 */
const LOGIN_WITHIN = 10_000;
/** Longest wait for the answer to one statement; milliseconds. Above every timeout set at the server. */
const ANSWER_WITHIN = 20_000;

export interface Login {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  readonly dbname: string;
  readonly tls: TlsSettings;
}

/** An open session. */
export interface Session {
  /** Major version of the server, as it said at login (a pooler may speak for it). */
  readonly version: number;
  query<Row extends QueryResultRow>(text: string, values?: readonly unknown[]): Promise<Row[]>;
}

/**
 * Logs in afresh, does the work and closes the connection, whatever happens; an abort closes it at once.
 * @throws LoginFailure when no session came about; the work's own errors as they are.
 */
export async function withSession<T>(
  login: Login,
  signal: AbortSignal,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const { client, socket, version } = await logIn(login, signal);
  const cut = () => void socket.destroy();
  signal.addEventListener('abort', cut, { once: true });
  try {
    return await work({ version, query: (text, values) => query(client, text, values) });
  } finally {
    signal.removeEventListener('abort', cut);
    await close(client, socket);
  }
}

async function query<Row extends QueryResultRow>(
  client: Client,
  text: string,
  values?: readonly unknown[],
): Promise<Row[]> {
  try {
    const result: QueryResult<Row> = await client.query<Row>(text, values === undefined ? undefined : [...values]);
    return result.rows;
  } catch (error) {
    throw sqlStateOf(error) === null ? new SessionLost(`the session broke (${messageOf(error)})`) : error;
  }
}

interface Opened {
  readonly version: number;
  readonly client: Client;
  readonly socket: Socket;
}

interface ParameterStatus {
  readonly parameterName: string;
  readonly parameterValue: string;
}

async function logIn(login: Login, signal: AbortSignal): Promise<Opened> {
  const tls = await tlsOptions(login.tls);
  const first = await attempt(login, tls, signal);
  if (!(first instanceof LoginFailure)) return first;
  const mayBePlain = login.tls.mode === 'prefer' && first.tlsDeclined;
  const last = mayBePlain ? await attempt(login, null, signal) : first;
  if (last instanceof LoginFailure) throw last;
  return last;
}

async function attempt(
  login: Login,
  tls: ConnectionOptions | null,
  signal: AbortSignal,
): Promise<Opened | LoginFailure> {
  const pg = await loadPg();
  const socket = new Socket();
  const seen = { authenticated: false, tlsDeclined: false, clearPasswordAsked: false };
  if (tls !== null) socket.once('data', (answer: Buffer) => (seen.tlsDeclined = answer[0] === 0x4e));
  const client = new pg.Client({
    host: login.host,
    port: login.port,
    user: login.username,
    database: login.dbname,
    ssl: tls ?? false,
    stream: () => socket,
    query_timeout: ANSWER_WITHIN,
    enableChannelBinding: tls !== null,
    application_name: 'rekey',
    password: () => {
      if (seen.clearPasswordAsked && tls === null) throw new Error('asked for a clear password without TLS');
      return login.password;
    },
  });
  const wire = (client as unknown as { readonly connection: EventEmitter }).connection;
  let version = 0;
  wire.on('parameterStatus', ({ parameterName, parameterValue }: ParameterStatus) => {
    if (parameterName === 'server_version') version = Number.parseInt(parameterValue, 10);
  });
  wire.on('authenticationOk', () => (seen.authenticated = true));
  wire.on('authenticationCleartextPassword', () => (seen.clearPasswordAsked = true));
  client.on('error', () => undefined);
  const deadline = deadlineAmong(signal, LOGIN_WITHIN);
  try {
    await untilAborted(client.connect(), deadline.signal, socket);
    return { client, socket, version };
  } catch (error) {
    const closed = socket.destroyed || socket.readableEnded;
    socket.destroy();
    return loginFailure(error, { ...seen, timedOut: deadline.signal.aborted, closed });
  } finally {
    deadline.lift();
  }
}

/**
 * A signal that aborts with the given one, or when the time is over, unless it is lifted before: what
 * `AbortSignal.timeout` begins goes off in any case, ten seconds after each login.
 */
function deadlineAmong(signal: AbortSignal, milliseconds: number): { readonly signal: AbortSignal; lift(): void } {
  const over = new AbortController();
  const abort = () => over.abort('over');
  const timer = setTimeout(abort, milliseconds);
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  const lift = () => {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  };
  return { signal: over.signal, lift };
}

/** The work's end, or a failure as soon as the signal aborts; the socket dies with it. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal, socket: Socket): Promise<T> {
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => {
      socket.destroy();
      reject(new Error('out of time'));
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    work.catch(() => undefined);
    signal.removeEventListener('abort', onAbort);
  }
}

/** Says goodbye, so that the server frees the slot at once; a server that does not listen is hung up on. */
async function close(client: Client, socket: Socket): Promise<void> {
  if (!socket.destroyed) await Promise.race([client.end().catch(() => undefined), closed(socket, 1_000)]);
  socket.destroy();
}

function closed(socket: Socket, within: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, within);
    socket.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

let loadedPg: typeof import('pg') | null = null;

/** Loaded at the first login. Kept, as asking the module loader again costs more than a statement. */
async function loadPg(): Promise<typeof import('pg')> {
  if (loadedPg !== null) return loadedPg;
  try {
    loadedPg = (await import('pg')).default as unknown as typeof import('pg');
    return loadedPg;
  } catch {
    throw new RotatorError('bug', 'The rotator postgres needs the package pg, which is not installed', {
      nextAction: 'Run: npm install pg',
    });
  }
}
