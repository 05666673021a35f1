import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { rootClient, rotationsOf, secretPath, textOf } from './support/clients.ts';
import { givenPostgres, skipWithoutPostgres } from './support/given-postgres.ts';
import { logsIn } from './support/postgres-target.ts';
import { startServer, temporaryFolder } from './support/server.ts';
import { until } from './support/until.ts';

const SECRET = 'shop/database';

/** A password that nobody uses must not live on at the target because its rotation was given up. */
describe('a rotation that is given up on a real PostgreSQL', { skip: skipWithoutPostgres }, () => {
  const given = givenPostgres();

  test('leaves no login behind: the value that was pending is refused an overlap later, the current one never', async (context) => {
    const { target } = given;
    const server = await startServer({ dataFolder: await temporaryFolder(context), test: context });
    const client = rootClient(server.endpoint);
    const role = await target.newRole();
    const value = JSON.stringify({ ...role, masterarn: 'admin' });
    await client.call('CreateSecret', { Name: 'admin', SecretString: JSON.stringify(target.admin) });
    await client.call('CreateSecret', { Name: SECRET, SecretString: value });
    await client.native('PUT', secretPath(SECRET, 'rotation'), {
      ...{ rotator: 'postgres', every: '30d', overlap: '1s' },
      ...{ strategy: 'alternating-users', usernameMayChange: true },
    });
    await target.letsIn(`${role.username}_clone`, role.dbname, false);
    await client.native('POST', secretPath(SECRET, 'rotate'));
    const pending = await until(async () => {
      const text = await textOf(client, SECRET, 'AWSPENDING');
      return text !== null && (await logsIn(elsewhere(text))) ? text : null;
    });
    await until(async () => (await rotationsOf(client, SECRET))[0]?.lastErrorClass ?? null);
    await client.call('CancelRotateSecret', { SecretId: SECRET });
    assert.equal((await rotationsOf(client, SECRET))[0]?.state, 'abandoned');
    await target.letsIn(`${role.username}_clone`, role.dbname, true);
    await until(async () => ((await rotationsOf(client, SECRET))[0]?.leftover === 'revoked' ? true : null));
    assert.equal(await logsIn(pending), false);
    assert.equal(await logsIn(elsewhere(pending)), false);
    assert.equal(await textOf(client, SECRET), value);
    assert.equal(await logsIn(value), true);
    assert.equal(await server.stop(), 0);
  });
});

/** The same login to a database from which nobody shuts it out. */
function elsewhere(text: string): string {
  return JSON.stringify({ ...JSON.parse(text), dbname: 'postgres' });
}
