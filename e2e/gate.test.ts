import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { type Acknowledgement, RotatingSecret, type SecretsClient } from '@rekey/client';
import { rotatingPool } from '@rekey/client/pg';
import type { Pool } from 'pg';
import { atEnd } from './support/cleanup.ts';
import { rootClient, rotationsOf, secretPath, textOf } from './support/clients.ts';
import { givenPostgres, skipWithoutPostgres } from './support/given-postgres.ts';
import { logsIn } from './support/postgres-target.ts';

import { startServer, temporaryFolder } from './support/server.ts';
import { until } from './support/until.ts';

const INSTANCES = 20;
const FROZEN = 'instance-7';

/** One instance of an application: a pool of its own that logs in afresh for each query. */
class Instance {
  readonly name: string;
  readonly #secret: RotatingSecret;
  readonly #pool: Pool;
  readonly #source: FreezableSource;

  static async start(client: SecretsClient, name: string): Promise<Instance> {
    const source = new FreezableSource(client);
    const secret = await RotatingSecret.open({ secretId: 'db', client: source, instance: name, refusalBudget: 300 });
    return new Instance(name, secret, source);
  }

  private constructor(name: string, secret: RotatingSecret, source: FreezableSource) {
    this.name = name;
    this.#secret = secret;
    this.#source = source;
    this.#pool = rotatingPool(secret, { max: 1, maxUses: 1 });
  }

  /** Goes on with what it has: whatever is current, it reads the value it was given before. */
  freeze(): void {
    this.#source.isFrozen = true;
  }

  async readAgain(): Promise<void> {
    this.#source.isFrozen = false;
    await this.#secret.refresh();
  }

  /** Whether a fresh login works. */
  async logsIn(): Promise<boolean> {
    return this.#pool.query('select 1').then(
      () => true,
      () => false,
    );
  }

  async stop(): Promise<void> {
    await this.#pool.end();
    await this.#secret.close();
  }
}

class FreezableSource {
  isFrozen = false;
  readonly #client: SecretsClient;
  #last: Awaited<ReturnType<SecretsClient['getSecretValue']>> | null = null;

  constructor(client: SecretsClient) {
    this.#client = client;
  }

  async getSecretValue(selector: { SecretId: string }) {
    if (!this.isFrozen || this.#last === null) this.#last = await this.#client.getSecretValue(selector);
    return this.#last;
  }

  acknowledge(acknowledgement: Acknowledgement): Promise<boolean> {
    return this.#client.acknowledge(acknowledgement);
  }
}

/** Twenty instances behind one access key and one address, one of which does not hear of a rotation. */
describe('the gate of retirement', { skip: skipWithoutPostgres }, () => {
  const given = givenPostgres();

  /** Up to the end of the overlap of a rotation that all but one have followed. */
  async function rotated(context: TestContext, retireWithin: string) {
    const dataFolder = join(await temporaryFolder(context), 'data');
    const server = await startServer({ dataFolder, test: context });
    const client = rootClient(server.endpoint);
    await client.call('CreateSecret', { Name: 'admin', SecretString: JSON.stringify(given.target.admin) });
    const role = await given.target.newRole();
    await client.call('CreateSecret', { Name: 'db', SecretString: JSON.stringify({ ...role, masterarn: 'admin' }) });
    const strategy = { strategy: 'alternating-users', usernameMayChange: true };
    const wish = { rotator: 'postgres', ...strategy, every: '30d', overlap: '1s', retireWithin };
    await client.native('PUT', secretPath('db', 'rotation'), wish);

    const names = Array.from({ length: INSTANCES }, (_, index) => `instance-${index + 1}`);
    const instances = await Promise.all(names.map((name) => Instance.start(client, name)));
    atEnd(context, async () => void (await Promise.all(instances.map((instance) => instance.stop()))));
    const frozen = instances.find(({ name }) => name === FROZEN)!;
    assert.equal(await failedLogins(instances), 0);
    await until(async () => ((await acknowledged(client)).length === INSTANCES ? true : null));

    frozen.freeze();
    const old = await textOf(client, 'db');
    await client.native('POST', secretPath('db', 'rotate'));
    await until(async () => ((await rotationsOf(client, 'db'))[0]?.state === 'retiring' ? true : null));
    await Promise.all(instances.filter((instance) => instance !== frozen).map((instance) => instance.readAgain()));
    return { server, client, instances, frozen, old };
  }

  test('keeps the old value for the one that has not moved: no login fails, and it ends when that one has', async (context) => {
    const { client, instances, frozen, old } = await rotated(context, '1h');
    const waiting = await until(async () => {
      const [rotation] = await rotationsOf(client, 'db');
      return rotation?.waitingFor?.includes('for ') ? rotation : null;
    });
    assert.match(
      String(waiting.waitingFor),
      new RegExp(`for \\S+ at 127\\.0\\.0\\.1 \\(${FROZEN}\\), at the latest until`),
    );
    const behind = (await acknowledged(client)).filter(({ state }) => state !== 'current');
    assert.deepEqual(
      behind.map(({ instance }) => instance),
      [FROZEN],
    );
    assert.equal(await failedLogins(instances), 0);
    assert.ok(await logsIn(old));
    await frozen.readAgain();
    await until(async () => ((await rotationsOf(client, 'db'))[0]?.state === 'done' ? true : null));
    assert.equal(await failedLogins(instances), 0);
    assert.equal(await logsIn(old), false);
  });

  test('shows that it can fail: with a deadline at the end of the overlap the one that has not moved is refused, and named', async (context) => {
    const { client, server, instances } = await rotated(context, '1s');
    await until(async () => ((await rotationsOf(client, 'db'))[0]?.state === 'done' ? true : null));
    assert.ok((await failedLogins(instances)) > 0);
    await until(() => (new RegExp(`still held by .*${FROZEN}`).test(server.output()) ? true : null));
  });
});

async function failedLogins(instances: readonly Instance[]): Promise<number> {
  let failed = 0;
  for (let round = 0; round < 2; round += 1)
    for (const outcome of await Promise.all(instances.map((instance) => instance.logsIn()))) failed += outcome ? 0 : 1;
  return failed;
}

interface SeenHolder {
  readonly instance: string | null;
  readonly state: string;
}

async function acknowledged(client: SecretsClient): Promise<readonly SeenHolder[]> {
  const { holders } = await client.native('GET', secretPath('db', 'holders'));
  return (holders as SeenHolder[]).filter(({ instance }) => instance !== null);
}
