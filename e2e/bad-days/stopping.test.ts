import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { rootClient, rotationsOf, secretPath, textOf } from '../support/clients.ts';
import { givenPostgres, skipWithoutPostgres } from '../support/given-postgres.ts';
import { logsIn } from '../support/postgres-target.ts';

import { startProxy } from '../support/proxy.ts';
import { runRekey, startServer, temporaryFolder } from '../support/server.ts';
import { until } from '../support/until.ts';

test('SIGTERM answers what was begun, exits 0 and leaves no note of a running server', async (context) => {
  const dataFolder = join(await temporaryFolder(context), 'data');
  const server = await startServer({ dataFolder, test: context });
  const client = rootClient(server.endpoint);
  await client.call('CreateSecret', { Name: 'a', SecretString: 'x' });
  const asked = Array.from({ length: 50 }, () =>
    client.call('GetSecretValue', { SecretId: 'a' }).then(
      (answer) => answer.SecretString,
      (error: { code: string }) => error.code,
    ),
  );
  const code = server.stop();
  const told = await Promise.all(asked);
  assert.equal(await code, 0);
  for (const answer of told) assert.ok(answer === 'x' || answer === 'unreachable', String(answer));
  await assert.rejects(readFile(join(dataFolder, 'server.json')), /ENOENT/);
  assert.equal((await runRekey(['audit', 'verify', '--data', dataFolder])).code, 0);
});

test('SIGINT does the same', async (context) => {
  const dataFolder = join(await temporaryFolder(context), 'data');
  const server = await startServer({ dataFolder, test: context });
  server.process.kill('SIGINT');
  assert.equal(await server.ended, 0);
});

/** The third connection of a rotation: the target is proven, the new value made, the step that sets it has begun. */
const MIDDLE = 3;

describe('a server stopped in the middle of a rotation', { skip: skipWithoutPostgres }, () => {
  const given = givenPostgres();

  for (const strategy of ['single-user', 'alternating-users'])
    test(`goes on after its next start (${strategy})`, async (context) => {
      const proxy = await startProxy(context, given.postgres.port);
      const dataFolder = join(await temporaryFolder(context), 'data');
      const server = await startServer({ dataFolder, test: context });
      const client = rootClient(server.endpoint);
      await client.call('CreateSecret', {
        Name: 'admin',
        SecretString: JSON.stringify({ ...given.target.admin, port: proxy.port }),
      });
      const role = { ...(await given.target.newRole()), port: proxy.port, masterarn: 'admin' };
      await client.call('CreateSecret', { Name: 'db', SecretString: JSON.stringify(role) });
      const wish = { rotator: 'postgres', strategy, overlap: '1s', retireWithin: '1s', usernameMayChange: true };
      await client.native('PUT', secretPath('db', 'rotation'), wish);
      proxy.slowDown(150);
      const inTheMiddle = proxy.fallSilentAfter(MIDDLE);
      await client.native('POST', secretPath('db', 'rotate'));
      await inTheMiddle;
      const stopping = server.stop();
      proxy.mend();
      assert.equal(await stopping, 0);

      const next = await startServer({ dataFolder, test: context });
      const again = rootClient(next.endpoint);
      await until(async () => ((await rotationsOf(again, 'db'))[0]?.state === 'done' ? true : null));
      assert.equal((await rotationsOf(again, 'db')).length, 1, 'it is the same rotation');
      assert.ok(await logsIn(await textOf(again, 'db')));
      assert.equal(await next.stop(), 0);
    });
});
