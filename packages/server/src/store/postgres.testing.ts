import { createHash } from 'node:crypto';
import { after } from 'node:test';
import pg from 'pg';
import { available, type RunningPostgres, startPostgres } from '../../../../scripts/test-services/postgres.ts';
import { PostgresAddress } from './postgres/address.ts';
import { openPostgresDriver, type PostgresDriver, type PostgresOptions } from './postgres.ts';

const { available: startable, why } = available('embedded');

/** For the options of a suite: why it is skipped, or false. */
export const withoutPostgres = startable ? false : why;

/** A real PostgreSQL for one test file, started when it is first asked for. */
export class TestPostgres {
  #server: Promise<RunningPostgres> | null = null;
  #drivers = new Set<PostgresDriver>();

  constructor() {
    after(async () => {
      for (const driver of this.#drivers) await driver.close();
      await (await this.#server)?.stop();
    });
  }

  server(): Promise<RunningPostgres> {
    this.#server ??= startPostgres({ version: 'embedded' });
    return this.#server;
  }

  /** The schema that belongs to a folder or any other name. */
  async address(name: string, port?: number): Promise<PostgresAddress> {
    const server = await this.server();
    const { user, password } = server.superuser;
    const schema = `s${createHash('sha256').update(name).digest('hex').slice(0, 16)}`;
    const host = `${server.host}:${port ?? server.port}`;
    return PostgresAddress.parse(`postgres://${user}:${password}@${host}/postgres?schema=${schema}`);
  }

  /** A driver over the schema, by the clock of each request; closed at the end of the file at the latest. */
  async open(name: string, options: Partial<PostgresOptions> = {}): Promise<PostgresDriver> {
    const address = await this.address(name);
    const driver = await openPostgresDriver({ address, create: true, clock: 'request', ...options });
    this.#drivers.add(driver);
    return driver;
  }

  /** Asks the server as its superuser. */
  async ask<Row extends pg.QueryResultRow>(sql: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    const { host, port, superuser } = await this.server();
    const client = new pg.Client({ host, port, database: 'postgres', ...superuser });
    await client.connect();
    try {
      return (await client.query<Row>(sql, [...values])).rows;
    } finally {
      await client.end();
    }
  }
}
