import pg from 'pg';
import { type RunningPostgres, startPostgres } from '../scripts/test-services/postgres.ts';

/** A real PostgreSQL with application roles and an admin role that is no superuser. */
export interface RolesDatabase {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  stop(): Promise<void>;
}

export const ADMIN = { username: 'rekey_admin', password: 'benchmark-admin-password' };
export const APPLICATION_PASSWORD = 'benchmark-application-password';
const DATABASE = 'bench';

export async function startRolesDatabase(roles: readonly string[]): Promise<RolesDatabase> {
  const server = await startPostgres({ version: 'embedded' });
  try {
    await run(server, 'postgres', [`CREATE DATABASE ${DATABASE}`]);
    await run(server, DATABASE, [
      `CREATE ROLE ${ADMIN.username} LOGIN CREATEROLE PASSWORD '${ADMIN.password}'`,
      ...roles.flatMap((role) => [
        `CREATE ROLE ${role} LOGIN PASSWORD '${APPLICATION_PASSWORD}'`,
        `GRANT ${role} TO ${ADMIN.username} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE`,
      ]),
    ]);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return { host: server.host, port: server.port, database: DATABASE, stop: () => server.stop() };
}

async function run(server: RunningPostgres, database: string, statements: readonly string[]): Promise<void> {
  const { host, port, superuser } = server;
  const client = new pg.Client({ host, port, database, ...superuser });
  await client.connect();
  for (const statement of statements) await client.query(statement);
  await client.end();
}
