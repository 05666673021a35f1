import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { atEnd, type Cleanup } from './cleanup.ts';
import { type Ended, run } from './running.ts';

export type { Cleanup } from './cleanup.ts';

/** The command as users run it: the built one. `npm test` builds before it tests. */
export const REKEY = fileURLToPath(new URL('../../packages/server/bin/rekey.js', import.meta.url));

export const ROOT_ACCESS_KEY_ID = 'AKIAENDTOENDTESTROOT';
export const ROOT_SECRET_ACCESS_KEY = 'end-to-end/test+secret=access-key-0123456';

/** A server process under test. */
export interface TestServer {
  readonly endpoint: string;
  readonly dataFolder: string;
  readonly process: ChildProcess;
  /** Everything it has printed so far, both streams. */
  output(): string;
  /** SIGTERM, and waits; resolves with the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL, and waits. */
  kill(): Promise<void>;
  /** Resolves when the process is gone, however it ended, with its exit code (null: a signal). */
  readonly ended: Promise<number | null>;
}

export interface StartOptions {
  /** Null for a server with a store in memory (`serve --dev`). */
  readonly dataFolder: string | null;
  readonly environment?: Readonly<Record<string, string>>;
  readonly words?: readonly string[];
  /** Kills the server at the end of this test if the test has not stopped it. */
  readonly test?: Cleanup;
  /** `127.0.0.1:0` if not given. */
  readonly listen?: string;
}

/** Starts `rekey serve --init` (or `--dev`) on a free port and waits for its readiness line. */
export async function startServer(options: StartOptions): Promise<TestServer> {
  const child = spawn(
    process.execPath,
    [
      ...[REKEY, 'serve', ...(options.dataFolder === null ? ['--dev'] : ['--data', options.dataFolder, '--init'])],
      ...['--listen', options.listen ?? '127.0.0.1:0', ...(options.words ?? [])],
    ],
    { env: environmentOf(options.environment), stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const ended = once(child, 'exit').then(() => child.exitCode);
  if (options.test !== undefined)
    atEnd(options.test, async () => {
      child.kill('SIGKILL');
      await ended;
    });
  let printed = '';
  child.stderr.on('data', (chunk: Buffer) => {
    printed += chunk.toString();
  });
  const endpoint = await new Promise<string>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the server ended with ${code} before it was ready:\n${printed}`)));
    createInterface(child.stdout).on('line', (line) => {
      printed += `${line}\n`;
      const ready = /^rekey listening on (\S+)$/.exec(line);
      if (ready?.[1] !== undefined) resolve(ready[1]);
    });
  });
  return {
    endpoint,
    dataFolder: options.dataFolder ?? '',
    process: child,
    output: () => printed,
    ended,
    async stop() {
      child.kill('SIGTERM');
      return ended;
    },
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** Runs one `rekey` command to its end. */
export function runRekey(
  words: readonly string[],
  options: { readonly environment?: Readonly<Record<string, string>>; readonly input?: string | Uint8Array } = {},
): Promise<Ended> {
  return run(process.execPath, [REKEY, ...words], { ...options, environment: environmentOf(options.environment) });
}

/** A temporary folder that goes away when the test has ended. */
export async function temporaryFolder(test: Cleanup): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rekey-e2e-'));
  atEnd(test, () => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Credentials and endpoint for stock clients. */
export function clientEnvironment(endpoint: string): Record<string, string> {
  return {
    AWS_ACCESS_KEY_ID: ROOT_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY: ROOT_SECRET_ACCESS_KEY,
    AWS_REGION: 'us-east-1',
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_ENDPOINT_URL: endpoint,
    REKEY_ENDPOINT: endpoint,
  };
}

/** The machine's own AWS settings must not leak into a test. */
function environmentOf(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    PATH: process.env.PATH ?? '',
    HOME: tmpdir(),
    REKEY_ROOT_ACCESS_KEY_ID: ROOT_ACCESS_KEY_ID,
    REKEY_ROOT_SECRET_ACCESS_KEY: ROOT_SECRET_ACCESS_KEY,
    ...extra,
  };
}
