import assert from 'node:assert/strict';
import { after, before, type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { inspect } from 'node:util';
import fc from 'fast-check';
import pg from 'pg';
import { available, type RunningPostgres, startPostgres } from '../../../../scripts/test-services/postgres.ts';
import { RotatingSecret } from '../rotating-secret.ts';
import { type RotatingPoolOptions, rotatingPool } from './pg.ts';

const VERSION = available('embedded').available ? 'embedded' : 'debian-15';
const { available: startable, why } = available(VERSION);
const skip = startable ? false : why;

/** Milliseconds a refused login is tried again, where a test is not about the end of that time. */
const PATIENCE = 60_000;

let server: RunningPostgres;
let admin: pg.Client;

before(async () => {
  if (skip) return;
  server = await startPostgres({ version: VERSION });
  const { host, port, superuser } = server;
  admin = new pg.Client({ host, port, ...superuser, database: 'postgres' });
  await admin.connect();
  for (const role of ['app', 'app_clone', 'App "retired" ü'])
    await admin.query(`create role ${pg.escapeIdentifier(role)} login`);
});
after(async () => {
  if (skip) return;
  await admin.end();
  await server.stop();
});

/** The secret and the database together, as rekey and a target are. */
class Scene {
  number = 0;
  reads = 0;
  user = 'app';
  #value = '';

  async getSecretValue() {
    this.reads++;
    return { VersionId: `version-${this.number}`, SecretString: this.#value };
  }

  async setPassword(user: string, password: string): Promise<void> {
    await admin.query(`alter role ${pg.escapeIdentifier(user)} login password ${pg.escapeLiteral(password)}`);
  }

  /** Makes a value current without touching the database. */
  promote(user: string, password: string): void {
    this.number++;
    this.user = user;
    const { host, port } = server;
    this.#value = JSON.stringify({ engine: 'postgres', host, port, username: user, password, dbname: 'postgres' });
  }

  /** Single-user strategy: between the two statements the current value is refused. */
  async rotateSingleUser(window = 0): Promise<void> {
    const password = `single-${this.number}`;
    await this.setPassword(this.user, password);
    await pause(window);
    this.promote(this.user, password);
  }

  /** Alternating-users strategy: the role not in use gets a new password, so that the old one is valid until the next time. */
  async rotateAlternatingUsers(): Promise<void> {
    const next = this.user === 'app' ? 'app_clone' : 'app';
    const password = `alternating-${this.number}`;
    await this.setPassword(next, password);
    this.promote(next, password);
  }

  async sessions(): Promise<number> {
    const { rows } = await admin.query(`select count(*)::int as n from pg_stat_activity where usename like 'app%'`);
    return rows[0].n;
  }

  /** Sessions end a moment after their socket was closed. */
  async sessionsBecome(expected: number): Promise<void> {
    await until(async () => (await this.sessions()) === expected);
  }
}

/** Asks until it is so; for as long as the test run lets a file take. */
async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await holds())) await pause(10);
}

async function open(context: TestContext, options: RotatingPoolOptions<Readonly<Record<string, unknown>>> = {}) {
  const scene = new Scene();
  await scene.setPassword('app', 'first');
  scene.promote('app', 'first');
  const secret = await RotatingSecret.open({ secretId: 'shop/db', client: scene, refusalBudget: PATIENCE });
  const pool = rotatingPool(secret, { max: 6, ...options });
  context.after(async () => {
    if (!pool.ending) await pool.end();
    await secret.close();
    await scene.sessionsBecome(0);
  });
  return { scene, secret, pool };
}

const whoAmI = async (queryable: { query(text: string): Promise<pg.QueryResult> }) =>
  (await queryable.query('select current_user as "user", pg_backend_pid() as pid')).rows[0] as {
    user: string;
    pid: number;
  };

test('it is a pg.Pool to its users: promises, callbacks, events, counts, errors of queries', {
  skip,
}, async (context) => {
  const { pool } = await open(context);
  const events: string[] = [];
  for (const name of ['connect', 'acquire', 'release', 'remove'] as const)
    pool.on(name as 'connect', () => events.push(name));
  assert.ok(pool instanceof pg.Pool);
  assert.equal((await pool.query('select $1::int as n', [7])).rows[0].n, 7);
  assert.deepEqual([pool.totalCount, pool.idleCount, pool.waitingCount], [1, 1, 0]);
  await new Promise<void>((resolve, reject) => {
    pool.connect((error, client, done) => {
      if (!client) return reject(error);
      client.query('select 1', (failure) => {
        done();
        failure ? reject(failure) : resolve();
      });
    });
  });
  await assert.rejects(pool.query('select nonsense'), { code: '42703' });
  assert.deepEqual(events.slice(0, 4), ['connect', 'acquire', 'release', 'acquire']);
  const client = await pool.connect();
  client.release();
  assert.throws(() => client.release(), /already been released/);
});

