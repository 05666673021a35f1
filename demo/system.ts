import { RotatingSecret, SecretsClient } from '@rekey/client';
import { rotatingPool } from '@rekey/client/pg';
import { CuttableProxy } from '../scripts/test-services/cuttable-proxy.ts';
import { type RunningPostgres, startPostgres } from '../scripts/test-services/postgres.ts';
import { openSandbox, type Sandbox } from '../scripts/test-services/sandbox.ts';
import type { Closing } from './closing.ts';
import type { Options } from './options.ts';
import { RekeyServer } from './rekey-server.ts';
import { type DatabaseCredential, prepareTarget, type TargetCredentials } from './target-database.ts';

export const SECRET = 'demo/shop';
const ADMIN_SECRET = 'demo/admin';
export const ROTATION_PATH = `/rekey/secrets/${encodeURIComponent(SECRET)}/rotation`;
const POOL_SIZE = 16;
/**
 * What dies every few seconds leaves more doubt than three logins in ten minutes resolve; PostgreSQL locks no account,
 * so there may be as many as it takes.
 */
const CONFIGURATION_FOR_CHAOS = 'rotation: { loginBudget: { logins: 100, window: 1s } }\n';

/** All that runs, from the target up to the application's pool. */
export interface System {
  readonly postgres: RunningPostgres;
  readonly server: RekeyServer;
  /** What rekey's connections to PostgreSQL go through; the application's do not. Null without chaos. */
  readonly road: CuttableProxy | null;
  readonly client: SecretsClient;
  readonly secret: RotatingSecret<DatabaseCredential>;
  readonly pool: ReturnType<typeof rotatingPool<DatabaseCredential>>;
  /** When the first password was set; milliseconds since the epoch. */
  readonly bornAt: number;
}

/** Starts everything; whatever was started is in `closing` even if this fails half-way or is aborted. */
export async function startSystem(options: Options, closing: Closing, signal: AbortSignal): Promise<System> {
  // Mode 0711: PostgreSQL's account, where root has to borrow one, passes through but cannot look around.
  const sandbox = await openSandbox({ prefix: 'rekey-demo-', mode: 0o711 });
  closing.add(() => sandbox.close());
  const { postgres, server } = await startServers(sandbox, options, closing);
  signal.throwIfAborted();
  const road = options.chaos ? await CuttableProxy.before(postgres) : null;
  if (road !== null) closing.add(() => road.close());
  const credentials = await prepareTarget(postgres, road?.port ?? postgres.port);
  const bornAt = Date.now();
  const client = new SecretsClient({
    endpoint: server.endpoint,
    region: 'us-east-1',
    credentials: server.credentials,
    // Nothing of a person's own AWS settings has a say here.
    environment: {},
  });
  signal.throwIfAborted();
  await keepSecrets(client, credentials, options);
  const { secret, pool } = await connectApplication(client, postgres, options, closing);
  return { postgres, server, road, client, secret, pool, bornAt };
}

/** Both at once; if one fails, the other is still closed. */
async function startServers(sandbox: Sandbox, options: Options, closing: Closing) {
  const started = await Promise.allSettled([
    startPostgres({ version: 'embedded', folder: sandbox.folder }).then((postgres) => {
      closing.add(() => postgres.stop());
      return postgres;
    }),
    RekeyServer.start(sandbox, options.chaos ? CONFIGURATION_FOR_CHAOS : null).then((server) => {
      closing.add(() => server.stop());
      return server;
    }),
  ]);
  const [postgres, server] = started;
  if (postgres.status === 'rejected') throw postgres.reason;
  if (server.status === 'rejected') throw server.reason;
  return { postgres: postgres.value, server: server.value };
}

/**
 * The secrets go in through AWS's protocol. The interval goes in through the native face: AWS's shortest is four hours.
 * The application's username may change, since its pool takes the username from the secret too.
 */
async function keepSecrets(client: SecretsClient, credentials: TargetCredentials, options: Options): Promise<void> {
  await client.call('CreateSecret', { Name: ADMIN_SECRET, SecretString: JSON.stringify(credentials.admin) });
  const application = { ...credentials.application, masterarn: ADMIN_SECRET };
  await client.call('CreateSecret', { Name: SECRET, SecretString: JSON.stringify(application) });
  await client.native('PUT', ROTATION_PATH, {
    rotator: 'postgres',
    every: `${options.every / 1000}s`,
    overlap: `${options.overlap / 1000}s`,
    strategy: options.strategy,
    usernameMayChange: true,
  });
}

/** Re-read twice within an overlap, the application moves on its own before the old password ends. */
async function connectApplication(
  client: SecretsClient,
  postgres: RunningPostgres,
  options: Options,
  closing: Closing,
) {
  const secret = await RotatingSecret.open({
    secretId: SECRET,
    client,
    // The application's own road to PostgreSQL, which no chaos touches.
    parse: (content): DatabaseCredential => ({ ...JSON.parse(String(content)), port: postgres.port }),
    maxAge: options.overlap / 2,
  });
  closing.add(() => secret.close());
  const pool = rotatingPool(secret, { max: POOL_SIZE });
  closing.add(() => pool.end());
  return { secret, pool };
}
