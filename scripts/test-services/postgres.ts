import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { appendFile, chown, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { available, type PostgresVersion, prepareEmbedded, rootOf } from './postgres-binaries.ts';
import { openSandbox, type Sandbox } from './sandbox.ts';
import { type Account, unprivilegedAccount } from './unprivileged-account.ts';

export { available, type PostgresVersion } from './postgres-binaries.ts';

export interface StartPostgresOptions {
  readonly version: PostgresVersion;
  /** Lines of postgresql.conf; they win over our own. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Folder in which the server gets a folder of its own; the system's temporary folder by default. */
  readonly folder?: string;
}

/** A PostgreSQL server of our own: loopback only, SCRAM passwords only, gone without a trace after {@link stop}. */
export interface RunningPostgres {
  readonly version: PostgresVersion;
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly superuser: { readonly user: string; readonly password: string };
  readonly logFile: string;
  /** The server's own folder: `data`, `socket` (mode 0700) and the log. */
  readonly folder: string;
  /** Of the postmaster: SIGSTOP makes a slow target, SIGKILL a crashed one. */
  readonly processId: number;
  /** Ends the server at once (open sessions are cut) and removes its folder. May be called twice. */
  stop(): Promise<void>;
}

const SUPERUSER = 'postgres';
/** Initialising takes 1 to 3 s and starting 0.1 s; a loaded machine with two cores may need ten times as long. */
const START_WITHIN_MS = 60_000;
/** Another process may take the free port between our look and PostgreSQL's bind. */
const PORT_ATTEMPTS = 5;

/**
 * Starts a real PostgreSQL on a private port, also as root and from a clone that only root can read.
 * @throws Error that names the log's last lines when it does not come up.
 */
export async function startPostgres(options: StartPostgresOptions): Promise<RunningPostgres> {
  const { available: startable, why } = available(options.version);
  if (!startable) throw new Error(why);
  const account = unprivilegedAccount();
  const sandbox = await openSandbox({
    prefix: 'rekey-postgres-',
    account,
    ...(options.folder === undefined ? {} : { parent: options.folder }),
  });
  try {
    return await startIn(sandbox, account, options);
  } catch (error) {
    await sandbox.close();
    throw error;
  }
}

async function startIn(
  sandbox: Sandbox,
  account: Account | null,
  options: StartPostgresOptions,
): Promise<RunningPostgres> {
  const place = placeIn(sandbox.folder);
  const root = rootOf(options.version);
  const binaries = options.version === 'embedded' ? await prepareEmbedded(root, account, sandbox.folder) : root;
  const password = randomBytes(24).toString('base64url');
  await makeSocketFolder(place.socket, account);
  await initialise({ sandbox, account, binaries, place, password });
  await writeSettings(place, options.settings ?? {});
  const { server, port } = await startOnFreePort({ sandbox, account, binaries, place });
  return {
    version: options.version,
    host: '127.0.0.1',
    port,
    superuser: { user: SUPERUSER, password },
    logFile: place.log,
    folder: sandbox.folder,
    processId: server.pid!,
    async stop() {
      await end(server);
      await sandbox.close();
    },
  };
}

interface Place {
  readonly data: string;
  readonly socket: string;
  readonly log: string;
}

interface Start {
  readonly sandbox: Sandbox;
  readonly account: Account | null;
  readonly binaries: string;
  readonly place: Place;
}

function placeIn(folder: string): Place {
  return { data: join(folder, 'data'), socket: join(folder, 'socket'), log: join(folder, 'postgres.log') };
}

async function makeSocketFolder(folder: string, account: Account | null): Promise<void> {
  await mkdir(folder, { mode: 0o700 });
  if (account) await chown(folder, account.userId, account.groupId);
}

/** The password reaches initdb through a file that only the account can read and that is gone afterwards. */
async function initialise(start: Start & { readonly password: string }): Promise<void> {
  const { sandbox, account, place, password } = start;
  const passwordFile = join(sandbox.folder, 'superuser-password');
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (account) await chown(passwordFile, account.userId, account.groupId);
  try {
    const initdb = run(start, 'initdb', [
      ...['-D', place.data, '-U', SUPERUSER, '-A', 'scram-sha-256', '--pwfile', passwordFile],
      ...['--encoding', 'UTF8', '--locale', 'C', '--no-sync', '--no-instructions'],
    ]);
    sandbox.register(initdb.pid!, 'TERM');
    const [code] = (await once(initdb, 'exit')) as [number | null];
    sandbox.forget(initdb.pid!);
    if (code !== 0) throw new Error(`initdb failed: ${await lastLines(place.log)}`);
  } finally {
    await rm(passwordFile, { force: true });
  }
}

/** fsync is off: the folder does not outlive the server, so there is nothing to keep safe from a power cut. */
async function writeSettings(place: Place, chosen: Readonly<Record<string, string>>): Promise<void> {
  const settings: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: place.socket,
    unix_socket_permissions: '0700',
    shared_buffers: '32MB',
    fsync: 'off',
    log_line_prefix: '%m [%p] %u@%d ',
    ...chosen,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`);
  await appendFile(join(place.data, 'postgresql.conf'), `\n${lines.join('')}`);
}

async function startOnFreePort(start: Start): Promise<{ server: ChildProcess; port: number }> {
  for (let attempt = 1; ; attempt++) {
    const port = await findFreePort();
    const server = run(start, 'postgres', ['-D', start.place.data, '-p', String(port)]);
    start.sandbox.register(server.pid!, 'QUIT');
    if (await comesUp(server, start.place)) {
      server.unref();
      return { server, port };
    }
    await end(server);
    start.sandbox.forget(server.pid!);
    const log = await lastLines(start.place.log);
    if (attempt === PORT_ATTEMPTS || !log.includes('in use')) throw new Error(`PostgreSQL did not start: ${log}`);
  }
}

/** postmaster.pid says `ready` in its eighth line, which is also what pg_ctl waits for. */
async function comesUp(server: ChildProcess, place: Place): Promise<boolean> {
  const deadline = Date.now() + START_WITHIN_MS;
  while (Date.now() < deadline && isRunning(server)) {
    const state = await readFile(join(place.data, 'postmaster.pid'), 'utf8').catch(() => '');
    if (state.split('\n')[7]?.trim() === 'ready') return true;
    await delay(20);
  }
  return false;
}

/**
 * Detached, so that Ctrl-C in the terminal reaches us alone and we decide what ends when. The environment is bare: a
 * person's PG… variables must not steer it.
 */
function run(
  { account, binaries, place, sandbox }: Start,
  program: 'initdb' | 'postgres',
  args: string[],
): ChildProcess {
  const log = openSync(place.log, 'a', 0o600);
  try {
    return spawn(join(binaries, 'bin', program), args, {
      cwd: sandbox.folder,
      detached: true,
      env: { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
      stdio: ['ignore', log, log],
      ...(account ? { uid: account.userId, gid: account.groupId } : {}),
    });
  } finally {
    closeSync(log);
  }
}

/** SIGQUIT is PostgreSQL's immediate shutdown: no checkpoint, no waiting for sessions, shared memory given back. */
async function end(server: ChildProcess): Promise<void> {
  if (!isRunning(server)) return;
  server.ref();
  const ended = once(server, 'exit');
  server.kill('SIGCONT');
  server.kill('SIGQUIT');
  await ended;
}

function isRunning(server: ChildProcess): boolean {
  return server.exitCode === null && server.signalCode === null && server.pid !== undefined;
}

async function lastLines(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.trim().split('\n').slice(-5).join(' / ');
}

async function findFreePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  await new Promise((closed) => probe.close(closed));
  return port;
}
