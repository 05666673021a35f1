import { randomBytes } from 'node:crypto';
import { silentLogger } from '@rekey/core';
import { startRekey } from './compose.ts';
import { readConfig } from './config/config.ts';
import { clientEnvironment } from './config/development-settings.ts';

/** A real rekey server in this process, for tests of programs that use one. */
export interface TestRekey {
  readonly endpoint: string;
  readonly region: string;
  /** Root's access key, in the form AWS's SDKs take. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Root's token for the native face. */
  readonly token: string;
  /** What programs read from their environment to find it. */
  readonly environment: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/**
 * Starts a server on a free loopback port with a store in memory: the same code as in production, nothing mocked.
 *
 * ```ts
 * const rekey = await startTestRekey();
 * after(() => rekey.stop());
 * const client = new SecretsManagerClient({ endpoint: rekey.endpoint, region: rekey.region, credentials: rekey.credentials });
 * ```
 */
export async function startTestRekey(): Promise<TestRekey> {
  const credentials = {
    accessKeyId: `AKIA${randomBytes(8).toString('hex').toUpperCase()}`,
    secretAccessKey: randomBytes(30).toString('base64url'),
  };
  const config = await readConfig({ dev: true, listen: '127.0.0.1:0' }, {});
  const server = await startRekey(config, {
    log: silentLogger,
    environment: {
      REKEY_ROOT_ACCESS_KEY_ID: credentials.accessKeyId,
      REKEY_ROOT_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    },
  });
  return {
    endpoint: server.endpoint,
    region: server.region,
    credentials,
    token: server.root.token,
    environment: clientEnvironment({ endpoint: server.endpoint, region: server.region, ...credentials }),
    stop: () => server.stop(),
  };
}
