import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Sandbox } from '../scripts/test-services/sandbox.ts';

const REKEY = fileURLToPath(new URL('../packages/server/bin/rekey.js', import.meta.url));
/** Draining takes as long as the step of a rotation that is under way. */
const STOP_WITHIN_MS = 5_000;

/** A rekey server in a process of its own, as `npx rekey serve` starts it, with its store in the sandbox. */
export interface RekeyServer {
  readonly endpoint: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Rejects when the server ends without being asked to. */
  readonly failure: Promise<never>;
  stop(): Promise<void>;
}

/** @throws Error with the server's last lines when it does not come up. */
export async function startRekeyServer(sandbox: Sandbox): Promise<RekeyServer> {
  const credentials = {
    accessKeyId: `AKIA${randomBytes(8).toString('hex').toUpperCase()}`,
    secretAccessKey: randomBytes(30).toString('base64url'),
  };
  const log = join(sandbox.folder, 'rekey.log');
  const child = serve(sandbox.folder, credentials);
  sandbox.register(child.pid!, 'KILL');
  child.stderr!.pipe(createWriteStream(log, { mode: 0o600 }));
  const ended = once(child, 'exit');
  const failure = ended.then(async ([code]): Promise<never> => {
    throw new Error(`The rekey server ended by itself (${code ?? 'killed'}): ${await lastLines(log)}`);
  });
  failure.catch(() => {});
  const endpoint = await Promise.race([endpointOf(child), failure]);
  return {
    endpoint,
    credentials,
    failure,
    async stop() {
      const reallyEnd = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
      child.kill('SIGTERM');
      await ended;
      clearTimeout(reallyEnd);
      sandbox.forget(child.pid!);
    },
  };
}

/** Detached, so that Ctrl-C in the terminal reaches the demonstration alone, which then stops things in order. */
function serve(folder: string, credentials: RekeyServer['credentials']): ChildProcess {
  const words = ['serve', '--data', join(folder, 'rekey'), '--init', '--listen', '127.0.0.1:0', '--log-level', 'warn'];
  return spawn(process.execPath, [REKEY, ...words], {
    cwd: folder,
    detached: true,
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      REKEY_ROOT_ACCESS_KEY_ID: credentials.accessKeyId,
      REKEY_ROOT_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function endpointOf(child: ChildProcess): Promise<string> {
  const lines = createInterface(child.stdout!);
  for await (const line of lines) {
    const ready = /^rekey listening on (\S+)$/.exec(line);
    if (ready?.[1] === undefined) continue;
    child.stdout!.resume();
    return ready[1];
  }
  return new Promise(() => {});
}

async function lastLines(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.trim().split('\n').slice(-5).join(' / ') || 'it printed nothing';
}
