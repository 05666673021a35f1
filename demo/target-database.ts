import { randomBytes } from 'node:crypto';
import pg from 'pg';
import type { RunningPostgres } from '../scripts/test-services/postgres.ts';

/** A login to the target, in the shape that AWS gives database secrets. */
export interface DatabaseCredential {
  readonly engine: 'postgres';
  readonly host: string;
  readonly port: number;
  readonly dbname: string;
  readonly username: string;
  readonly password: string;
}

/** The credentials that rekey is given to keep. */
export interface TargetCredentials {
  readonly application: DatabaseCredential;
  readonly admin: DatabaseCredential;
}

const DATABASE = 'shop';

/**
 * A database with what an application finds in real life: a role that owns its table, and an admin credential that is
 * no superuser but may change that role.
 *
 * @param port at which rekey finds it
 */
export async function prepareTarget(server: RunningPostgres, port: number): Promise<TargetCredentials> {
  const application = credentialOf(server.host, port, 'shop');
  const admin = credentialOf(server.host, port, 'rekey_admin');
  await asSuperuser(server, 'postgres', [
    `CREATE ROLE shop LOGIN PASSWORD '${application.password}'`,
    `CREATE ROLE rekey_admin LOGIN CREATEROLE PASSWORD '${admin.password}'`,
    'GRANT shop TO rekey_admin WITH ADMIN TRUE, INHERIT TRUE, SET TRUE',
    `CREATE DATABASE ${DATABASE} OWNER shop`,
  ]);
  await asSuperuser(server, DATABASE, [
    'SET ROLE shop',
    'CREATE TABLE orders (id integer PRIMARY KEY, item text NOT NULL, amount integer NOT NULL)',
    "INSERT INTO orders SELECT n, 'item ' || n, n % 7 + 1 FROM generate_series(1, 1000) AS n",
  ]);
  return { application, admin };
}

/** Whether the server lets the credential in; undefined when it could not be asked. */
export async function isAccepted(credential: DatabaseCredential): Promise<boolean | undefined> {
  const { host, port, dbname: database, username: user, password } = credential;
  const client = new pg.Client({ host, port, database, user, password, connectionTimeoutMillis: 5_000 });
  try {
    await client.connect();
    return true;
  } catch (error) {
    const { code } = error as { code?: string };
    return code === '28P01' || code === '28000' ? false : undefined;
  } finally {
    await client.end().catch(() => {});
  }
}

function credentialOf(host: string, port: number, username: string): DatabaseCredential {
  const password = randomBytes(24).toString('base64url');
  return { engine: 'postgres', host, port, dbname: DATABASE, username, password };
}

async function asSuperuser(server: RunningPostgres, database: string, statements: readonly string[]): Promise<void> {
  const { host, port, superuser } = server;
  const client = new pg.Client({ host, port, database, ...superuser });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}