test('a connection of an older version finishes its work and is not used again; idle ones are closed at once', {
  skip,
}, async (context) => {
  const { pool, scene, secret } = await open(context);
  const busy = await pool.connect();
  const before = await whoAmI(busy);
  const idle = await pool.connect();
  idle.release();
  await busy.query('begin');
  await scene.rotateAlternatingUsers();
  await secret.refresh();
  assert.deepEqual([pool.totalCount, pool.idleCount], [1, 0], 'the idle one is gone, the busy one stays');
  assert.deepEqual(await whoAmI(busy), before, 'the transaction goes on');
  await busy.query('commit');
  busy.release();
  assert.equal(pool.totalCount, 0);
  const next = await whoAmI(pool);
  assert.equal(next.user, 'app_clone');
  assert.notEqual(next.pid, before.pid);
  await scene.sessionsBecome(1);
});

test('user and password of one version stay together when both change', { skip }, async (context) => {
  const { pool, scene, secret } = await open(context, { max: 4, maxUses: 1 });
  for (let at = 0; at < 10; at++) {
    await scene.rotateAlternatingUsers();
    const [, ...users] = await Promise.all([secret.refresh(), ...Array.from({ length: 8 }, () => whoAmI(pool))]);
    for (const { user } of users) assert.match(user, /^app/);
  }
});

test('a login that is refused re-reads the secret and connects with the newer version; nobody sees it', {
  skip,
}, async (context) => {
  const { pool, scene } = await open(context);
  await scene.rotateSingleUser();
  const results = await Promise.all(Array.from({ length: 30 }, () => pool.query('select 1')));
  assert.equal(results.length, 30);
  assert.equal(scene.reads, 2, 'one at the start, one for all refusals');
  assert.ok(pool.totalCount <= 6);
});

test('a retired role that may no longer log in is a refused login too', { skip }, async (context) => {
  const { pool, scene } = await open(context);
  await scene.rotateAlternatingUsers();
  await admin.query('alter role app nologin');
  assert.equal((await whoAmI(pool)).user, 'app_clone');
});

/** Connections are used seven times: with so many queries every one of the five is opened anew. */
const QUERIES_BETWEEN = 40;

for (const strategy of ['single-user', 'alternating-users'] as const) {
  test(`under load, rotations by the ${strategy} strategy fail no query`, { skip }, async (context) => {
    const { pool, scene, secret } = await open(context, { max: 5, maxUses: 7 });
    const failures: unknown[] = [];
    let queries = 0;
    let open_ = true;
    const worker = async (kind: number) => {
      while (open_) {
        try {
          if (kind % 2 === 0) await pool.query('select pg_sleep(0.001)');
          else await inTransaction(pool);
          queries++;
        } catch (error) {
          failures.push(error);
        }
      }
    };
    const workers = Array.from({ length: 12 }, (_, kind) => worker(kind));
    for (let at = 0; at < 12; at++) {
      if (strategy === 'single-user') await scene.rotateSingleUser(40);
      else await scene.rotateAlternatingUsers();
      if (at % 3 === 0) await secret.refresh();
      const enough = queries + QUERIES_BETWEEN;
      await until(() => queries >= enough || failures.length > 0);
    }
    open_ = false;
    await Promise.all(workers);
    assert.deepEqual(failures, []);
    assert.ok(pool.totalCount <= 5);
    assert.ok((await scene.sessions()) <= 6);
  });
}

async function inTransaction(pool: pg.Pool): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    await client.query('select 1');
    await client.query('commit');
  } finally {
    client.release();
  }
}

test('a password that stays wrong ends in one clear failure within the budget, after few logins, and shows no value', {
  skip,
}, async (context) => {
  let logins = 0;
  const isRefused = (error: Error) => {
    logins++;
    return (error as { code?: string }).code === '28P01';
  };
  const { pool, scene } = await open(context, { refusalBudget: 1_500, isRefused });
  await scene.setPassword('app', 'changed by hand');
  const began = performance.now();
  const errors = await Promise.all(Array.from({ length: 40 }, () => pool.query('select 1').catch((error) => error)));
  const took = performance.now() - began;
  assert.ok(took >= 1_450, `${took} ms`);
  for (const error of errors) {
    assert.equal(error.code, 'refused');
    assert.match(error.message, /PostgreSQL refused the login with version version-1 of shop\/db for 1500 ms/);
  }
  assert.doesNotMatch(inspect(errors, { depth: 9 }), /first/);
  assert.ok(logins <= 3 * 6, `${logins} logins`);
  assert.deepEqual([pool.totalCount, pool.waitingCount], [0, 0]);
});

