import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { chmod, chown, mkdir, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { processStart } from './process-identity.ts';

const SWEEP = fileURLToPath(new URL('sweep.sh', import.meta.url));
const OWNER = 'owner.json';

/** The signal that ends a registered process at once when nobody is left who would ask it politely. */
export type EndSignal = 'QUIT' | 'TERM' | 'KILL';

export interface SandboxOptions {
  /** Begins the folder's name; must begin with `rekey-`. */
  readonly prefix: `rekey-${string}`;
  /** Where the folder is made; the system's temporary folder by default. */
  readonly parent?: string;
  /** Who owns the folder; whoever runs us by default. */
  readonly account?: { readonly userId: number; readonly groupId: number } | null;
  /** Mode of the folder, `0o700` by default. */
  readonly mode?: number;
}

/**
 * A folder of our own in which processes run, and the promise that neither outlives us: closed in order, both are gone;
 * when we are killed, a small watching shell ends the registered processes and removes the folder; and when that was
 * killed as well, the next sandbox with the same prefix does it.
 */
export interface Sandbox {
  readonly folder: string;
  /** Remembers a process to end should we die. Its command line must name the folder, else it is left alone. */
  register(processId: number, signal: EndSignal): void;
  /** Forgets a process that has ended. */
  forget(processId: number): void;
  /** Removes the folder. End the processes first. */
  close(): Promise<void>;
}

export async function openSandbox(options: SandboxOptions): Promise<Sandbox> {
  const parent = resolve(options.parent ?? tmpdir());
  sweepOrphans(parent, options.prefix);
  const folder = mkdtempSync(join(parent, options.prefix));
  // No await between making the folder and watching it: from here on it cannot be left behind.
  writeFileSync(join(folder, OWNER), JSON.stringify(ownerNow()), { mode: 0o600 });
  const watcher = watch(folder);
  await mkdir(join(folder, 'processes'), { mode: 0o700 });
  if (options.mode !== undefined) await chmod(folder, options.mode);
  if (options.account) await chown(folder, options.account.userId, options.account.groupId);
  const entry = (processId: number) => join(folder, 'processes', String(processId));
  return {
    folder,
    register: (processId, signal) => writeFileSync(entry(processId), `${signal} ${processId}\n`),
    forget: (processId) => rmSync(entry(processId), { force: true }),
    async close() {
      await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
      watcher.stdin?.end('tidy\n');
    },
  };
}

/**
 * Folders with the prefix whose owner is gone, with what still runs in them. A folder without an owner's mark is not
 * ours, or is being made at this moment, and is left alone.
 */
export function findOrphans(parent: string, prefix: string): string[] {
  return readdirSync(parent)
    .filter((name) => name.startsWith(prefix))
    .map((name) => join(parent, name))
    .filter((folder) => {
      const owner = readOwner(folder);
      return owner !== null && processStart(owner.processId) !== owner.start;
    });
}

function sweepOrphans(parent: string, prefix: string): void {
  for (const folder of findOrphans(parent, prefix)) spawnSync('/bin/sh', [SWEEP, folder], { stdio: 'ignore' });
}

interface Owner {
  readonly processId: number;
  readonly start: string | null;
}

function ownerNow(): Owner {
  return { processId: process.pid, start: processStart(process.pid) };
}

function readOwner(folder: string): Owner | null {
  try {
    const file = join(folder, OWNER);
    // A mark that another account wrote is a stranger's word, and root must not act on it.
    if (lstatSync(file).uid !== process.getuid?.()) return null;
    const owner = JSON.parse(readFileSync(file, 'utf8')) as Partial<Owner>;
    return typeof owner.processId === 'number' ? { processId: owner.processId, start: owner.start ?? null } : null;
  } catch {
    return null;
  }
}

/** Detached, so that Ctrl-C in our terminal does not reach it; unreferenced, so that it does not keep us alive. */
function watch(folder: string): ChildProcess {
  const watcher = spawn('/bin/sh', [SWEEP, folder, 'watch'], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  watcher.unref();
  watcher.on('error', () => {});
  watcher.stdin?.on('error', () => {});
  (watcher.stdin as Socket | null)?.unref();
  return watcher;
}
