import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Sandbox } from '../scripts/test-services/sandbox.ts';

const REKEY = fileURLToPath(new URL('../packages/server/bin/rekey.js', import.meta.url));
/** Draining takes as long as the step of a rotation that is under way. */
const STOP_WITHIN_MS = 5_000;

interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** A rekey server in a process of its own, as `npx rekey serve` starts it, with its store in the sandbox. */
export class RekeyServer {
  readonly credentials: Credentials = {
    accessKeyId: `AKIA${randomBytes(8).toString('hex').toUpperCase()}`,
    secretAccessKey: randomBytes(30).toString('base64url'),
  };
  /** Rejects when the server ends without being asked to. */
  readonly failure: Promise<never>;
  readonly #sandbox: Sandbox;
  readonly #failed: (error: Error) => void;
  #process: ChildProcess | null = null;
  #endpoint: string | null = null;

  private constructor(sandbox: Sandbox) {
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => {});
    this.failure = promise;
    this.#failed = reject;
    this.#sandbox = sandbox;
  }

  /**
   * @param configuration text of its `rekey.yaml`, if it is to have one
   * @throws Error with the server's last lines when it does not come up
   */
  static async start(sandbox: Sandbox, configuration: string | null): Promise<RekeyServer> {
    if (configuration !== null) await writeFile(join(sandbox.folder, 'rekey.yaml'), configuration, { mode: 0o600 });
    const server = new RekeyServer(sandbox);
    await server.#start(configuration !== null);
    return server;
  }

  get endpoint(): string {
    return this.#endpoint!;
  }

  /** Ends it in order: it drains. */
  async stop(): Promise<void> {
    const child = this.#process;
    if (child === null) return;
    const ended = this.#expectEnd(child);
    const reallyEnd = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
    child.kill('SIGTERM');
    await ended;
    clearTimeout(reallyEnd);
  }

  /** Ends it as a power cut does. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (child === null) return;
    const ended = this.#expectEnd(child);
    child.kill('SIGKILL');
    await ended;
  }

  /** Starts it again at the address it had. */
  async restart(): Promise<void> {
    if (this.#process === null) await this.#start(await this.#isConfigured());
  }

  /** Stops its clockwork without telling it: what a busy host or a debugger does. */
  pause(): void {
    this.#process?.kill('SIGSTOP');
  }

  resume(): void {
    this.#process?.kill('SIGCONT');
  }

  async #isConfigured(): Promise<boolean> {
    return readFile(join(this.#sandbox.folder, 'rekey.yaml')).then(
      () => true,
      () => false,
    );
  }

  async #start(configured: boolean): Promise<void> {
    const log = join(this.#sandbox.folder, 'rekey.log');
    const child = this.#serve(configured);
    this.#process = child;
    this.#sandbox.register(child.pid!, 'KILL');
    child.stderr!.pipe(createWriteStream(log, { mode: 0o600, flags: 'a' }));
    const died = once(child, 'exit').then(async ([code]): Promise<never> => {
      this.#sandbox.forget(child.pid!);
      throw new Error(`The rekey server ended by itself (${code ?? 'killed'}): ${await lastLines(log)}`);
    });
    died.catch((error: Error) => {
      if (this.#process === child) this.#failed(error);
    });
    this.#endpoint = await Promise.race([endpointOf(child), died]);
  }

  /** From now on its end is no failure. */
  #expectEnd(child: ChildProcess): Promise<unknown> {
    const ended = once(child, 'exit');
    this.#process = null;
    child.kill('SIGCONT');
    return ended;
  }

  /** Detached, so that Ctrl-C in the terminal reaches the demonstration alone, which then stops things in order. */
  #serve(configured: boolean): ChildProcess {
    const { folder } = this.#sandbox;
    const listen = this.#endpoint === null ? '127.0.0.1:0' : new URL(this.#endpoint).host;
    const words = ['serve', '--data', join(folder, 'rekey'), '--init', '--listen', listen, '--log-level', 'warn'];
    return spawn(process.execPath, [REKEY, ...words, ...(configured ? ['--config', join(folder, 'rekey.yaml')] : [])], {
      cwd: folder,
      detached: true,
      env: {
        PATH: process.env.PATH,
        HOME: folder,
        REKEY_ROOT_ACCESS_KEY_ID: this.credentials.accessKeyId,
        REKEY_ROOT_SECRET_ACCESS_KEY: this.credentials.secretAccessKey,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }
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
