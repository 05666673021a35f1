import pg, { type ClientBase, type ClientConfig, type PoolClient, type PoolConfig } from 'pg';
import { type Clock, systemClock } from '../clock.ts';
import type { RandomNumber } from '../delays.ts';
import { RekeyClientError } from '../errors.ts';
import type { RotatingSecret } from '../rotating-secret.ts';
import { Checkout, type CheckoutHost, type ConnectCallback, ENDED } from './checkout.ts';
import { type Logins, rotatingClient } from './pg-client.ts';
import { type PostgresLogin, postgresLogin } from './pg-login.ts';
import { PoolLogins } from './pool-logins.ts';

export { type PostgresLogin, postgresLogin } from './pg-login.ts';

/**
 * Options of {@link rotatingPool}: those of `pg.Pool` but user, password and connection string, which would win over the
 * secret. `host`, `port`, `database` and `ssl` win over the secret's fields where they are given.
 */
export interface RotatingPoolOptions<T> extends Omit<PoolConfig, 'user' | 'password' | 'connectionString' | 'Client'> {
  /** The client class to build on. Default `pg.Client`. */
  readonly Client?: (new (config?: ClientConfig) => ClientBase) | undefined;
  /** Reads the login out of the secret's value. Default {@link postgresLogin}, the fields of AWS's database secrets. */
  readonly login?: ((value: T) => PostgresLogin) | undefined;
  /** Milliseconds for which a refused login is tried again, with newer versions as they appear. Default: the secret's `refusalBudget`. */
  readonly refusalBudget?: number | undefined;
  /** Says whether a failed connection means that the login was refused. Default {@link isRefusedLogin}. */
  readonly isRefused?: ((error: Error) => boolean) | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: RandomNumber | undefined;
}

const REFUSED_LOGIN: ReadonlySet<unknown> = new Set([
  '28P01', // wrong password, or no such role
  '28000', // the role may not log in (a retired one), or no line of pg_hba.conf is for it
  '08P01', // PgBouncer before 1.21, for either; a connection may always be tried again, a query never
]);

/** Decides by SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html), never by message. */
export function isRefusedLogin(error: Error): boolean {
  return REFUSED_LOGIN.has((error as { code?: unknown }).code);
}

/**
 * A `pg.Pool` whose connections log in with the secret's current version, user and password together.
 *
 * - Connections of an older version finish what they are used for and are closed when released; idle ones are closed at once.
 * - A refused login re-reads the secret and tries the connection again, within the budget; a query is never sent twice.
 *
 * The pool does not own the secret: close it after `pool.end()`.
 *
 * @throws RekeyClientError `configuration` for an option that would win over the secret.
 */
export function rotatingPool<T>(secret: RotatingSecret<T>, options: RotatingPoolOptions<T> = {}): RotatingPool<T> {
  for (const name of ['connectionString', 'user', 'password'])
    if (Object.hasOwn(options, name))
      throw new RekeyClientError(
        'configuration',
        `The option ${name} would win over ${secret.secretId}; leave it out and give host, port, database and ssl apart where the secret does not.`,
      );
  const logins = new PoolLogins({
    secret,
    loginOf: options.login ?? ((value) => postgresLogin(value, secret.secretId)),
    isRefused: options.isRefused ?? isRefusedLogin,
    random: options.random ?? Math.random,
  });
  return new RotatingPool(logins, secret, options);
}

/** Made by {@link rotatingPool}. */
export class RotatingPool<T = unknown> extends pg.Pool {
  readonly #logins: PoolLogins<T>;
  readonly #host: CheckoutHost;
  readonly #stopListening: () => void;

  /** @internal */
  constructor(logins: PoolLogins<T>, secret: RotatingSecret<T>, options: RotatingPoolOptions<T>) {
    super(poolConfig(options, logins));
    this.#logins = logins;
    this.#host = this.#makeHost(secret, options);
    this.on('release', (_error, client) => logins.returned(client));
    this.on('remove', (client) => logins.ended(client));
    this.#stopListening = secret.onChange(() => this.#closeSpentIdle());
    // The pool has already let go of an idle connection that broke; without a listener Node would end the process for it.
    this.on('error', () => {});
  }

  override connect(): Promise<PoolClient>;
  override connect(callback: ConnectCallback): void;
  override connect(callback?: ConnectCallback): Promise<PoolClient> | undefined {
    if (callback === undefined)
      return new Promise((resolve, reject) => {
        this.connect((error, client) => (client === undefined ? reject(error) : resolve(client)));
      });
    new Checkout(this.#host, callback).attempt();
    return undefined;
  }

  /**
   * As `pg.Pool.end`; checkouts that wait for a newer version, or for a place in the pool, are turned away at once: the
   * plain pool gives no place away any more once it ends, and would leave them without an answer for ever.
   */
  override end(): Promise<void>;
  override end(callback: () => void): void;
  override end(callback?: () => void): Promise<void> | undefined {
    this.#stopListening();
    this.#logins.ending.abort();
    if (callback === undefined) {
      const ended = super.end().finally(() => this.#logins.endedAll());
      this.#turnQueueAway();
      return ended;
    }
    super.end(() => {
      this.#logins.endedAll();
      callback();
    });
    this.#turnQueueAway();
    return undefined;
  }

  #turnQueueAway(): void {
    const { _pendingQueue: queue } = this as unknown as PoolInside;
    if (!Array.isArray(queue)) return;
    for (const { callback } of queue.splice(0)) callback(new Error(ENDED));
  }

  #makeHost(secret: RotatingSecret<T>, options: RotatingPoolOptions<T>): CheckoutHost {
    const logins = this.#logins;
    return {
      secretId: secret.secretId,
      clock: options.clock ?? systemClock,
      ending: logins.ending.signal,
      refusalBudget: options.refusalBudget ?? secret.refusalBudget,
      timeout: options.connectionTimeoutMillis ?? 0,
      acquire: (done) => super.connect(done),
      isSpent: (client) => logins.isSpent(client),
      lend: (client) => logins.lend(client),
      refusedVersion: (error) => logins.refusedVersion(error),
      untilNextLogin: (versionId) => logins.untilNextLogin(versionId),
    };
  }

  /** pg-pool has no public way to close an idle client; where its inside has changed, they are closed at their next checkout. */
  #closeSpentIdle(): void {
    const inside = this as unknown as PoolInside;
    if (typeof inside._remove !== 'function' || !Array.isArray(inside._idle)) return;
    const spent = inside._idle.map((item) => item.client).filter((client) => this.#logins.isSpent(client));
    for (const client of spent) inside._remove(client, () => inside._pulseQueue?.());
  }
}

/** What is used of pg-pool's inside (3.x). */
interface PoolInside {
  readonly _idle?: readonly { readonly client: PoolClient }[];
  readonly _pendingQueue?: { readonly callback: (error: Error) => void }[];
  _remove?(client: PoolClient, callback: () => void): void;
  _pulseQueue?(): void;
}

function poolConfig<T>(options: RotatingPoolOptions<T>, logins: Logins): PoolConfig {
  const {
    login: _login,
    refusalBudget: _budget,
    isRefused: _isRefused,
    clock: _clock,
    random: _random,
    Client,
    ...config
  } = options;
  const Base = (Client ?? pg.Client) as Parameters<typeof rotatingClient>[0];
  return { ...config, Client: rotatingClient(Base, logins) as unknown as NonNullable<PoolConfig['Client']> };
}
