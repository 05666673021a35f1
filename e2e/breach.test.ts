import assert from 'node:assert/strict';
import { createHmac, createSecretKey, generateKeyPairSync, sign } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { RotatingSecret, SecretsClient } from '@rekey/client';
import { rotatingPool } from '@rekey/client/pg';
import pg from 'pg';
import { signWebhook } from '../packages/server/dist/engine/alerts/webhook.js';
import type { BreachView } from '../packages/server/dist/service/breach.js';
import { rootClient, rotationsOf, secretPath, textOf } from './support/clients.ts';
import { startCluster } from './support/cluster.ts';
import { givenPostgres, skipWithoutPostgres } from './support/given-postgres.ts';
import { type DatabaseCredential, logsIn } from './support/postgres-target.ts';

import {
  ROOT_ACCESS_KEY_ID,
  ROOT_SECRET_ACCESS_KEY,
  runRekey,
  startServer,
  temporaryFolder,
} from './support/server.ts';
import { until } from './support/until.ts';

const WEBHOOK_SECRET = 'a secret of sixteen and more';
const KEY_ID = 'bcb53661c06b4728e59d897fb6165d5c9cda0fd9cdf9d09ead458168deb7518c';

describe('a leaked password', { skip: skipWithoutPostgres }, () => {
  const given = givenPostgres();

  /** A server that rotates one role with two users, and an overlap of an hour. */
  async function open(context: TestContext, configure: (folder: string) => Promise<string> = async () => '{}') {
    const folder = await temporaryFolder(context);
    const dataFolder = join(folder, 'data');
    const config = join(folder, 'rekey.yaml');
    await writeFile(config, await configure(folder));
    const server = await startServer({ dataFolder, test: context, words: ['--config', config] });
    const rekey = (words: readonly string[], input = '') => runRekey([...words, '--data', dataFolder], { input });
    const role = await given.target.newRole();
    await rekey(['secret', 'put', 'admin'], JSON.stringify(given.target.admin));
    await rekey(['secret', 'put', 'app'], JSON.stringify({ ...role, masterarn: 'admin' }));
    const strategy = ['--strategy', 'alternating-users', '--username-may-change', '--overlap', '1h'];
    assert.equal((await rekey(['rotation', 'set', 'app', '--rotator', 'postgres', ...strategy])).code, 0);
    const breach = async (words: readonly string[], input = '') => {
      const { code, out, err } = await rekey(['breach', ...words, '--wait', '--json', '--timeout', '120'], input);
      assert.equal(code, 0, err);
      return (JSON.parse(out) as { breach: BreachView }).breach;
    };
    const client = rootClient(server.endpoint);
    const current = async () => JSON.parse((await textOf(client, 'app')) ?? '') as DatabaseCredential;
    return { dataFolder, server, role, rekey, breach, current };
  }

  test('is found by itself, replaced without one failed query, and refused; and stands nowhere', async (context) => {
    const { server, dataFolder, role, breach, current, rekey } = await open(context);
    const credentials = { accessKeyId: ROOT_ACCESS_KEY_ID, secretAccessKey: ROOT_SECRET_ACCESS_KEY };
    const client = new SecretsClient({ endpoint: server.endpoint, region: 'us-east-1', credentials });
    const secret = await RotatingSecret.open({ secretId: 'app', client });
    const pool = rotatingPool(secret, { max: 4, maxUses: 20 });
    let [queries, stop] = [0, false];
    const failures: unknown[] = [];
    const work = async () => {
      while (!stop) {
        await pool.query('select 1').catch((error) => failures.push(error));
        queries += 1;
      }
    };
    const load = Promise.all([work(), work(), work(), work()]);
    const found = await breach(['--value-from-stdin', '--sessions', 'keep', '--overlap', '1s'], `${role.password}\n`);
    const before = queries;
    while (queries < before + 200) await new Promise(setImmediate);
    stop = true;
    await load;
    await pool.end();
    secret.close();
    assert.deepEqual(failures, []);
    const [one] = found.cases;
    assert.deepEqual([one?.secretName, one?.part, one?.outcome], ['app', 'password', 'rotated']);
    assert.notEqual(one?.refusedAt, null);
    assert.equal(await logsIn(JSON.stringify(role)), false);
    assert.equal(await logsIn(JSON.stringify(await current())), true);
    assert.ok(one?.holders?.some(({ accessKeyId }) => accessKeyId === ROOT_ACCESS_KEY_ID));
    const shown = await rekey(['breach', 'show', found.id]);
    assert.match(shown.out, /app: rotated \(its password\)\n.*refused[\s\S]*HELD BY/);
    const written = await everythingIn(join(dataFolder, 'audit'));
    assert.ok(!`${server.output()}${written}${shown.out}${JSON.stringify(found)}`.includes(role.password));
    const again = await breach(['--value-from-stdin'], role.password);
    assert.deepEqual(
      again.cases.map(({ outcome }) => outcome),
      ['already-dead'],
    );
    assert.equal((await current()).username, `${role.username}_clone`);
  });

  test('of bytes that are no text is found by those bytes, as they lie in a file', async (context) => {
    const { dataFolder, rekey } = await open(context);
    const leaked = join(dataFolder, '..', 'keystore');
    const bytes = Uint8Array.from({ length: 300 }, (_, at) => 0xff - (at % 256));
    await writeFile(leaked, bytes);
    await rekey(['secret', 'put', 'keystore', '--binary', '--file', leaked]);
    const reported = await runRekey(['breach', '--value-from-stdin', '--wait', '--json', '--data', dataFolder], {
      input: bytes,
    });
    const { breach } = JSON.parse(reported.out) as { breach: BreachView };
    assert.deepEqual(
      breach.cases.map(({ secretName, state }) => [secretName, state]),
      [['keystore', 'needs-person']],
    );
  });

  test('takes its sessions with it, and the report counts what was in flight', async (context) => {
    const { role, breach } = await open(context);
    const session = new pg.Client({ ...role, database: role.dbname, user: role.username });
    const idle = new pg.Client({ ...role, database: role.dbname, user: role.username });
    await Promise.all([session.connect(), idle.connect()]);
    idle.on('error', () => {});
    const ended = new Promise((resolve) => idle.once('end', resolve));
    const cut = assert.rejects(session.query('select pg_sleep(120)'), /terminat/);
    session.on('error', () => {});
    const { cases } = await breach(['app', '--overlap', '0s']);
    await Promise.all([cut, ended]);
    assert.deepEqual(cases[0]?.sessionsEnded, { total: 2, inFlight: 1 });
    assert.equal(await logsIn(JSON.stringify(role)), false);
  });

  test('ends although the server that works on it is killed, on the servers that are left and their PostgreSQL', async (context) => {
    for (const point of ['before:promotion', 'before:revocation']) {
      const schema = point.replace(':', '_');
      const [doomed, heir] = await startCluster(given.postgres, context, { members: 2, schema });
      await doomed!.server.kill();
      await doomed!.start({ REKEY_KILL_AT: point });
      const { client } = heir!;
      const role = await given.target.newRole();
      const put = (Name: string, value: object) =>
        client.call('CreateSecret', { Name, SecretString: JSON.stringify(value) });
      await put('admin', given.target.admin);
      await put('app', { ...role, masterarn: 'admin' });
      const wish = { rotator: 'postgres', strategy: 'alternating-users', overlap: '1h', usernameMayChange: true };
      await client.native('PUT', secretPath('app', 'rotation'), wish);
      heir!.pause();
      const told = { value: role.password, overlap: '0s' };
      const reported = await doomed!.client.native('POST', '/rekey/breaches', told);
      await doomed!.server.ended;
      heir!.goOn();
      const { id } = reported.breach as BreachView;
      const { cases } = await until(async () => {
        const { breach } = (await client.native('GET', `/rekey/breaches/${id}`)) as { breach: BreachView };
        return breach.state === 'done' ? breach : null;
      });
      assert.deepEqual(
        cases.map(({ secretName, outcome }) => [secretName, outcome]),
        [['app', 'rotated']],
      );
      assert.equal(await logsIn(JSON.stringify(role)), false);
      assert.equal(await logsIn(await textOf(client, 'app')), true);
      assert.equal((await rotationsOf(client, 'app')).length, 1);
      for (const member of [doomed!, heir!])
        assert.ok(!member.server.output().includes(role.password), 'the leaked value stands nowhere');
    }
  });

  test('is told of by GitHub in both ways, and by a scanner of one’s own', async (context) => {
    const github = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const fake = await fakeGithub(context, github.publicKey.export({ type: 'spki', format: 'pem' }).toString());
    const { server, role, rekey, current } = await open(context, async (folder) => {
      const secretFile = join(folder, 'secret');
      const tokenFile = join(folder, 'token');
      await writeFile(secretFile, WEBHOOK_SECRET);
      await writeFile(tokenFile, 'github-token');
      return JSON.stringify({
        breach: {
          overlap: '0s',
          webhooks: {
            generic: [{ name: 'scanner', secretFile }],
            githubAlert: { secretFile, tokenFile, api: fake.url },
            githubPartner: { keysUrl: `${fake.url}/meta/public_keys/secret_scanning` },
          },
        },
      });
    });
    const post = async (name: string, body: string, headers: Record<string, string>) => {
      const answer = await fetch(`${server.endpoint}/breach/${name}`, { method: 'POST', body, headers });
      assert.deepEqual([answer.status, await answer.text()], [202, '{"accepted":true}']);
    };
    const ways = [
      (password: string) => {
        const body = JSON.stringify([
          { token: password, type: 'rekey', url: 'https://github.example/leak', source: 'content' },
        ]);
        const signature = sign('sha256', Buffer.from(body), github.privateKey).toString('base64');
        return post('github-partner', body, {
          'Github-Public-Key-Identifier': KEY_ID,
          'Github-Public-Key-Signature': signature,
        });
      },
      (password: string) => {
        fake.leaked = password;
        const body = JSON.stringify({ action: 'created', alert: { number: 7 }, repository: { full_name: 'org/repo' } });
        const signature = createHmac('sha256', WEBHOOK_SECRET).update(body).digest('hex');
        return post('github-alert', body, {
          'X-Hub-Signature-256': `sha256=${signature}`,
          'X-GitHub-Event': 'secret_scanning_alert',
        });
      },
      (password: string) => {
        const body = JSON.stringify({ values: ['nobody knows this one', password] });
        const key = createSecretKey(Buffer.from(WEBHOOK_SECRET));
        return post('scanner', body, { 'rekey-signature': signWebhook(body, key, Math.floor(Date.now() / 1000)) });
      },
    ];
    for (const [at, tell] of ways.entries()) {
      const leaked = await current();
      await tell(leaked.password);
      await until(async () => ((await logsIn(JSON.stringify(leaked))) ? null : true));
      assert.equal(await logsIn(JSON.stringify(await current())), true, `way ${at}`);
    }
    assert.deepEqual(fake.asked, [
      '/meta/public_keys/secret_scanning',
      '/repos/org/repo/secret-scanning/alerts/7 Bearer github-token',
    ]);
    const { out } = await rekey(['breach', 'list', '--json']);
    const { breaches } = JSON.parse(out) as { breaches: BreachView[] };
    const sources = breaches.map(({ source, cases }) => `${source} ${cases.map(({ secretName }) => secretName)}`);
    assert.deepEqual(sources.sort(), ['github-alert app', 'github-partner app', 'webhook ', 'webhook app']);
    assert.equal(await logsIn(JSON.stringify(role)), false);
  });
});

/** GitHub's two answers, on a port of this machine; the real GitHub was not asked. */
async function fakeGithub(context: TestContext, key: string) {
  const fake = { url: '', leaked: '', asked: [] as string[] };
  const server: Server = createServer(({ url = '', headers }, response) => {
    fake.asked.push([url, headers.authorization].filter((part) => part !== undefined).join(' '));
    const keys = { public_keys: [{ key_identifier: KEY_ID, key, is_current: true }] };
    response.end(JSON.stringify(url.startsWith('/meta/') ? keys : { number: 7, secret: fake.leaked }));
  }).listen(0, '127.0.0.1');
  context.after(() => void server.close());
  await once(server, 'listening');
  fake.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return fake;
}

async function everythingIn(folder: string): Promise<string> {
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  const texts = files.filter((file) => file.isFile()).map((file) => readFile(join(file.parentPath, file.name), 'utf8'));
  return (await Promise.all(texts)).join('\n');
}
