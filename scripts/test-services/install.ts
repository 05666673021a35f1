import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { pgbouncerInstalled } from './pgbouncer.ts';

/** What some tests need beyond `npm ci`: a Debian package and how to see that it is there. */
export interface NeededPackage {
  readonly name: string;
  readonly needed: string;
  isInstalled(): boolean;
}

const NEEDED: readonly NeededPackage[] = [
  {
    name: 'postgresql-15',
    needed: 'tests against PostgreSQL 15',
    isInstalled: () => existsSync('/usr/lib/postgresql/15/bin/postgres'),
  },
  {
    name: 'pgbouncer',
    needed: 'tests through a real pooler',
    isInstalled: pgbouncerInstalled,
  },
  {
    name: 'awscli',
    needed: 'tests with the aws command',
    isInstalled: () => existsSync('/usr/bin/aws'),
  },
  {
    name: 'python3-boto3',
    needed: 'tests with boto3',
    isInstalled: () => succeeds('/usr/bin/python3', ['-c', 'import boto3']),
  },
];

/**
 * Installs what is missing where that can be done (root, apt), and says in one line what is skipped where it cannot.
 * Tests look for what they need themselves and skip with a reason, so a failure here fails nothing.
 */
export function installTestServices(say: (line: string) => void): void {
  const missing = NEEDED.filter((each) => !each.isInstalled());
  if (missing.length === 0) return;
  const obstacle = whyNotInstallable();
  if (obstacle !== null) {
    say(skipped(missing, obstacle));
    return;
  }
  say(`Installing ${missing.map((each) => each.name).join(', ')} for the tests …`);
  aptGet(['update']);
  aptGet(['install', '--no-install-recommends', ...missing.map((each) => each.name)]);
  const absent = missing.filter((each) => !each.isInstalled());
  if (absent.length > 0) say(skipped(absent, 'apt-get could not install them'));
}

/** One line: what is skipped, and why. */
export function skipped(packages: readonly NeededPackage[], why: string): string {
  const list = packages.map((each) => `${each.needed} (${each.name})`).join(', ');
  return `Skipped, because ${why}: ${list}.`;
}

function whyNotInstallable(): string | null {
  if (process.platform !== 'linux' || !existsSync('/usr/bin/apt-get')) return 'this machine has no apt-get';
  if (process.getuid?.() !== 0) return 'only root can install packages';
  return null;
}

/**
 * Tests start their servers themselves, on private ports: the distribution's own cluster need not run, and RUNLEVEL=1
 * is how invoke-rc.d is told not to start it.
 */
function aptGet(args: readonly string[]): void {
  spawnSync('apt-get', ['-q', '-y', ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: 10 * 60_000,
  });
}

function succeeds(program: string, args: readonly string[]): boolean {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}

if (import.meta.main) installTestServices((line) => console.log(line));
