import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { rootClient, rotationsOf, secretPath, textOf } from '../support/clients.ts';
import { givenPostgres, skipWithoutPostgres } from '../support/given-postgres.ts';
import { logsIn } from '../support/postgres-target.ts';

import { startProxy } from '../support/proxy.ts';
import { ROOT_SECRET_ACCESS_KEY, runRekey, startServer, type TestServer, temporaryFolder } from '../support/server.ts';
import { until } from '../support/until.ts';

/** Everything a value may look like on its way into a file. */
function forms(value: string): readonly string[] {
  const bytes = Buffer.from(value);
  // Base64 of a longer text shows the middle of what it holds at any of three offsets.
  const inner = [0, 1, 2].map((pad) =>
    Buffer.concat([Buffer.alloc(pad), bytes])
      .toString('base64')
      .slice(4, -4),
  );
  return [
    ...[value, encodeURIComponent(value), JSON.stringify(value).slice(1, -1), bytes.toString('hex')],
    ...[
      bytes.toString('hex').toUpperCase(),
      ...inner,
      ...inner.map((text) => text.replace(/\+/g, '-').replace(/\//g, '_')),
    ],
  ].filter((form) => form.length >= 8);
}

async function filesUnder(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

test('the search finds a value in every form, also in the middle of something longer', () => {
  const value = 'a+value/with "signs" 0123456789';
  const hidden = [
    ...[value, `{"a":${JSON.stringify(value)}}`, `/path?value=${encodeURIComponent(value)}`],
    Buffer.from(`before ${value} after`).toString('hex'),
    ...[0, 1, 2].map((pad) => Buffer.from(`${'-'.repeat(pad)}${value}--`).toString('base64')),
    ...[0, 1, 2].map((pad) => Buffer.from(`${'-'.repeat(pad)}${value}--`).toString('base64url')),
  ];
  for (const text of hidden)
    assert.ok(
      forms(value).some((form) => text.includes(form)),
      text,
    );
});

describe('no secret value is to be found', { skip: skipWithoutPostgres }, () => {
  const given = givenPostgres({ log_statement: 'all', log_connections: 'on' });

  test('in a file of the data folder, a log, the audit, an alert or a process argument, whatever goes wrong', async (context) => {
    const proxy = await startProxy(context, given.postgres.port);
    const dataFolder = join(await temporaryFolder(context), 'data');
    const words = ['--log-level', 'trace'];
    const server = await startServer({ dataFolder, words, test: context });
    const values = await live(server, dataFolder, proxy);
    const argumentsSeen = await processArguments(server.process.pid ?? 0);
    assert.equal(await server.stop(), 0);
    await runRekey(['backup', join(dataFolder, 'backup'), '--data', dataFolder]);

    const places = new Map<string, string>([
      ['standard output and error of the server', server.output()],
      ['arguments of the server', argumentsSeen],
      ['the log of the target', await withoutSetup(given.postgres.logFile)],
    ]);
    for (const file of await filesUnder(dataFolder)) places.set(file, (await readFile(file)).toString('latin1'));
    assert.ok(places.size >= 8, [...places.keys()].join());
    for (const value of values)
      for (const form of forms(value))
        for (const [place, text] of places) assert.ok(!text.includes(form), `a value is in ${place}`);
  });

  /** A day with successes and failures; returns every value that took part in it. */
  async function live(server: TestServer, dataFolder: string, proxy: Awaited<ReturnType<typeof startProxy>>) {
    const client = rootClient(server.endpoint);
    const values = [ROOT_SECRET_ACCESS_KEY, given.target.admin.password];
    const put = randomBytes(18).toString('base64url');
    values.push(put);
    await runRekey(['secret', 'put', 'by/hand', '--data', dataFolder], { input: put });
    await client.call('CreateSecret', { Name: 'bad', SecretString: put, Tags: [{ Key: 1 }] } as never).catch(() => {});
    await client.call('PutSecretValue', { SecretId: 'none', SecretString: put }).catch(() => {});
    const admin = JSON.stringify({ ...given.target.admin, port: proxy.port });
    await client.call('CreateSecret', { Name: 'admin', SecretString: admin });
    for (const strategy of ['single-user', 'alternating-users']) {
      const role = { ...(await given.target.newRole()), port: proxy.port, masterarn: 'admin' };
      values.push(role.password);
      await client.call('CreateSecret', { Name: strategy, SecretString: JSON.stringify(role) });
      await client.native('PUT', secretPath(strategy, 'rotation'), {
        ...{ rotator: 'postgres', strategy, overlap: '1s', retireWithin: '1s', usernameMayChange: true },
      });
      for (let round = 1; round <= 2; round++) {
        await client.native('POST', secretPath(strategy, 'rotate'));
        const done = async () => {
          const [last] = await rotationsOf(client, strategy);
          return last?.number === round && last.state === 'done' ? true : null;
        };
        await until(done);
        const text = await textOf(client, strategy);
        assert.ok(await logsIn(text));
        values.push((JSON.parse(text ?? '{}') as { password: string }).password);
      }
      await given.target.asSuperuser(`ALTER ROLE ${role.username} NOLOGIN`);
      await client.native('POST', secretPath(strategy, 'adopt'), {}).catch(() => {});
      proxy.cut();
      await client.native('POST', secretPath(strategy, 'rotate'));
      await until(async () => ((await rotationsOf(client, strategy))[0]?.lastErrorClass == null ? null : true));
      proxy.mend();
    }
    return values;
  }

  /** The test itself made the roles with clear passwords: its own statements are not what is looked for. */
  async function withoutSetup(logFile: string): Promise<string> {
    const lines = (await readFile(logFile, 'latin1')).split('\n');
    return lines.filter((line) => !line.includes(' postgres@postgres ')).join('\n');
  }
});

async function processArguments(id: number): Promise<string> {
  const file = `/proc/${id}/cmdline`;
  return existsSync(file) ? readFile(file, 'latin1') : '';
}
