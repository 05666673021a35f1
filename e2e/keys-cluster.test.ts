import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { rootClient, textOf } from './support/clients.ts';
import { startCluster } from './support/cluster.ts';
import { givenPostgres, skipWithoutPostgres } from './support/given-postgres.ts';
import { assertSentence } from './support/sentences.ts';
import { clientEnvironment, runRekey, startServer, temporaryFolder } from './support/server.ts';
import { until } from './support/until.ts';

interface Keys {
  readonly keys: number;
  readonly activeKey: { readonly id: number };
  readonly rotation: string | null;
}

describe('keys and stores of several servers', { skip: skipWithoutPostgres }, () => {
  const given = givenPostgres({ max_connections: '100' });

  test('a rotation of keys is finished although the server that began it is killed; nobody fails to read meanwhile', async (context) => {
    const [first, second] = await startCluster(given.postgres, context, { members: 2, schema: 'keys' });
    const names = Array.from({ length: 20 }, (_, at) => `secret-${at}`);
    for (const name of names)
      await first!.client.call('CreateSecret', { Name: name, SecretString: `value of ${name}` });
    await first!.client.native('POST', '/rekey/keys/rotate');
    await first!.server.kill();
    const reading = { failed: 0, reads: 0, on: true };
    const reader = (async () => {
      while (reading.on)
        for (const name of names) {
          reading.reads += 1;
          const text = await textOf(second!.client, name).catch(() => null);
          if (text !== `value of ${name}`) reading.failed += 1;
        }
    })();
    await first!.start();
    await until(async () => {
      const status = (await second!.client.native('GET', '/rekey/keys')) as unknown as Keys;
      return status.rotation === null && status.keys === 1 && status.activeKey.id === 2 ? status : null;
    });
    reading.on = false;
    await reader;
    assert.deepEqual([reading.failed, reading.reads > 0], [0, true]);
    for (const { client } of [first!, second!]) {
      for (const name of names) assert.equal(await textOf(client, name), `value of ${name}`);
      await client.call('PutSecretValue', { SecretId: names[0]!, SecretString: `value of ${names[0]}` });
    }
    const told = await runRekey(['keys', 'status'], { environment: clientEnvironment(second!.server.endpoint) });
    assert.match(told.out, /^key 2, made /m);
    assert.match(told.out, /^SERVER +SEAL/m);
  });

  test('a store moves into PostgreSQL and back, with the audit chain of its folder unbroken', async (context) => {
    const dataFolder = join(await temporaryFolder(context), 'data');
    const alone = await startServer({ dataFolder, test: context });
    await rootClient(alone.endpoint).call('CreateSecret', { Name: 'moved', SecretString: 'kept' });
    const { user, password } = given.postgres.superuser;
    const place = `127.0.0.1:${given.postgres.port}/postgres?schema=moved`;
    const to = ['migrate', '--data', dataFolder, '--to', `postgres://${user}@${place}`];
    const environment = { PGPASSWORD: String(password) };
    assertSentence(await runRekey(to, { environment }), 1, /A server runs on .*; stop it first/);
    assert.equal(await alone.stop(), 0);
    const open = [...to.slice(0, 4), `postgres://${user}:${password}@${place}`];
    assertSentence(await runRekey(open), 2, /--to must not hold the password/);
    const moved = await runRekey(to, { environment });
    assert.equal(moved.code, 0, moved.err);
    assert.match(moved.out, /records moved to postgres:.* and compared/);
    assert.ok(!moved.out.includes(String(password)));

    const shared = { REKEY_STORE_URL: `postgres://${user}:${password}@${place}` };
    const server = await startServer({ dataFolder, environment: shared, test: context });
    assert.equal(await textOf(rootClient(server.endpoint), 'moved'), 'kept');
    await rootClient(server.endpoint).call('PutSecretValue', { SecretId: 'moved', SecretString: 'changed' });
    assert.equal(await server.stop(), 0);
    const verified = await runRekey(['audit', 'verify', '--data', dataFolder], { environment: shared });
    assert.equal(verified.code, 0, verified.err);

    await rm(join(dataFolder, 'store.db'));
    const back = await runRekey(['migrate', '--data', dataFolder, '--to', 'folder'], { environment: shared });
    assert.equal(back.code, 0, back.err);
    const again = await startServer({ dataFolder, test: context });
    assert.equal(await textOf(rootClient(again.endpoint), 'moved'), 'changed');
    assert.equal(await again.stop(), 0);
    assert.equal((await runRekey(['audit', 'verify', '--data', dataFolder])).code, 0);
  });
});
