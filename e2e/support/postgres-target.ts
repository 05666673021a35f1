import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import type { RunningPostgres } from '../../scripts/test-services/postgres.ts';

/** A login to PostgreSQL, in the shape that AWS gives database secrets. */
export interface DatabaseCredential {
  readonly engine: 'postgres';
  readonly host: string;
  readonly port: number;
  readonly dbname: string;
  readonly username: string;
  readonly password: string;
  readonly ssl: false;
  readonly masterarn?: string;
}

const DATABASE = 'shop';
const ADMIN = 'rekey_admin';

/** Application roles on one real server, and an admin credential that is no superuser but may change them. */
export class PostgresTarget {
  readonly server: RunningPostgres;
  readonly admin: DatabaseCredential;
  readonly #superuser: pg.Client;
  #roles = 0;

  private constructor(server: RunningPostgres, superuser: pg.Client, admin: DatabaseCredential) {
    this.server = server;
    this.#superuser = superuser;
    this.admin = admin;
  }

  static async open(server: RunningPostgres): Promise<PostgresTarget> {
    const { host, port, superuser } = server;
    const client = new pg.Client({ host, port, database: 'postgres', ...superuser });
    await client.connect();
    const admin = credential(server, ADMIN);
    await client.query(`CREATE ROLE ${ADMIN} LOGIN CREATEROLE PASSWORD '${admin.password}'`);
    await client.query(`CREATE DATABASE ${DATABASE}`);
    return new PostgresTarget(server, client, admin);
  }

  /** A new application role, which the admin credential may change. */
  async newRole(prefix = 'app'): Promise<DatabaseCredential> {
    this.#roles += 1;
    const made = credential(this.server, `${prefix}_${this.#roles}`);
    await this.asSuperuser(`CREATE ROLE ${made.username} LOGIN PASSWORD '${made.password}'`);
    await this.mayAdminister(made, true);
    return made;
  }

  /** Gives the admin credential the privilege over a role, or takes it. */
  async mayAdminister({ username }: DatabaseCredential, may: boolean): Promise<void> {
    if (may) await this.asSuperuser(`GRANT ${username} TO ${ADMIN} WITH ADMIN TRUE, INHERIT TRUE, SET TRUE`);
    else await this.asSuperuser(`REVOKE ${username} FROM ${ADMIN}`);
  }

  /** Whether the server asks for the role's password at all. */
  async checksPasswordOf({ username }: DatabaseCredential, checks: boolean): Promise<void> {
    await this.#exception(`host all ${username} 127.0.0.1/32 trust\n`, !checks);
  }

  /** Whether the server lets anybody into a database as the user of that name, whatever the password. */
  async letsIn(username: string, database: string, lets: boolean): Promise<void> {
    await this.#exception(`host ${database} ${username} 127.0.0.1/32 reject\n`, !lets);
  }

  async #exception(line: string, holds: boolean): Promise<void> {
    const file = join(this.server.folder, 'data', 'pg_hba.conf');
    const lines = await readFile(file, 'utf8');
    await writeFile(file, holds ? line + lines : lines.replace(line, ''));
    await this.asSuperuser('SELECT pg_reload_conf()');
  }

  async hasRole(name: string): Promise<boolean> {
    const { rowCount } = await this.#superuser.query('SELECT FROM pg_roles WHERE rolname = $1', [name]);
    return rowCount === 1;
  }

  async asSuperuser(statement: string): Promise<void> {
    await this.#superuser.query(statement);
  }

  async close(): Promise<void> {
    await this.#superuser.end();
  }
}

/** Whether the server lets in who holds the secret's text. Fails when the server could not be asked. */
export async function logsIn(text: string | null): Promise<boolean> {
  if (text === null) return false;
  const { host, port, dbname: database, username: user, password } = JSON.parse(text) as DatabaseCredential;
  const client = new pg.Client({ host, port, database, user, password, connectionTimeoutMillis: 10_000 });
  // Let in, it may be cut off before it is gone: a breach ends the sessions of its role.
  client.on('error', () => {});
  try {
    await client.connect();
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === '28P01') return false;
    throw error;
  } finally {
    await client.end().catch(() => {});
  }
}

function credential(server: RunningPostgres, username: string): DatabaseCredential {
  const password = randomBytes(24).toString('base64url');
  return { engine: 'postgres', host: server.host, port: server.port, dbname: DATABASE, username, password, ssl: false };
}
