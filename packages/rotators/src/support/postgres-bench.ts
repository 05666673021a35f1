import { DEFAULT_ROTATION_SETTINGS, type RotationContext, type RotationSettings, systemRandom } from '@rekey/core';
import { Client, type QueryResult } from 'pg';
import type { ConformanceTarget } from '../conformance.ts';
import { postgres } from '../postgres.ts';
import { quoteIdentifier, quoteLiteral } from './postgres-names.ts';

/** A running server, as the tests' own starter describes it. */
export interface BenchServer {
  readonly host: string;
  readonly port: number;
  readonly superuser: { readonly user: string; readonly password: string };
}

export const ADMIN = 'rekey admin';
export const ADMIN_PASSWORD = 'admin-password-1';
export const APP_PASSWORD = 'app-password-1';

const DATABASE = 'bench';

/**
 * A database on a real server with one application role and an admin role that is no superuser. One at a time on a
 * server: closing it removes every role but the server's own. For tests.
 */
export class PostgresBench {
  readonly server: BenchServer;
  readonly role: string;
  readonly database = DATABASE;
  readonly #superuser: Client;

  constructor(server: BenchServer, role: string, superuser: Client) {
    this.server = server;
    this.role = role;
    this.#superuser = superuser;
  }

  static async open(server: BenchServer, role = 'app'): Promise<PostgresBench> {
    await ensureDatabase(server);
    const bench = new PostgresBench(server, role, await connected(server, DATABASE));
    await bench.asSuperuser(`
      CREATE ROLE ${quoteIdentifier(ADMIN)} LOGIN CREATEROLE PASSWORD ${quoteLiteral(ADMIN_PASSWORD)};
      CREATE ROLE ${quoteIdentifier(role)} LOGIN PASSWORD ${quoteLiteral(APP_PASSWORD)};
      CREATE SCHEMA own AUTHORIZATION ${quoteIdentifier(role)}`);
    if ((await bench.version()) >= 160_000)
      await bench.asSuperuser(
        `GRANT ${quoteIdentifier(role)} TO ${quoteIdentifier(ADMIN)} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE`,
      );
    return bench;
  }

  /** Runs statements as the superuser; rows of the last one. */
  async asSuperuser<Row = Record<string, unknown>>(text: string): Promise<Row[]> {
    return lastRows<Row>(await this.#superuser.query(text));
  }

  /** The same with a fresh login. */
  async as<Row = Record<string, unknown>>(user: string, password: string, text: string): Promise<Row[]> {
    const client = await connected({ ...this.server, superuser: { user, password } }, DATABASE);
    try {
      return lastRows<Row>(await client.query(text));
    } finally {
      await client.end();
    }
  }

  /** Statements one after the other in one session, each a message of its own, as an application sends them. */
  async inOneSession(user: string, password: string, statements: readonly string[]): Promise<void> {
    const client = await connected({ ...this.server, superuser: { user, password } }, DATABASE);
    try {
      for (const statement of statements) await client.query(statement);
    } finally {
      await client.end();
    }
  }

  async version(): Promise<number> {
    const [row] = await this.asSuperuser<{ v: string }>("select current_setting('server_version_num') as v");
    return Number(row?.v);
  }

  credential(username = this.role, password = APP_PASSWORD, more: Record<string, unknown> = {}): string {
    const { host, port } = this.server;
    return JSON.stringify({
      engine: 'postgres',
      host,
      port,
      username,
      password,
      dbname: this.database,
      ssl: false,
      ...more,
    });
  }

  admin(): string {
    return this.credential(ADMIN, ADMIN_PASSWORD);
  }

  context(
    strategy: RotationContext['strategy'],
    fence: number,
    more: { readonly admin?: string | null; readonly settings?: Partial<RotationSettings>; readonly arn?: string } = {},
  ): RotationContext {
    return {
      secret: { arn: more.arn ?? 'arn:aws:secretsmanager:us-east-1:000000000000:secret:app-AbCdEf', name: 'app' },
      strategy,
      fence,
      admin: more.admin === undefined ? this.admin() : more.admin,
      settings: { ...DEFAULT_ROTATION_SETTINGS, strategy, ...more.settings },
      random: systemRandom,
      signal: AbortSignal.timeout(30_000),
    };
  }

  conformance(): ConformanceTarget {
    return {
      rotator: postgres(),
      credential: this.credential(),
      admin: this.admin(),
      absent: this.credential('nobody-here', 'nobody-password'),
      unreachable: JSON.stringify({ ...JSON.parse(this.credential()), port: 1 }),
      openSession: (credential) => this.#openSession(credential),
      close: () => this.close(),
    };
  }

  async #openSession(credential: string): Promise<{ close(): Promise<void> }> {
    const { username: user, password } = JSON.parse(credential);
    const client = await connected({ ...this.server, superuser: { user, password } }, DATABASE);
    return { close: () => client.end() };
  }

  /** Removes every role that is not the server's own, with all it owns. */
  async close(): Promise<void> {
    const roles = await this.asSuperuser<{ name: string }>(
      "select rolname as name from pg_roles where rolname !~ '^pg_' and rolname <> 'postgres'",
    );
    const names = roles.map(({ name }) => quoteIdentifier(name)).join(', ');
    if (names !== '') await this.asSuperuser(`DROP OWNED BY ${names} CASCADE; DROP ROLE ${names}`);
    await this.#superuser.end();
  }
}

async function ensureDatabase(server: BenchServer): Promise<void> {
  const client = await connected(server, 'postgres');
  const { rowCount } = await client.query('select from pg_database where datname = $1', [DATABASE]);
  if (rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`);
  await client.end();
}

async function connected({ host, port, superuser }: BenchServer, database: string): Promise<Client> {
  const client = new Client({ host, port, user: superuser.user, password: superuser.password, database, ssl: false });
  await client.connect();
  return client;
}

/** Of several statements at once the driver returns several results. */
function lastRows<Row>(result: QueryResult | QueryResult[]): Row[] {
  const last = Array.isArray(result) ? result.at(-1) : result;
  return (last?.rows ?? []) as Row[];
}
