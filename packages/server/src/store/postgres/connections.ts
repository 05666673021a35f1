import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { closed } from '../driver-errors.ts';
import type { PostgresAddress } from './address.ts';
import { failureOf, wasCut } from './failures.ts';

/** A statement that PostgreSQL parses and plans once a connection. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

/** Milliseconds PostgreSQL works on one statement: most take one; a lock that is held longer holds up everybody. */
const STATEMENT_TIME = 5_000;
/** Milliseconds until an answer that does not come is given up: the server had its time, so the network has swallowed it. */
const ANSWER_TIME = 6_000;
const CONNECT_TIME = 5_000;
const FAREWELL_TIME = 1_000;
/** Connections at once: each takes some 10 MB at the server, and ten do more than its few cores can. */
const CONNECTIONS = 10;
/** Attempts of a read: after a failover every idle connection may be dead, the first attempts only find that out. */
const READ_ATTEMPTS = 3;

/** Oid of int8, which pg hands out as text: revisions and times are far below 2^53. */
const INT8 = 20;
const NUMBERS: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === INT8 && format !== 'binary' ? Number : pg.types.getTypeParser(oid, format as 'text')) as never,
};

/** Connections to the database of a store; every failure leaves here worded, none with what pg says. */
export class Connections {
  readonly address: PostgresAddress;
  readonly #pool: pg.Pool;
  #closing: Promise<void> | null = null;

  constructor(address: PostgresAddress) {
    this.address = address;
    this.#pool = new pg.Pool({
      ...settingsOf(address, 'rekey'),
      max: CONNECTIONS,
      query_timeout: ANSWER_TIME,
      onConnect: (client: pg.ClientBase) => prepareSession(client, address.schema),
    } as pg.PoolConfig);
    // An idle connection that is cut leaves the pool by itself.
    this.#pool.on('error', () => {});
  }

  /** Asks once: after a failure of the connection it may have been done or not. */
  async query<Row>(statement: Statement, values: readonly unknown[]): Promise<readonly Row[]> {
    return this.guarded(() => this.attempt<Row>(statement, values));
  }

  /** Asks again over another connection if one is cut: for what changes nothing. */
  async read<Row>(statement: Statement, values: readonly unknown[]): Promise<readonly Row[]> {
    return this.guarded(async () => {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await this.attempt<Row>(statement, values);
        } catch (error) {
          if (attempt >= READ_ATTEMPTS || !wasCut(error) || this.#closing !== null) throw error;
        }
      }
    });
  }

  /** As {@link query}, with pg's own errors: for who decides by them. */
  async attempt<Row>({ name, text }: Statement, values: readonly unknown[]): Promise<readonly Row[]> {
    if (this.#closing !== null) throw closed();
    const { rows } = await this.#pool.query({ name, text, values: [...values] });
    return rows as Row[];
  }

  /** Runs long work (migration, backup) on a connection of its own, without limits of time and with the planner's free choice. */
  async alone<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    return this.guarded(async () => {
      const client = new pg.Client({
        ...settingsOf(this.address, 'rekey upkeep'),
        connectionTimeoutMillis: CONNECT_TIME,
      });
      client.on('error', () => {});
      try {
        await client.connect();
        return await work(client);
      } finally {
        await withinPatience(client.end());
      }
    });
  }

  /** A client for the change feed, not connected yet. Who has it ends it. */
  listener(): pg.Client {
    return new pg.Client({ ...settingsOf(this.address, 'rekey feed'), query_timeout: ANSWER_TIME });
  }

  async guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw failureOf(error, this.address.place);
    }
  }

  close(): Promise<void> {
    this.#closing ??= withinPatience(this.#pool.end());
    return this.#closing;
  }
}

/** Waits for a farewell, but not for one that a dead network has swallowed. */
export async function withinPatience(farewell: Promise<void>): Promise<void> {
  const over = new AbortController();
  const patience = delay(FAREWELL_TIME, undefined, { signal: over.signal });
  await Promise.race([farewell, patience]).catch(() => {});
  over.abort();
  await patience.catch(() => {});
}

function settingsOf(address: PostgresAddress, application: string): pg.ClientConfig {
  return {
    connectionString: address.connectionString(),
    fallback_application_name: application,
    connectionTimeoutMillis: CONNECT_TIME,
    keepAlive: true,
    types: NUMBERS,
  } as pg.ClientConfig;
}

/**
 * Every statement of ours is a seek by key, and a planner that takes the tables for small must not think otherwise.
 * What a commit answers is on the disk: synchronous_commit is only ever raised, never lowered.
 */
async function prepareSession(client: pg.ClientBase, schema: string): Promise<void> {
  const settings: Record<string, string> = {
    search_path: schema,
    statement_timeout: String(STATEMENT_TIME),
    default_transaction_isolation: 'read committed',
    jit: 'off',
    ...{ enable_seqscan: 'off', enable_bitmapscan: 'off', enable_hashjoin: 'off', enable_mergejoin: 'off' },
  };
  const sets = Object.keys(settings).map((name, at) => `set_config('${name}', $${at + 1}, false)`);
  await client.query(`SELECT ${sets.join(', ')}`, Object.values(settings));
  await client.query(
    `SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'`,
  );
}
