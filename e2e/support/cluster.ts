import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { SecretsClient } from '@rekey/client';
import { CuttableProxy } from '../../scripts/test-services/cuttable-proxy.ts';
import type { RunningPostgres } from '../../scripts/test-services/postgres.ts';
import { rootClient } from './clients.ts';
import { startServer, type TestServer, temporaryFolder } from './server.ts';

/** One of the servers that share a store, reached by it through a network that a test can cut. */
export class Member {
  readonly name: string;
  readonly dataFolder: string;
  readonly network: CuttableProxy;
  readonly #storeUrl: string;
  readonly #test: TestContext;
  #server: TestServer | null = null;

  constructor(parts: {
    name: string;
    dataFolder: string;
    network: CuttableProxy;
    storeUrl: string;
    test: TestContext;
  }) {
    this.name = parts.name;
    this.dataFolder = parts.dataFolder;
    this.network = parts.network;
    this.#storeUrl = parts.storeUrl;
    this.#test = parts.test;
  }

  get server(): TestServer {
    if (this.#server === null) throw new Error(`${this.name} does not run`);
    return this.#server;
  }

  get client(): SecretsClient {
    return rootClient(this.server.endpoint);
  }

  async start(environment: Readonly<Record<string, string>> = {}): Promise<void> {
    this.#server = await startServer({
      dataFolder: this.dataFolder,
      environment: { REKEY_STORE_URL: this.#storeUrl, ...environment },
      test: this.#test,
    });
  }

  /** SIGSTOP: what it was about to do, it does when it goes on. */
  pause(): void {
    this.server.process.kill('SIGSTOP');
  }

  goOn(): void {
    this.server.process.kill('SIGCONT');
  }
}

/** So many servers on one PostgreSQL, each with a data folder of its own and a copy of the key file; the first made the store. */
export async function startCluster(
  postgres: RunningPostgres,
  test: TestContext,
  options: { readonly members: number; readonly schema: string },
): Promise<readonly Member[]> {
  const root = await temporaryFolder(test);
  const members: Member[] = [];
  for (let at = 0; at < options.members; at += 1) {
    const network = await CuttableProxy.before(postgres);
    test.after(() => network.close());
    const { user, password } = postgres.superuser;
    const storeUrl = `postgres://${user}:${password}@127.0.0.1:${network.port}/postgres?schema=${options.schema}`;
    const dataFolder = join(root, `server-${at}`);
    members.push(new Member({ name: `server ${at}`, dataFolder, network, storeUrl, test }));
  }
  const [first, ...others] = members;
  await first!.start();
  for (const other of others) {
    await mkdir(other.dataFolder, { mode: 0o700 });
    await copyFile(join(first!.dataFolder, 'key'), join(other.dataFolder, 'key'));
  }
  await Promise.all(others.map((other) => other.start()));
  return members;
}
