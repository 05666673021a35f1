import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { Keyring } from '../packages/server/dist/seal/keyring.js';
import { PostgresAddress } from '../packages/server/dist/store/postgres/address.js';
import { openPostgresDriver, type PostgresDriver } from '../packages/server/dist/store/postgres.js';
import { Store } from '../packages/server/dist/store/store.js';
import { startPostgres } from '../scripts/test-services/postgres.ts';
import { type Benchmark, type Figure, median, round } from './figure.ts';
import { sampleSecret } from './sample-folder.ts';

const SECRETS = 6_000;
const BATCH = 500;
/** Reads in one measurement, of secrets that nobody has read before; measured in turns, so that both see the same noise. */
const READS = 500;
const TURNS = 5;
const COMMITS = 2_000;
/** Commits that wait at the same time, at each server. */
const WAITING = 64;
const SERVERS = 3;

/** A read that finds nothing in the cache against the select it needs; commits against the bare upsert of one row. */
export const benchmark: Benchmark = {
  name: 'postgres store: reads past the cache, commits',
  async run() {
    const server = await startPostgres({ version: 'embedded', settings: { fsync: 'on', shared_buffers: '128MB' } });
    const { user, password } = server.superuser;
    const url = `postgres://${user}:${password}@${server.host}:${server.port}/postgres`;
    const address = PostgresAddress.parse(url);
    const drivers: PostgresDriver[] = [];
    for (let at = 0; at < SERVERS; at += 1) drivers.push(await openPostgresDriver({ address, create: true }));
    const bare = new pg.Pool({ connectionString: url, max: 10 });
    const store = new Store({ driver: drivers[0]!, keyring: Keyring.create(randomUUID(), Date.now()) });
    try {
      await seed(store);
      return [await missFigure(store, bare), ...(await commitFigures(drivers, bare))];
    } finally {
      await store.close();
      for (const driver of drivers) await driver.close();
      await bare.end();
      await server.stop();
    }
  },
};

async function seed(store: Store): Promise<void> {
  for (let from = 0; from < SECRETS; from += BATCH) {
    const records = Array.from({ length: BATCH }, (_, at) => sampleSecret(from + at, Date.now()));
    await store.commit(records.map((record) => ({ collection: 'secret', id: record.id, record })));
  }
}

async function missFigure(store: Store, bare: pg.Pool): Promise<Figure> {
  const ids = Array.from({ length: SECRETS }, (_, at) => sampleSecret(at, 0).id);
  const client = await bare.connect();
  const select = { name: 'bare', text: 'SELECT revision, body FROM rekey.record WHERE collection = $1 AND id = $2' };
  const misses: number[] = [];
  const selects: number[] = [];
  let next = 0;
  const turn = async (read: (id: string) => Promise<unknown>) => {
    const chosen = ids.slice(next, next + READS);
    next += READS;
    const from = performance.now();
    for (const id of chosen) await read(id);
    return ((performance.now() - from) / READS) * 1_000;
  };
  await turn((id) => store.get('secret', id));
  await turn((id) => client.query({ ...select, values: ['secret', id] }));
  for (let at = 0; at < TURNS; at += 1) {
    misses.push(await turn((id) => store.get('secret', id)));
    selects.push(await turn((id) => client.query({ ...select, values: ['secret', id] })));
  }
  client.release();
  const [miss, plain] = [median(misses), median(selects)];
  return {
    name: 'cache-miss read on the PostgreSQL store / bare select',
    value: round(miss / plain),
    unit: '×',
    limit: 2,
    must: 'stay below',
    detail: `${round(miss, 0)} µs against ${round(plain, 0)} µs, medians of ${TURNS} turns of ${READS}, one after the other`,
  };
}

async function commitFigures(drivers: readonly PostgresDriver[], bare: pg.Pool): Promise<readonly Figure[]> {
  const body = Buffer.alloc(400, 7);
  const commit = (driver: PostgresDriver, id: string) =>
    driver.commit({ writes: [{ collection: 'bench', id, body, index: { by: id } }] });
  await bare.query('CREATE TABLE bare (id text PRIMARY KEY, body bytea NOT NULL)');
  const upsert = `INSERT INTO bare VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET body = excluded.body`;
  const plain = (id: string) => bare.query({ name: 'upsert', text: upsert, values: [id, body] });
  const alone = await perSecond(200, 1, (at) => commit(drivers[0]!, `alone ${at}`));
  const bareAlone = await perSecond(200, 1, (at) => plain(`alone ${at}`));
  const one = await perSecond(COMMITS, WAITING, (at) => commit(drivers[0]!, `one ${at}`));
  const all = await perSecond(COMMITS, WAITING * SERVERS, (at) => commit(drivers[at % SERVERS]!, `all ${at}`));
  const bareOne = await perSecond(COMMITS, WAITING, (at) => plain(`one ${at}`));
  const figure = (what: string, value: number, peer: number, limit: number): Figure => ({
    name: `commits of one record, ${what} / bare upsert`,
    value: round(value / peer),
    unit: '×',
    limit,
    must: 'stay above',
    detail: `${round(value, 0)}/s against ${round(peer, 0)}/s; fsync on, index entry and change feed included`,
  });
  return [
    figure('one at a time', alone, bareAlone, 0.3),
    figure(`${WAITING} waiting at one server`, one, bareOne, 0.5),
    figure(`${WAITING} waiting at each of ${SERVERS} servers`, all, bareOne, 0.5),
  ];
}

/** So many under way at a time, until all are done. */
async function perSecond(count: number, underWay: number, work: (at: number) => Promise<unknown>): Promise<number> {
  const from = performance.now();
  let next = 0;
  const walk = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: underWay }, walk));
  return (count / (performance.now() - from)) * 1_000;
}
