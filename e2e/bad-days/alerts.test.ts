import assert from 'node:assert/strict';
import { createSecretKey } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { SIGNATURE_HEADER, verifyWebhook } from '../../packages/server/src/engine/alerts/webhook.ts';
import { atEnd } from '../support/cleanup.ts';
import { rootClient, rotationsOf, secretPath } from '../support/clients.ts';
import { runRekey, startServer, temporaryFolder } from '../support/server.ts';
import { until } from '../support/until.ts';

const WEBHOOK_SECRET = 'shared-with-the-receiver-0123456789';
/** Tokens of chat services stand in the address: it must not reach any log. */
const TOKEN = 'token-in-the-address-of-the-webhook';

interface Received {
  readonly body: string;
  readonly signature: string;
}

/** A receiver of webhooks that answers as it is told to. */
async function startReceiver(context: TestContext) {
  const received: Received[] = [];
  let status = 200;
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      if (status === 200) received.push({ body, signature: String(request.headers[SIGNATURE_HEADER]) });
      response.writeHead(status).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(context, async () => {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  });
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}/hook/${TOKEN}`,
    received,
    answers: (next: number) => {
      status = next;
    },
  };
}

/** A server that tells the receivers, with a secret that cannot rotate: nothing listens where its value says. */
async function alertingServer(context: TestContext, urls: readonly string[]) {
  const folder = await temporaryFolder(context);
  const dataFolder = join(folder, 'data');
  const secretFile = join(folder, 'webhook-secret');
  await writeFile(secretFile, `${WEBHOOK_SECRET}\n`, { mode: 0o600 });
  await runRekey(['init', '--data', dataFolder]);
  const webhooks = urls.map((url) => `    - { url: "${url}", secretFile: "${secretFile}" }\n`);
  await writeFile(join(dataFolder, 'rekey.yaml'), `alerts:\n  webhooks:\n${webhooks.join('')}`);
  const server = await startServer({ dataFolder, test: context });
  const client = rootClient(server.endpoint);
  const value = { engine: 'postgres', host: '127.0.0.1', port: 1, username: 'a', password: 'b', dbname: 'c' };
  await client.call('CreateSecret', { Name: 'db', SecretString: JSON.stringify(value) });
  await client.native('PUT', secretPath('db', 'rotation'), { rotator: 'postgres', strategy: 'single-user' });
  return { server, client, dataFolder };
}

test('the first failure is told at once, signed, to standard error and to every webhook, and not again', async (context) => {
  const receiver = await startReceiver(context);
  const { server, client } = await alertingServer(context, [receiver.url]);
  await client.native('POST', secretPath('db', 'rotate'));
  const [alert] = await until(() => (receiver.received.length > 0 ? receiver.received : null));
  const secret = createSecretKey(Buffer.from(WEBHOOK_SECRET));
  const now = Math.floor(Date.now() / 1000);
  assert.ok(verifyWebhook(alert!.body, alert!.signature, secret, now), alert!.signature);
  assert.equal(verifyWebhook(alert!.body.replace('db', 'dc'), alert!.signature, secret, now), false);
  assert.match(alert!.body, /Rotation 1 of db failed/);
  await until(() => (/^rekey alert: Rotation 1 of db failed/m.test(server.output()) ? true : null));
  await client.native('POST', secretPath('db', 'rotate'));
  await until(async () => (((await rotationsOf(client, 'db'))[0]?.number ?? 0) >= 1 ? true : null));
  assert.equal(await server.stop(), 0);
  assert.equal(receiver.received.length, 1, 'the same trouble is told once');
  assert.ok(!server.output().includes(TOKEN), 'the address of a webhook is in no log');
});

test('a receiver that is away gets its alert when it is back, also after a restart', async (context) => {
  const receiver = await startReceiver(context);
  receiver.answers(503);
  const { server, client, dataFolder } = await alertingServer(context, [receiver.url]);
  await client.native('POST', secretPath('db', 'rotate'));
  await until(() => (/^rekey alert: /m.test(server.output()) ? true : null));
  assert.equal(await server.stop(), 0);
  receiver.answers(200);
  const next = await startServer({ dataFolder, test: context });
  await until(() => (receiver.received.length > 0 ? true : null));
  assert.equal(await next.stop(), 0);
});

test('a dead webhook holds nothing up: neither the others nor a rotation', async (context) => {
  const receiver = await startReceiver(context);
  const dead = 'http://127.0.0.1:1/dead';
  const { server, client } = await alertingServer(context, [dead, receiver.url]);
  await client.native('POST', secretPath('db', 'rotate'));
  await until(() => (receiver.received.length > 0 ? true : null));
  await client.call('CreateSecret', { Name: 'token', SecretString: 'old' });
  await client.native('PUT', secretPath('token', 'rotation'), { rotator: 'random-value', overlap: '1s' });
  await client.native('POST', secretPath('token', 'rotate'));
  await until(async () => ((await rotationsOf(client, 'token'))[0]?.state === 'done' ? true : null));
  assert.equal(await server.stop(), 0);
});

test('a webhook without a usable secret is refused at the start', async (context) => {
  const dataFolder = join(await temporaryFolder(context), 'data');
  await runRekey(['init', '--data', dataFolder]);
  const yaml = `alerts:\n  webhooks:\n    - { url: "http://127.0.0.1:1/", secretFile: "${dataFolder}/none" }\n`;
  await writeFile(join(dataFolder, 'rekey.yaml'), yaml);
  const refused = await runRekey(['serve', '--data', dataFolder, '--listen', '127.0.0.1:0']);
  assert.match(refused.err, /cannot read the webhook secret .*none: ENOENT/);
  assert.equal(refused.code, 2);
});
