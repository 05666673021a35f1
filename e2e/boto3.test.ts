import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { run } from './support/running.ts';
import { clientEnvironment, startServer, temporaryFolder } from './support/server.ts';

const PYTHON = '/usr/bin/python3';
const SCRIPT = fileURLToPath(new URL('./support/boto3-operations.py', import.meta.url));
const installed = spawnSync(PYTHON, ['-c', 'import boto3'], { stdio: 'ignore' }).status === 0;
const skip = installed ? false : 'boto3 is not installed: on Debian run `apt-get install python3-boto3`';

test('boto3 does every supported operation, with typed exceptions and paginators', { skip }, async (context) => {
  const dataFolder = join(await temporaryFolder(context), 'data');
  const server = await startServer({ dataFolder, test: context });
  const environment = { ...clientEnvironment(server.endpoint), HOME: tmpdir(), AWS_EC2_METADATA_DISABLED: 'true' };
  const { code, out, err } = await run(PYTHON, [SCRIPT, server.endpoint], { environment });
  assert.equal(code, 0, out + err);
  assert.match(out, /^checks: 19$/m, out);
  assert.equal(await server.stop(), 0);
});
