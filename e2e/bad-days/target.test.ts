import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import type { SecretsClient } from '@rekey/client';
import { rootClient, rotationsOf, type SeenRotation, secretPath, textOf } from '../support/clients.ts';
import { givenPostgres, skipWithoutPostgres } from '../support/given-postgres.ts';
import { type DatabaseCredential, logsIn } from '../support/postgres-target.ts';

import { startProxy } from '../support/proxy.ts';
import { runRekey, startServer, temporaryFolder } from '../support/server.ts';
import { until } from '../support/until.ts';

/** The third connection of a rotation: the target is proven, the new value made, the step that sets it has begun. */
const MIDDLE = 3;

/** What is wrong with the target does not become wrong with the secret: it is said, waited for, and mended. */
describe('a rotation whose target is in trouble', { skip: skipWithoutPostgres, concurrency: 2 }, () => {
  const given = givenPostgres();

  /** A server with one secret in rotation; `port` for a road to the target of the test's own. */
  async function rotating(context: TestContext, options: { strategy?: string; admin?: boolean; port?: number } = {}) {
    const dataFolder = join(await temporaryFolder(context), 'data');
    const server = await startServer({ dataFolder, test: context });
    const client = rootClient(server.endpoint);
    const port = options.port ?? given.postgres.port;
    await client.call('CreateSecret', { Name: 'admin', SecretString: JSON.stringify({ ...given.target.admin, port }) });
    const role = { ...(await given.target.newRole()), port };
    const value: DatabaseCredential = options.admin === false ? role : { ...role, masterarn: 'admin' };
    await client.call('CreateSecret', { Name: 'db', SecretString: JSON.stringify(value) });
    const strategy = options.strategy ?? 'single-user';
    const wish = { rotator: 'postgres', strategy, overlap: '1s', retireWithin: '1s', usernameMayChange: true };
    await client.native('PUT', secretPath('db', 'rotation'), wish);
    return { client, role, server, dataFolder };
  }

  test('down: it is told at once, tried again, and done when the target is back', async (context) => {
    const proxy = await startProxy(context, given.postgres.port);
    proxy.cut();
    const { client, server, dataFolder } = await rotating(context, { port: proxy.port });
    await rotate(client);
    const waiting = await seen(client, ({ lastErrorClass }) => lastErrorClass !== null);
    assert.equal(waiting.lastErrorClass, 'unreachable');
    assert.notEqual(waiting.state, 'blocked');
    await until(() => (/rekey alert: Rotation 1 of db failed/.test(server.output()) ? true : null));
    const told = await runRekey(['status', '--data', dataFolder]);
    assert.match(told.out, /1 in trouble/);
    assert.match(told.out, /Check that the target runs and can be reached/);
    proxy.mend();
    await seen(client, ({ state }) => state === 'done');
    assert.ok(await logsIn(await textOf(client, 'db')));
    assert.match((await runRekey(['status', '--data', dataFolder])).out, /no trouble/);
  });

  test('at its connection limit: the role’s new password is promoted all the same, not held back from its users', async (context) => {
    const { client, role } = await rotating(context);
    await given.target.asSuperuser(`ALTER ROLE "${role.username}" CONNECTION LIMIT 0`);
    await rotate(client);
    await seen(client, ({ state }) => state === 'done');
    await given.target.asSuperuser(`ALTER ROLE "${role.username}" CONNECTION LIMIT -1`);
    assert.ok(await logsIn(await textOf(client, 'db')));
  });

  for (const strategy of ['single-user', 'alternating-users'])
    test(`away in the middle of it (${strategy}): whatever the target holds, what is current logs in again by itself`, async (context) => {
      const proxy = await startProxy(context, given.postgres.port);
      const { client } = await rotating(context, { strategy, port: proxy.port });
      const inTheMiddle = proxy.fallSilentAfter(MIDDLE);
      await rotate(client);
      await inTheMiddle;
      proxy.cut();
      await seen(client, ({ lastErrorClass }) => lastErrorClass === 'unreachable');
      proxy.mend();
      await seen(client, ({ state }) => state === 'done');
      assert.ok(await logsIn(await textOf(client, 'db')));
    });

  test('slow: it takes longer and nothing else', async (context) => {
    const proxy = await startProxy(context, given.postgres.port);
    proxy.slowDown(400);
    const { client } = await rotating(context, { port: proxy.port });
    await rotate(client);
    const done = await seen(client, ({ state }) => state === 'done');
    assert.equal(done.lastErrorClass, null);
    assert.ok(await logsIn(await textOf(client, 'db')));
  });

  test('silent: who asks about it waits for the target’s own time, and hears that it is the target', async (context) => {
    const proxy = await startProxy(context, given.postgres.port);
    const { dataFolder } = await rotating(context, { port: proxy.port });
    proxy.fallSilent();
    const [adopted, dryRun] = await Promise.all([
      runRekey(['adopt', 'db', '--data', dataFolder]),
      runRekey(['rotate', 'db', '--dry-run', '--data', dataFolder]),
    ]);
    assert.equal(adopted.code, 1);
    assert.match(
      adopted.err,
      /did not accept the stored credential \(unreachable\): .*(no answer in time|took longer than 10 s)/,
    );
    assert.equal(dryRun.code, 0, dryRun.err);
    assert.match(dryRun.out, /current value: unreachable \(.*(no answer in time|took longer than 10 s)/);
  });

  test('password changed by hand, with an admin credential: the rotation mends it', async (context) => {
    const { client, role } = await rotating(context);
    await rotate(client);
    await seen(client, ({ state }) => state === 'done');
    await given.target.asSuperuser(`ALTER ROLE ${role.username} PASSWORD 'changed-by-hand'`);
    assert.equal(await logsIn(await textOf(client, 'db')), false, 'what is current drifted');
    await rotate(client);
    await seen(client, ({ number, state }) => number === 2 && state === 'done');
    assert.ok(await logsIn(await textOf(client, 'db')));
  });

  test('password never right, with an admin credential: nobody takes over a role whose password they never knew', async (context) => {
    const { client, role } = await rotating(context);
    await given.target.asSuperuser(`ALTER ROLE ${role.username} PASSWORD 'never-told'`);
    await rotate(client);
    const failed = await seen(client, ({ lastErrorClass }) => lastErrorClass !== null);
    assert.match(failed.waitingFor ?? '', /bears no mark of this secret. Put the password the role has now/);
    assert.ok(await logsIn(JSON.stringify({ ...role, password: 'never-told' })), 'and nothing was changed');
  });

  test('password changed by hand, without one: it is blocked, says so, and goes on with the right value', async (context) => {
    const { client, role, server, dataFolder } = await rotating(context, { admin: false });
    await given.target.asSuperuser(`ALTER ROLE ${role.username} PASSWORD 'changed-by-hand'`);
    await rotate(client);
    const failed = await seen(client, ({ lastErrorClass }) => lastErrorClass !== null);
    assert.equal(failed.lastErrorClass, 'refused-login');
    await until(() => (/rekey alert: /.test(server.output()) ? true : null));
    const told = await runRekey(['status', 'db', '--data', dataFolder]);
    assert.match(told.out, /refused-login/);
    await client.call('PutSecretValue', {
      SecretId: 'db',
      SecretString: JSON.stringify({ ...role, password: 'changed-by-hand' }),
    });
    await rotate(client);
    await seen(client, ({ state }) => state === 'done');
    assert.ok(await logsIn(await textOf(client, 'db')));
  });
});

async function rotate(client: SecretsClient): Promise<void> {
  await client.native('POST', secretPath('db', 'rotate'));
}

/** The newest rotation, once it is as asked for. */
function seen(client: SecretsClient, is: (rotation: SeenRotation) => boolean) {
  return until(async () => {
    const [newest] = await rotationsOf(client, 'db');
    return newest !== undefined && is(newest) ? newest : null;
  });
}
