import { RekeyError } from '@rekey/core';
import type { PostgresAddress } from '../postgres/address.ts';
import { Connections } from '../postgres/connections.ts';

/**
 * Refuses a shared store on which servers run, as far as the database tells: each listens to its change feed.
 *
 * @throws RekeyError `unavailable`, reason `source-in-use`
 */
export async function refuseRunning(address: PostgresAddress): Promise<void> {
  const count = await ask<{ count: number }>(
    address,
    `SELECT count(*)::int AS count FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = 'rekey feed' AND query LIKE '%rekey\\_' || $1 || '%'`,
  );
  if ((count?.count ?? 0) === 0) return;
  throw new RekeyError(
    'unavailable',
    `${count!.count} of the servers on the store in ${address} still run; stop them first: what they write during the move would be lost.`,
    { reason: 'source-in-use' },
  );
}

/** Revision of the last commit to a shared store. */
export async function revisionIn(address: PostgresAddress): Promise<number> {
  const sql = `SELECT value::int AS value FROM "${address.schema}".counter WHERE name = 'revision' AND $1::text IS NOT NULL`;
  return (await ask<{ value: number }>(address, sql))?.value ?? 0;
}

async function ask<Row extends object>(address: PostgresAddress, sql: string): Promise<Row | undefined> {
  const connections = new Connections(address);
  try {
    return await connections.alone(async (client) => (await client.query(sql, [address.schema])).rows[0] as Row);
  } finally {
    await connections.close();
  }
}
