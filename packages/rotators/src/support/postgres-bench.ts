import { DEFAULT_ROTATION_SETTINGS, type RotationContext, type RotationSettings, systemRandom } from '@rekey/core';
import { Client } from 'pg';
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

/** A database of its own on a real server, with one application role and an admin role that is no superuser. For tests. */
export class PostgresBench {
  readonly server: BenchServer;
  readonly role: string;
  readonly database: string;

  constructor(server: BenchServer, role: string, database: string) {
    this.server = server;
    this.role = role;
    this.database = database;
  }

  static async open(server: BenchServer, role = 'app'): Promise<PostgresBench> {
    const database = `bench_${Math.random().toString(36).slice(2)}`;
    const bench = new PostgresBench(server, role, database);
    await bench.asSuperuser(`CREATE DATABASE ${database}`, 'postgres');
    await bench.asSuperuser(
      `CREATE ROLE ${quoteIdentifier(ADMIN)} LOGIN CREATEROLE PASSWORD ${quoteLiteral(ADMIN_PASSWORD)}`,
    );
    await bench.asSuperuser(`CREATE ROLE ${quoteIdentifier(role)} LOGIN PASSWORD ${quoteLiteral(APP_PASSWORD)}`);
    if ((await bench.version()) >= 160_000)
      await bench.asSuperuser(
        `GRANT ${quoteIdentifier(role)} TO ${quoteIdentifier(ADMIN)} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE`,
      );
    await bench.asSuperuser(`CREATE SCHEMA own AUTHORIZATION ${quoteIdentifier(role)}`);
    return bench;
  }

  /** Runs statements as the superuser; rows of the last one. */
  async asSuperuser<Row = Record<string, unknown>>(text: string, database = this.database): Promise<Row[]> {
    const { user, password } = this.server.superuser;
    return this.as<Row>(user, password, text, database);
  }

  async as<Row = Record<string, unknown>>(
    user: string,
    password: string,
    text: string,
    database = this.database,
  ): Promise<Row[]> {
    const client = new Client({ host: this.server.host, port: this.server.port, user, password, database, ssl: false });
    await client.connect();
    try {
      const result = await client.query(text);
      return (Array.isArray(result) ? result.at(-1).rows : result.rows) as Row[];
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
      close: () => this.close(),
    };
  }

  /** Drops the database and every role that is not the server's own. */
  async close(): Promise<void> {
    await this.asSuperuser(`DROP DATABASE IF EXISTS ${this.database} WITH (FORCE)`, 'postgres');
    const roles = await this.asSuperuser<{ name: string }>(
      "select rolname as name from pg_roles where rolname !~ '^pg_' and rolname <> 'postgres'",
      'postgres',
    );
    for (const { name } of roles) {
      await this.asSuperuser(`DROP OWNED BY ${quoteIdentifier(name)} CASCADE`, 'postgres');
    }
    for (const { name } of roles) await this.asSuperuser(`DROP ROLE ${quoteIdentifier(name)}`, 'postgres');
  }
}