test('an old value that is put back at the target is found again without a new version', { skip }, async (context) => {
  const { pool, scene } = await open(context);
  await scene.setPassword('app', 'a rotation that will be rolled back');
  const query = pool.query('select 1 as n');
  await until(() => scene.reads > 1);
  await scene.setPassword('app', 'first');
  assert.equal((await query).rows[0].n, 1);
});

test("the pool's own time limit holds over all attempts together", { skip }, async (context) => {
  const { pool, scene } = await open(context, { connectionTimeoutMillis: 400 });
  await scene.setPassword('app', 'changed by hand');
  const began = performance.now();
  await assert.rejects(pool.connect(), /timeout exceeded when trying to connect/);
  const took = performance.now() - began;
  assert.ok(took >= 380, `${took} ms`);
  await scene.setPassword('app', 'first');
  const all = await Promise.all(Array.from({ length: 6 }, () => connectAtLast(pool)));
  assert.deepEqual([pool.totalCount, pool.idleCount], [6, 0], 'a client that came too late holds no place');
  for (const client of all) client.release();
});

/** The time limit of the pool may be too short for a loaded machine. */
async function connectAtLast(pool: pg.Pool): Promise<pg.PoolClient> {
  for (;;) {
    const client = await pool.connect().catch(() => null);
    if (client !== null) return client;
  }
}

test('end() while logins are refused turns those who wait away at once', { skip }, async (context) => {
  const { pool, scene } = await open(context);
  await scene.setPassword('app', 'changed by hand');
  const outcomes = Array.from({ length: 10 }, () =>
    assert.rejects(pool.query('select 1'), /after calling end on the pool/),
  );
  await until(() => scene.reads > 1);
  await pool.end();
  await Promise.all(outcomes);
  await assert.rejects(pool.end(), /more than once/);
});

test('end() turns away those who wait for a place, and serves whose connection is on its way', {
  skip,
}, async (context) => {
  for (const connectionTimeoutMillis of [0, 60_000]) {
    const { pool } = await open(context, { max: 1, connectionTimeoutMillis });
    const served = pool.query('select 1 as n');
    const outcomes = [pool.query('select 1'), pool.connect()].map((asked) =>
      assert.rejects(asked, /after calling end on the pool/),
    );
    const ended = pool.end();
    await Promise.all(outcomes);
    assert.equal((await served).rows[0].n, 1);
    await ended;
  }
});

test('end() waits for a connection of an older version that is still at work', { skip }, async (context) => {
  const { pool, scene, secret } = await open(context);
  const client = await pool.connect();
  await scene.rotateAlternatingUsers();
  await secret.refresh();
  let ended = false;
  const end = pool.end().then(() => {
    ended = true;
  });
  assert.equal((await whoAmI(client)).user, 'app');
  assert.equal(ended, false);
  client.release();
  await end;
});

test('a client that is never released holds its own place only', { skip }, async (context) => {
  const { pool, scene, secret } = await open(context, { max: 2 });
  const leaked = await pool.connect();
  for (let at = 0; at < 3; at++) {
    await scene.rotateAlternatingUsers();
    await secret.refresh();
    assert.equal((await whoAmI(pool)).user, scene.user);
    assert.equal(pool.totalCount, 2);
  }
  leaked.release();
});

test('failures that are no refusal are passed on as they are, without a re-read', { skip }, async (context) => {
  const { pool, scene } = await open(context, { port: 1 });
  await assert.rejects(pool.query('select 1'), { code: 'ECONNREFUSED' });
  assert.equal(scene.reads, 1);
});

test('an idle connection that the server ends does not end the process', { skip }, async (context) => {
  const { pool } = await open(context);
  const { pid } = await whoAmI(pool);
  const removed = new Promise((resolve) => pool.once('remove', resolve));
  await admin.query('select pg_terminate_backend($1)', [pid]);
  await removed;
  assert.equal((await pool.query('select 1 as n')).rows[0].n, 1);
});

