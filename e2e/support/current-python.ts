import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './running.ts';

/** Newer than any distribution's; pinned, so that a test fails for a change of ours only. */
const PACKAGES = ['boto3==1.44.8', 'aws-secretsmanager-caching==1.2.0'];
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/rekey-tests', import.meta.url));
/** Seconds that PyPI has for each answer. */
const PATIENCE = '15';

/** Environment variables that make python3 import {@link PACKAGES}, or why they cannot be had. */
export type CurrentPython = { readonly environment: Readonly<Record<string, string>> } | { readonly missing: string };

/**
 * A folder of packages of the tests' own, fetched once and kept beside the repository's packages. It gets its name when
 * all is in it: two runs may fetch at the same time, and one may be ended in the middle.
 */
export async function currentPython(): Promise<CurrentPython> {
  const folder = join(CACHE, `python-${createHash('sha256').update(PACKAGES.join()).digest('hex').slice(0, 12)}`);
  const environment = { PATH: process.env.PATH ?? '', HOME: tmpdir(), PYTHONPATH: folder };
  if (existsSync(folder)) return { environment };
  await mkdir(CACHE, { recursive: true });
  const making = await mkdtemp(join(CACHE, 'fetching-'));
  try {
    const words = ['install', '--quiet', '--disable-pip-version-check', '--timeout', PATIENCE, '--retries', '1'];
    const target = ['--only-binary', ':all:', '--target', making];
    const { code, err } = await run('/usr/bin/env', ['python3', '-m', 'pip', ...words, ...target, ...PACKAGES], {
      environment: { PATH: environment.PATH, HOME: process.env.HOME ?? tmpdir() },
    });
    if (code !== 0) return { missing: `${PACKAGES.join(' and ')} could not be had: ${err.trim().split('\n').at(-1)}` };
    await rename(making, folder).catch(() => {});
    return { environment };
  } finally {
    await rm(making, { recursive: true, force: true });
  }
}
