import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { currentPython } from './support/current-python.ts';
import { run } from './support/running.ts';
import { clientEnvironment, startServer, temporaryFolder } from './support/server.ts';

const PYTHON = '/usr/bin/python3';
const scriptOf = (name: string) => fileURLToPath(new URL(`./support/${name}.py`, import.meta.url));
const installed = spawnSync(PYTHON, ['-c', 'import boto3'], { stdio: 'ignore' }).status === 0;
const skip = installed ? false : 'boto3 is not installed: on Debian run `apt-get install python3-boto3`';

test('boto3 of the distribution does every supported operation, and users, roles and sessions', { skip }, (context) =>
  playAll(context, PYTHON, { HOME: tmpdir() }, ['boto3-operations', 'boto3-access']),
);

test("current boto3 and AWS's caching library do the same, and follow changes", async (context) => {
  const current = await currentPython();
  if ('missing' in current) return context.skip(current.missing);
  const scripts = ['boto3-operations', 'boto3-access', 'caching-library'];
  return playAll(context, '/usr/bin/env', current.environment, scripts, ['python3']);
});

/** Checks that each script makes; one that stops early must not pass. */
const CHECKS: Readonly<Record<string, number>> = { 'boto3-operations': 19, 'boto3-access': 11, 'caching-library': 6 };

async function playAll(
  context: TestContext,
  program: string,
  own: Readonly<Record<string, string>>,
  scripts: readonly string[],
  words: readonly string[] = [],
): Promise<void> {
  const dataFolder = join(await temporaryFolder(context), 'data');
  const server = await startServer({ dataFolder, test: context });
  const environment = { ...clientEnvironment(server.endpoint), ...own, AWS_EC2_METADATA_DISABLED: 'true' };
  for (const script of scripts) {
    const { code, out, err } = await run(program, [...words, scriptOf(script), server.endpoint], { environment });
    assert.equal(code, 0, `${script}: ${out}${err}`);
    assert.match(out, new RegExp(`^checks: ${CHECKS[script]}$`, 'm'), out);
  }
  assert.equal(await server.stop(), 0);
}
