import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { unprivilegedAccount } from './unprivileged-account.ts';

const BINARY = '/usr/sbin/pgbouncer';

/** Whether Debian's PgBouncer is installed. */
export function pgbouncerInstalled(): boolean {
  return existsSync(BINARY);
}

/** A real PgBouncer on a free port of the loopback, with its own folder. */
export interface RunningPgbouncer {
  readonly port: number;
  /** Writes the file of users and what they log in with (a password, or a SCRAM secret), and starts anew with it. */
  know(users: Readonly<Record<string, string>>): Promise<void>;
  stop(): Promise<void>;
}

/** Starts one in front of a PostgreSQL; it knows nobody yet. */
export async function startPgbouncer(target: {
  readonly host: string;
  readonly port: number;
}): Promise<RunningPgbouncer> {
  const folder = await mkdtemp(join(tmpdir(), 'rekey-pgbouncer-'));
  await chmod(folder, 0o755);
  const port = await freePort();
  const [settings, users] = [join(folder, 'pgbouncer.ini'), join(folder, 'users.txt')];
  await writeFile(settings, settingsFor(target, port, users));
  let stop = async () => {};
  const know = async (known: Readonly<Record<string, string>>) => {
    await stop();
    const lines = Object.entries(known).map(([name, secret]) => `"${name}" "${secret}"\n`);
    await writeFile(users, lines.join(''), { mode: 0o644 });
    stop = await run(settings, port);
  };
  await know({});
  return {
    port,
    know,
    async stop() {
      await stop();
      await rm(folder, { recursive: true });
    },
  };
}

async function run(settings: string, port: number): Promise<() => Promise<void>> {
  const account = unprivilegedAccount();
  const child = spawn(BINARY, [settings], {
    stdio: ['ignore', 'ignore', 'ignore'],
    ...(account === null ? {} : { uid: account.userId, gid: account.groupId }),
  });
  const ended = once(child, 'exit');
  while (!(await answers(port))) {
    if (child.exitCode !== null) throw new Error(`pgbouncer ended with exit code ${child.exitCode}`);
    await delay(20);
  }
  return async () => {
    child.kill('SIGTERM');
    await ended;
  };
}

function settingsFor(
  { host, port }: { readonly host: string; readonly port: number },
  own: number,
  users: string,
): string {
  return `[databases]
* = host=${host} port=${port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${own}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${users}
server_login_retry = 0
`;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
