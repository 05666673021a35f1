#!/usr/bin/env node
// Plain JavaScript that old Nodes can parse, so that one of them gets a sentence instead of a stack trace.
import { existsSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';

const needed = 24;
const running = Number(process.versions.node.split('.')[0]);
const built = new URL('../dist/main.js', import.meta.url);
const bundled = new URL('../bundle/main.js', import.meta.url);

if (running < needed) {
  console.error(
    `rekey needs Node ${needed} or later and this is Node ${process.versions.node}: run it through npx or npm, which use the Node that the package brings, or install a newer Node.`,
  );
  process.exitCode = 1;
} else if (!existsSync(fileURLToPath(built))) {
  console.error(
    'rekey is not built: run `npm ci` without --ignore-scripts (or `npm run build`) in the checkout, then try again.',
  );
  process.exitCode = 1;
} else {
  if (process.argv[2] === 'serve') keepMemorySmall();
  const { main } = await import((isBundleCurrent() ? bundled : built).href);
  await main(process.argv.slice(2));
}

/**
 * What was built, joined into few files (scripts/bundle.ts), starts in half the time. In a checkout somebody may have
 * built since it was made: then what they built runs.
 */
function isBundleCurrent() {
  const changedAt = (path) => {
    const found = statSync(new URL(path, import.meta.url), { throwIfNoEntry: false });
    return found === undefined ? 0 : found.mtimeMs;
  };
  const madeAt = changedAt(bundled);
  if (madeAt === 0) return false;
  const builds = ['core', 'rotators', 'client', 'server'].map((name) => `../../${name}/tsconfig.tsbuildinfo`);
  return builds.every((path) => changedAt(path) < madeAt);
}

/**
 * V8 and the C library take memory to save time that a server of secrets does not need. Small spaces halve what it needs
 * with ten thousand secrets under load, for the same CPU per request. They can only be asked for when a process begins,
 * so it begins once more: as the same process, with the same id and streams (some 30 ms). Where that cannot be done, it
 * just needs more memory.
 *
 * - max-semi-space-size: the space for short-lived objects would grow to 134 MB; at 2 MB collecting it costs a tenth of the CPU.
 * - no-parallel-scavenge: collecting it is a millisecond's work; sharing that among threads costs more CPU than it saves time.
 * - no-maglev: the compiler between the quick and the good one leaves 16 MB behind; requests cost the same once they are warm.
 * - heap-growing-percent: the rest would grow by half or more before it is collected.
 * - MALLOC_…: glibc keeps a heap for each thread, and what was freed, for later.
 */
function keepMemorySmall() {
  setFlagsFromString('--heap-growing-percent=10');
  const given = `${process.execArgv.join(' ')} ${process.env.NODE_OPTIONS ?? ''}`;
  const isSaid = /--max[-_]semi[-_]space[-_]size/.test(given);
  if (isSaid || process.execve === undefined || process.platform === 'win32' || process.connected) return;
  const flags = ['--max-semi-space-size=8', '--no-parallel-scavenge', '--no-maglev', ...process.execArgv];
  const words = [process.execPath, ...flags, ...process.argv.slice(1)];
  const malloc = { MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '131072', MALLOC_MMAP_THRESHOLD_: '65536' };
  process.execve(process.execPath, words, { ...malloc, ...process.env });
}
