import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Acknowledgement } from './acknowledger.ts';
import type { ChangesAnswer, ChangesRequest } from './change-watch.ts';
import { SecretsClient } from './client.ts';
import { RekeyClientError } from './errors.ts';
import { RotatingSecret, type RotatingSecretOptions } from './rotating-secret.ts';
import { FakeClock } from './testing/fake-clock.ts';
import { FakeSecretsManager } from './testing/fake-secrets-manager.ts';

const MINUTE = 60_000;

/** A rekey server in memory, as far as a secret's holder meets it. */
class FakeRekey {
  versionId = 'v1';
  reads = 0;
  readonly said: Acknowledgement[] = [];
  failure: Error | null = null;
  answer: ((answer: ChangesAnswer | null) => void) | null = null;
  readonly asked: (string | null)[] = [];

  async getSecretValue() {
    this.reads++;
    return { VersionId: this.versionId, SecretString: '{"password":"x"}' };
  }

  async acknowledge(acknowledgement: Acknowledgement): Promise<boolean> {
    if (this.failure !== null) throw this.failure;
    this.said.push(acknowledgement);
    return true;
  }

  changes({ after, signal }: ChangesRequest): Promise<ChangesAnswer | null> {
    this.asked.push(after);
    return new Promise((resolve) => {
      this.answer = resolve;
      signal.addEventListener('abort', () => resolve(null));
    });
  }

  get versions(): (string | null)[] {
    return this.said.map(({ versionId }) => versionId);
  }
}

async function open(options: Partial<RotatingSecretOptions<unknown>> = {}) {
  const clock = new FakeClock();
  const rekey = new FakeRekey();
  const secret = await RotatingSecret.open({
    ...{ secretId: 'shop/db', client: rekey, clock, random: () => 0.5, instance: 'pod-1', ...options },
  });
  await turns();
  return { clock, rekey, secret };
}

async function turns(): Promise<void> {
  for (let turned = 0; turned < 5; turned++) await turn();
}

test('the version in use is acknowledged at the start, after each read, and let go of at the end', async () => {
  const { clock, rekey, secret } = await open({ maxAge: 10 * MINUTE });
  assert.deepEqual(rekey.said, [{ SecretId: 'shop/db', versionId: 'v1', instance: 'pod-1', every: 10 * MINUTE }]);
  await clock.advance(10 * MINUTE);
  rekey.versionId = 'v2';
  await secret.refresh();
  await turns();
  await secret.close();
  assert.deepEqual(rekey.versions, ['v1', 'v1', 'v2', null]);
});

test('a newer version is acknowledged only when nobody uses an older one', async () => {
  const { rekey, secret } = await open();
  const connections = ['v1', 'v1'];
  const use = secret.use(() => connections);
  rekey.versionId = 'v2';
  await secret.refresh();
  connections.push('v2');
  connections.shift();
  use.changed();
  await turns();
  assert.deepEqual(new Set(rekey.versions), new Set(['v1']));
  connections.shift();
  use.changed();
  await turns();
  assert.deepEqual(rekey.versions.at(-1), 'v2');
  use.end();
  await secret.close();
});

test('a server that does not permit it is asked once; one that is away is told again with the next read', async () => {
  const { clock, rekey, secret } = await open();
  rekey.failure = new RekeyClientError('unreachable', 'away', { retryable: true });
  await clock.advance(5 * MINUTE);
  rekey.failure = null;
  await clock.advance(5 * MINUTE);
  const told = rekey.said.length;
  assert.ok(told >= 2);
  rekey.failure = new RekeyClientError('not-permitted', 'no', { status: 403 });
  await clock.advance(5 * MINUTE);
  rekey.failure = null;
  await clock.advance(30 * MINUTE);
  await secret.close();
  assert.equal(rekey.said.length, told);
});

test('nobody is told anything with acknowledge: false', async () => {
  const { rekey, secret } = await open({ acknowledge: false });
  await secret.close();
  assert.deepEqual(rekey.said, []);
});

test('one that listens reads again as soon as the server tells of another version, and not for its own', async () => {
  const { clock, rekey, secret } = await open({ listen: true });
  rekey.answer?.({ after: '7', versionIds: [], reset: false });
  await turns();
  const reads = rekey.reads;
  assert.equal(reads, 2, 'what was promoted before the first answer');
  rekey.versionId = 'v2';
  rekey.answer?.({ after: '8', versionIds: ['v2'], reset: false });
  await turns();
  assert.equal(secret.versionId, 'v2');
  rekey.answer?.({ after: '9', versionIds: ['v2'], reset: false });
  await turns();
  await clock.advance(1_000);
  assert.equal(rekey.reads, reads + 1);
  rekey.answer?.({ after: '10', versionIds: [], reset: true });
  await turns();
  assert.equal(rekey.reads, reads + 2);
  assert.deepEqual(rekey.asked.slice(0, 4), [null, '7', '8', '9']);
  await secret.close();
  await turns();
  assert.equal(clock.waiting, 0);
});

test('a server that does not say it is rekey is never sent an acknowledgement nor asked for changes', async () => {
  await using server = await FakeSecretsManager.start();
  server.put('shop/db', '{"password":"x"}');
  const credentials = { accessKeyId: 'AKIA', secretAccessKey: 'secret' };
  const client = new SecretsClient({ endpoint: server.endpoint, credentials, environment: {} });
  const secret = await RotatingSecret.open({ secretId: 'shop/db', client, listen: true });
  await secret.refresh();
  await secret.close();
  assert.deepEqual(new Set(server.requests.map(({ operation }) => operation)), new Set(['GetSecretValue']));
});

test('a server that says it is rekey is told by a signed request that holds no value', async () => {
  await using server = await FakeSecretsManager.start();
  const credentials = { accessKeyId: 'AKIA', secretAccessKey: 'secret' };
  const client = new SecretsClient({ endpoint: server.endpoint, credentials, environment: {} });
  const body = { VersionId: 'v1', SecretString: '{"password":"hidden"}' };
  server.misbehave({ status: 200, body, headers: { 'x-rekey-native': '/rekey/' } });
  const secret = await RotatingSecret.open({ secretId: 'shop/db', client, instance: 'pod-1', maxAge: MINUTE });
  while (server.requests.length < 2) await turn();
  await secret.close();
  const [, said, released] = server.requests;
  assert.equal(said?.path, '/rekey/secrets/shop%2Fdb/holders');
  assert.deepEqual(JSON.parse(said?.body ?? ''), { versionId: 'v1', instance: 'pod-1', every: '60s' });
  assert.match(String(said?.headers.authorization), /^AWS4-HMAC-SHA256 .*\/rekey\/aws4_request/);
  assert.equal(JSON.parse(released?.body ?? '').versionId, null);
});
