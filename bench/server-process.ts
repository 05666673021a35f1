import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A server in a process of its own, so that its CPU and memory can be told from the load generator's. */
export interface ServerProcess {
  readonly processId: number;
  readonly host: string;
  readonly port: number;
  /** From spawn to the line that says it is ready; milliseconds. */
  readonly readyAfter: number;
  /** SIGTERM, and waits for the end. */
  stop(): Promise<void>;
}

/** A Node program in this repository, and what it is run with. */
export interface ServerCommand {
  /** Relative to this folder. */
  readonly file: string;
  readonly words?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Node's own flags, a profiler's say. */
  readonly flags?: readonly string[];
}

/** Both servers print it, as the contract of `rekey serve` has it. */
const READY = /listening on http:\/\/([\d.]+):(\d+)$/;
const STOP_WITHIN = 30_000;

export async function startServer(command: ServerCommand): Promise<ServerProcess> {
  const begun = performance.now();
  const child = spawn(process.execPath, [...(command.flags ?? []), ...wordsOf(command)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH ?? '', HOME: tmpdir(), ...command.environment },
  });
  const { host, port } = await readiness(child);
  return {
    processId: child.pid ?? 0,
    host,
    port,
    readyAfter: performance.now() - begun,
    stop: () => stop(child),
  };
}

function wordsOf({ file, words = [] }: ServerCommand): readonly string[] {
  return [fileURLToPath(new URL(file, import.meta.url)), ...words];
}

function readiness(child: ChildProcess): Promise<{ host: string; port: number }> {
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the server ended with ${code} before it was ready`)));
    createInterface(child.stdout!).on('line', (line) => {
      const [, host, port] = READY.exec(line) ?? [];
      if (host !== undefined) resolve({ host, port: Number(port) });
    });
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN);
  await ended;
  clearTimeout(late);
}
