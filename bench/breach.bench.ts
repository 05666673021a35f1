import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RotatingSecret, SecretsClient } from '@rekey/client';
import { type RotatingPool, rotatingPool } from '@rekey/client/pg';
import { silentLogger } from '@rekey/core';
import pg from 'pg';
import { type RunningRekey, startRekey } from '../packages/server/dist/compose.js';
import { readConfig } from '../packages/server/dist/config/config.js';
import type { BreachView } from '../packages/server/dist/service/breach.js';
import { type Benchmark, median, round } from './figure.ts';
import { ADMIN, APPLICATION_PASSWORD, type RolesDatabase, startRolesDatabase } from './postgres-roles.ts';
import { ROOT } from './rekey-command.ts';

const HOLDERS = 20;
const TURNS = 5;
const ROLE = 'leaking';
/** Long enough for twenty pools to move, short beside the limit. */
const OVERLAP = '1s';

/**
 * From the call that names a leaked password to the first login with it that the target refuses, as the application
 * sees it: twenty holders, each with a pool of its own and pushed by the stream of changes, query all the while; their sessions are kept.
 */
export const benchmark: Benchmark = {
  name: 'A breach on PostgreSQL, twenty holders',
  async run() {
    const folder = await mkdtemp(join(tmpdir(), 'rekey-bench-'));
    const database = await startRolesDatabase([ROLE]);
    const rekey = await open(folder);
    try {
      const client = clientOf(rekey);
      await putSecrets(client, database);
      const load = await Load.open(rekey);
      const turns: number[] = [];
      for (let turn = 0; turn < TURNS; turn++) turns.push(await breach(client, database));
      const { queries, failures } = await load.close();
      const detail = `overlap ${OVERLAP}, alternating-users, sessions kept; ${turns.map((turn) => round(turn)).join(', ')} s; ${queries} queries meanwhile`;
      return [
        {
          name: 'leaked password refused after the call, 20 holders',
          value: round(median(turns)),
          unit: 's',
          limit: 5,
          must: 'stay below',
          detail,
        },
        {
          name: 'queries that failed in five breaches',
          value: failures,
          unit: '',
          limit: 0,
          must: 'stay below',
          detail: `of ${queries}`,
        },
      ];
    } finally {
      await rekey.stop();
      await database.stop();
      await rm(folder, { recursive: true, force: true });
    }
  },
};

async function open(folder: string): Promise<RunningRekey> {
  const config = await readConfig({ data: folder, init: true, listen: '127.0.0.1:0' }, {});
  const environment = {
    REKEY_ROOT_ACCESS_KEY_ID: ROOT.accessKeyId,
    REKEY_ROOT_SECRET_ACCESS_KEY: ROOT.secretAccessKey,
  };
  return startRekey(config, { log: silentLogger, environment });
}

function clientOf({ endpoint, region }: RunningRekey): SecretsClient {
  return new SecretsClient({ endpoint, region, credentials: ROOT });
}

async function putSecrets(client: SecretsClient, { host, port, database }: RolesDatabase): Promise<void> {
  const target = { engine: 'postgres', host, port, dbname: database, ssl: false };
  const put = (Name: string, value: object) =>
    client.call('CreateSecret', { Name, SecretString: JSON.stringify({ ...target, ...value }) });
  await put('admin', ADMIN);
  await put('app', { username: ROLE, password: APPLICATION_PASSWORD, masterarn: 'admin' });
  const wish = { rotator: 'postgres', strategy: 'alternating-users', overlap: '1h', usernameMayChange: true };
  await client.native('PUT', '/rekey/secrets/app/rotation', wish);
}

/** Seconds from the call to a refused login, asked of the target itself; then waits for the report's end. */
async function breach(client: SecretsClient, database: RolesDatabase): Promise<number> {
  const { SecretString = '{}' } = (await client.call('GetSecretValue', { SecretId: 'app' })) as {
    SecretString?: string;
  };
  const { username: user, password } = JSON.parse(SecretString) as { username: string; password: string };
  const begun = performance.now();
  const reported = await client.native('POST', '/rekey/breaches', {
    value: password,
    overlap: OVERLAP,
    sessions: 'keep',
  });
  const { id } = reported.breach as BreachView;
  while (await isAccepted({ ...database, user, password })) await pause(25);
  const taken = (performance.now() - begun) / 1000;
  while (((await client.native('GET', `/rekey/breaches/${id}`)).breach as BreachView).state !== 'done') await pause(25);
  return taken;
}

async function isAccepted(login: {
  host: string;
  port: number;
  database: string;
  user: string;
  password: string;
}): Promise<boolean> {
  const session = new pg.Client(login);
  try {
    await session.connect();
    return true;
  } catch (error) {
    if ((error as { code?: string }).code !== '28P01') throw error;
    return false;
  } finally {
    await session.end().catch(() => {});
  }
}

interface Holder {
  readonly secret: RotatingSecret<unknown>;
  readonly pool: RotatingPool;
}

/** Twenty applications, each with a pool whose connections are opened anew all the time. */
class Load {
  readonly #holders: readonly Holder[];
  readonly #working: Promise<unknown>;
  #stopped = false;
  #queries = 0;
  #failures = 0;

  private constructor(holders: readonly Holder[]) {
    this.#holders = holders;
    this.#working = Promise.all(holders.map(({ pool }) => this.#work(pool)));
  }

  static async open(rekey: RunningRekey): Promise<Load> {
    const holders = Array.from({ length: HOLDERS }, async () => {
      const secret = await RotatingSecret.open<unknown>({ secretId: 'app', client: clientOf(rekey), listen: true });
      return { secret, pool: rotatingPool(secret, { max: 2, maxUses: 10 }) as RotatingPool };
    });
    return new Load(await Promise.all(holders));
  }

  async close(): Promise<{ readonly queries: number; readonly failures: number }> {
    this.#stopped = true;
    await this.#working;
    for (const { pool, secret } of this.#holders) {
      await pool.end();
      secret.close();
    }
    return { queries: this.#queries, failures: this.#failures };
  }

  async #work(pool: RotatingPool): Promise<void> {
    while (!this.#stopped) {
      await pool.query('select 1').catch(() => {
        this.#failures += 1;
      });
      this.#queries += 1;
      await pause(5);
    }
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
