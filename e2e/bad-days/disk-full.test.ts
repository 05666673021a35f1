import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { RekeyClientError } from '@rekey/client';
import { atEnd } from '../support/cleanup.ts';
import { rootClient, rotationsOf, secretPath, textOf } from '../support/clients.ts';
import { runRekey, startServer, temporaryFolder } from '../support/server.ts';
import { until } from '../support/until.ts';

/** A file system of its own is the one way to fill a disk without filling the machine's. */
async function smallDisk(context: TestContext, megabytes: number): Promise<string | null> {
  const folder = join(await temporaryFolder(context), 'disk');
  await mkdir(folder);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0700`, 'tmpfs', folder]);
  if (mounted.status !== 0) return null;
  atEnd(context, async () => void spawnSync('umount', ['--lazy', folder]));
  return folder;
}

test('a full disk: writes are refused in a sentence, nothing is half written, and room is all it takes', async (context) => {
  const disk = process.getuid?.() === 0 ? await smallDisk(context, 12) : null;
  if (disk === null) return context.skip('mounting a small disk needs root');
  const dataFolder = join(disk, 'data');
  const server = await startServer({ dataFolder, test: context });
  const client = rootClient(server.endpoint);
  await client.call('CreateSecret', { Name: 'kept', SecretString: 'before' });
  await client.native('PUT', secretPath('kept', 'rotation'), { rotator: 'random-value', overlap: '1s' });

  const ballast = join(disk, 'ballast');
  await writeFile(ballast, new Uint8Array(64 * 1024 * 1024)).catch(() => {});
  const refused = await until(() =>
    client.call('PutSecretValue', { SecretId: 'kept', SecretString: 'y'.repeat(60_000) }).then(
      () => null,
      (error: RekeyClientError) => error,
    ),
  );
  assert.ok((refused.status ?? 0) >= 500, 'it is the server’s trouble, not the caller’s');
  assert.match(server.output(), /request .* failed: .*disk is full; make room on it/);
  await client.native('POST', secretPath('kept', 'rotate')).catch(() => {});
  assert.equal(server.process.exitCode, null, 'the server stays up');

  await rm(ballast);
  await until(() =>
    client.call('PutSecretValue', { SecretId: 'kept', SecretString: 'after' }).then(
      () => true,
      () => null,
    ),
  );
  await client.native('POST', secretPath('kept', 'rotate'));
  await until(async () => ((await rotationsOf(client, 'kept'))[0]?.state === 'done' ? true : null));
  assert.notEqual(await textOf(client, 'kept'), 'after');
  assert.equal(await server.stop(), 0);
  const verified = await runRekey(['audit', 'verify', '--data', dataFolder]);
  assert.equal(verified.code, 0, verified.err);
  const again = await startServer({ dataFolder, test: context });
  assert.equal(await again.stop(), 0);
  return undefined;
});
