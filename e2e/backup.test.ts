import assert from 'node:assert/strict';
import { copyFile, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import type { SecretsClient } from '@rekey/client';
import { rootClient, rotationsOf, type SeenRotation, secretPath, textOf } from './support/clients.ts';
import { givenPostgres, skipWithoutPostgres } from './support/given-postgres.ts';
import { logsIn } from './support/postgres-target.ts';

import { assertSentence } from './support/sentences.ts';
import { clientEnvironment, runRekey, startServer, type TestServer, temporaryFolder } from './support/server.ts';
import { until } from './support/until.ts';

const SECRETS = [
  { name: 'two-users', strategy: 'alternating-users', every: '2s', overlap: '1s' },
  { name: 'one-password', strategy: 'single-user', every: '1s', overlap: '0s' },
] as const;

/** Yesterday's store must not lock today's applications out. */
describe('a backup taken while credentials rotate', { skip: skipWithoutPostgres, concurrency: 2 }, () => {
  const given = givenPostgres();

  /** A server on which both credentials rotate, a backup, and a death some rotations later. */
  async function lostServer(context: TestContext, options: { readonly withAdmin: boolean }) {
    const folder = await temporaryFolder(context);
    const [dataFolder, backup] = [join(folder, 'data'), join(folder, 'backup')];
    const server = await startServer({ dataFolder, test: context });
    const client = rootClient(server.endpoint);
    await client.call('CreateSecret', { Name: 'admin', SecretString: JSON.stringify(given.target.admin) });
    for (const { name, ...wish } of SECRETS) {
      const keepsAdmin = options.withAdmin || wish.strategy === 'alternating-users';
      const value = { ...(await given.target.newRole()), ...(keepsAdmin ? { masterarn: 'admin' } : {}) };
      await client.call('CreateSecret', { Name: name, SecretString: JSON.stringify(value) });
      await client.native('PUT', secretPath(name, 'rotation'), {
        rotator: 'postgres',
        usernameMayChange: true,
        ...wish,
      });
    }
    await rotated(client, 1);
    const made = await runRekey(['backup', backup, '--data', dataFolder]);
    assert.equal(made.code, 0, made.err);
    const numbers = await Promise.all(
      SECRETS.map(async ({ name }) => (await rotationsOf(client, name))[0]?.number ?? 0),
    );
    await rotated(client, Math.max(...numbers) + 3);
    await quiet(client);
    const today = new Map<string, string | null>();
    for (const { name } of SECRETS) today.set(name, await textOf(client, name));
    await server.kill();
    return { folder, dataFolder, backup, today };
  }

  test('is restored with key file and escrow journal: quarantine, replay, and today’s credentials log in', async (context) => {
    const { folder, dataFolder, backup, today } = await lostServer(context, { withAdmin: true });
    const restored = join(folder, 'restored');
    const done = await runRekey(['restore', backup, '--data', restored, '--key-file', join(dataFolder, 'key')]);
    assert.equal(done.code, 0, done.err);
    assert.match(done.out, /restored, in quarantine; the escrow journal .* will be replayed/);
    const server = await startRestored(context, restored);
    const client = await looked(server);
    for (const [name, text] of today) {
      assert.equal(await textOf(client, name), text, `${name} is what applications hold today`);
      assert.ok(await logsIn(text));
    }
    const told = await runRekey(['quarantine', 'status', '--data', restored]);
    assert.match(told.out, /^in quarantine: Restored from .*; nothing rotates\. .* `rekey quarantine end`\./);
    assert.match((await runRekey(['status', '--data', restored])).out, /quarantine/i);
    const { rotation } = await client.native('POST', secretPath('two-users', 'rotate'));
    assert.match(String((rotation as SeenRotation).waitingFor), /the end of the quarantine .*`rekey quarantine end`/);
    const ended = await runRekey(['quarantine', 'end', '--data', restored]);
    assert.equal(ended.code, 0, ended.err);
    assert.equal((await runRekey(['quarantine', 'status', '--data', restored])).out, 'not in quarantine\n');
    assert.match((await runRekey(['quarantine', 'end', '--data', restored])).out, /^not in quarantine/);
    for (const { name } of SECRETS) await client.native('POST', secretPath(name, 'rotate'));
    for (const { name } of SECRETS)
      await until(async () => ((await rotationsOf(client, name))[0]?.state === 'done' ? true : null));
    for (const { name } of SECRETS) assert.ok(await logsIn(await textOf(client, name)));
    assert.equal(await server.stop(), 0);
    const verified = await runRekey(['audit', 'verify', '--data', restored]);
    assert.equal(verified.code, 0, verified.err);
  });

  test('is restored without the escrow journal: what no longer logs in is repaired by the admin credential', async (context) => {
    const { folder, dataFolder, backup } = await lostServer(context, { withAdmin: true });
    const restored = await restoreWithoutEscrow(folder, dataFolder, backup);
    const server = await startRestored(context, restored);
    const client = await looked(server);
    for (const { name } of SECRETS) assert.ok(await logsIn(await textOf(client, name)), `current of ${name} logs in`);
    assert.equal((await runRekey(['quarantine', 'end', '--data', restored])).code, 0);
    assert.equal(await server.stop(), 0);
  });

  test('is restored without journal and admin credential: what does not log in is listed with what to do', async (context) => {
    const { folder, dataFolder, backup } = await lostServer(context, { withAdmin: false });
    const restored = await restoreWithoutEscrow(folder, dataFolder, backup);
    const server = await startRestored(context, restored);
    await looked(server);
    const told = await runRekey(['quarantine', 'status', '--data', restored]);
    assert.match(told.out, /^one-password +refused +\S/m);
    const hindered = await runRekey(['quarantine', 'end', '--data', restored]);
    assertSentence(hindered, 1, /despite/i);
    assert.equal((await runRekey(['quarantine', 'end', '--despite-findings', '--data', restored])).code, 0);
    assert.equal(await server.stop(), 0);
  });

  test('holds no key, is for its owner only, and is the same through the server’s address', async (context) => {
    const folder = await temporaryFolder(context);
    const [dataFolder, near, far] = [join(folder, 'data'), join(folder, 'near'), join(folder, 'far')];
    const server = await startServer({ dataFolder, test: context });
    await runRekey(['secret', 'put', 'kept', '--data', dataFolder], { input: 'the value that is kept' });
    assert.equal((await runRekey(['backup', near, '--data', dataFolder])).code, 0);
    const remote = await runRekey(['backup', far], { environment: clientEnvironment(server.endpoint) });
    assert.equal(remote.code, 0, remote.err);
    const key = (await readFile(join(dataFolder, 'key'))).toString('latin1').trim();
    for (const file of [near, far]) {
      const content = (await readFile(file)).toString('latin1');
      assert.ok(!content.includes(key) && !content.includes('the value that is kept'));
      assert.equal((await stat(file)).mode & 0o777, 0o600);
    }
    assertSentence(await runRekey(['backup', near, '--data', dataFolder]), 1, /never overwrites/);
    const keyFile = ['--key-file', join(dataFolder, 'key')];
    assertSentence(await runRekey(['restore', far, '--data', dataFolder, ...keyFile]), 1, /choose another/);
    const other = join(folder, 'other');
    await runRekey(['init', '--data', other]);
    const wrongKey = ['--key-file', join(other, 'key')];
    assertSentence(await runRekey(['restore', far, '--data', join(folder, 'new'), ...wrongKey]), 1, /key/);
    await server.stop();
    const restored = join(folder, 'restored');
    assert.equal((await runRekey(['restore', far, '--data', restored, ...keyFile])).code, 0);
    const again = await startServer({ dataFolder: restored, test: context });
    const read = await runRekey(['secret', 'get', 'kept', '--data', restored]);
    assert.equal(read.out, 'the value that is kept\n', read.err);
    assert.equal(await again.stop(), 0);
  });
});

/** The journal is found beside the key file; a key file kept apart, as it should be, has none beside it. */
async function restoreWithoutEscrow(folder: string, dataFolder: string, backup: string): Promise<string> {
  const restored = join(folder, 'restored');
  const apart = join(folder, 'key-kept-apart');
  await mkdir(apart, { mode: 0o700 });
  const keyFile = join(apart, 'key');
  await copyFile(join(dataFolder, 'key'), keyFile);
  const done = await runRekey(['restore', backup, '--data', restored, '--key-file', keyFile]);
  assert.equal(done.code, 0, done.err);
  assert.match(done.out, /no escrow journal was found/);
  return restored;
}

/** It takes the lost server's logins for spent only as long as a test may wait; nothing locks PostgreSQL's roles. */
async function startRestored(context: TestContext, restored: string): Promise<TestServer> {
  const config = join(restored, 'rekey.yaml');
  await writeFile(config, JSON.stringify({ rotation: { loginBudget: { window: '1s' } } }));
  return startServer({ dataFolder: restored, words: ['--config', config], test: context });
}

/** A client of a restored server, once it has looked at every current value. */
async function looked(server: TestServer): Promise<SecretsClient> {
  const client = rootClient(server.endpoint);
  await until(async () => {
    const { looked, counts } = await client.native('GET', '/rekey/quarantine');
    return looked === true && !(counts as Record<string, number>).unknown ? true : null;
  });
  return client;
}

async function numbersOf(client: SecretsClient): Promise<number[]> {
  return Promise.all(SECRETS.map(async ({ name }) => (await rotationsOf(client, name))[0]?.number ?? 0));
}

/** Waits until every secret has got so far. */
async function rotated(client: SecretsClient, number: number): Promise<void> {
  await until(async () => ((await numbersOf(client)).every((reached) => reached >= number) ? true : null));
}

/**
 * Makes the next rotation far away and lets what is under way come to its end, so that what is current stays. Nothing
 * is cancelled: a rotation called off half-way may leave a second value that logs in.
 */
async function quiet(client: SecretsClient): Promise<void> {
  for (const { name } of SECRETS) {
    await client.native('PUT', secretPath(name, 'rotation'), { every: '30d' });
    await until(async () => ((await rotationsOf(client, name))[0]?.state === 'done' ? true : null));
  }
}