test('a secret without a login is told by the field, and the pool survives it', { skip }, async (context) => {
  const { pool, secret, scene } = await open(context);
  scene.promote('app', '');
  await secret.refresh();
  await assert.rejects(pool.query('select 1'), { code: 'no-value', message: /Field "password" of shop\/db/ });
  scene.promote('app', 'first');
  await secret.refresh();
  assert.equal((await pool.query('select 1')).rowCount, 1);
});

test('a login option that throws does not get the value out', { skip }, async (context) => {
  const login = (value: unknown): never => {
    throw new Error(`bad: ${JSON.stringify(value)}`);
  };
  const { pool } = await open(context, { login });
  const error = await pool.query('select 1').catch((e) => e);
  assert.equal(error.code, 'no-value');
  assert.doesNotMatch(inspect(error), /first/);
});

test('a closed secret is told by every new connection', { skip }, async (context) => {
  const { pool, secret } = await open(context);
  await secret.close();
  await assert.rejects(pool.query('select 1'), { code: 'closed' });
});

test('role names with quotes, spaces and letters beyond ASCII work', { skip }, async (context) => {
  const { pool, scene, secret } = await open(context);
  await scene.setPassword('App "retired" ü', 'pässword');
  scene.promote('App "retired" ü', 'pässword');
  await secret.refresh();
  assert.equal((await whoAmI(pool)).user, 'App "retired" ü');
});

test('options that would win over the secret are refused', { skip }, async (context) => {
  const { secret } = await open(context);
  for (const name of ['connectionString', 'user', 'password'])
    assert.throws(() => rotatingPool(secret, { [name]: 'x' }), { code: 'configuration' });
});

test('nothing of the login is kept on the pool or shown by it', { skip }, async (context) => {
  const { pool } = await open(context);
  await pool.query('select 1');
  assert.doesNotMatch(inspect(pool, { depth: 6 }), /first/);
});

type Deed =
  | 'checkout'
  | 'release'
  | 'release broken'
  | 'query'
  | 'bad query'
  | 'end sessions'
  | 'wrong password'
  | 'single-user'
  | 'alternating-users';

test('whatever goes wrong in whatever order, no connection and no place in the pool is lost', {
  skip,
}, async (context) => {
  const deed = fc.constantFrom<Deed>(
    'checkout',
    'checkout',
    'release',
    'release broken',
    'query',
    'bad query',
    'end sessions',
    'wrong password',
    'single-user',
    'alternating-users',
  );
  await fc.assert(
    fc.asyncProperty(fc.array(deed, { minLength: 5, maxLength: 25 }), async (deeds) => {
      const scene = new Scene();
      await scene.setPassword('app', 'first');
      scene.promote('app', 'first');
      const secret = await RotatingSecret.open({ secretId: 'shop/db', client: scene });
      const pool = rotatingPool(secret, { max: 3, refusalBudget: 50, connectionTimeoutMillis: 30_000 });
      const lent: pg.PoolClient[] = [];
      for (const what of deeds) await perform(what, { scene, pool, lent });
      for (const client of lent) client.release();
      await scene.rotateAlternatingUsers();
      await secret.refresh();
      await Promise.all(Array.from({ length: 9 }, () => pool.query('select 1')));
      assert.ok(pool.totalCount <= 3);
      await pool.end();
      await secret.close();
      await scene.sessionsBecome(0);
    }),
    { numRuns: 15 },
  );
  context.diagnostic('15 runs of up to 25 deeds');
});

interface Stage {
  readonly scene: Scene;
  readonly pool: pg.Pool;
  readonly lent: pg.PoolClient[];
}

async function perform(deed: Deed, { scene, pool, lent }: Stage): Promise<void> {
  if (deed === 'checkout' && lent.length < 2) {
    const client = await pool.connect().catch(() => null);
    client?.on('error', () => {});
    if (client) lent.push(client);
  }
  if (deed === 'release') lent.pop()?.release();
  if (deed === 'release broken') lent.shift()?.release(new Error('broken by its user'));
  if (deed === 'query') await pool.query('select 1').catch(() => {});
  if (deed === 'bad query') await (lent[0] ?? pool).query('select nonsense').catch(() => {});
  if (deed === 'end sessions')
    await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity where usename like 'app%'`);
  if (deed === 'wrong password') await scene.setPassword(scene.user, 'changed by hand');
  if (deed === 'single-user') await scene.rotateSingleUser();
  if (deed === 'alternating-users') await scene.rotateAlternatingUsers();
}
