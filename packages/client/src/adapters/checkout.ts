import type { PoolClient } from 'pg';
import { type Clock, settledWithin } from '../clock.ts';
import { RekeyClientError } from '../errors.ts';

/** The callback of `pg.Pool.connect`. */
export type ConnectCallback = (
  error: Error | undefined,
  client: PoolClient | undefined,
  release: (problem?: Error | boolean) => void,
) => void;

/** What the plain pool says to whom it turns away because it ends. */
export const ENDED = 'Cannot use a pool after calling end on the pool';

/** What one checkout needs of its pool. */
export interface CheckoutHost {
  readonly secretId: string;
  readonly clock: Clock;
  /** Aborts when the pool ends. */
  readonly ending: AbortSignal;
  /** Milliseconds a refused login may be tried again for. */
  readonly refusalBudget: number;
  /** Milliseconds for the whole checkout; 0 for no limit. */
  readonly timeout: number;
  /** One attempt of the plain pool: an idle client, a new one, or a place in the queue. */
  acquire(done: (error: Error | undefined, client: PoolClient | undefined) => void): void;
  /** True for a client that was used before and whose version has been replaced since. */
  isSpent(client: PoolClient): boolean;
  /** Readies a client for its user. */
  lend(client: PoolClient): void;
  /** The version that was refused when a connection failed so; null if it failed for another reason. */
  refusedVersion(error: Error): string | null;
  /** Settles when trying again after the refusal of this version makes sense. */
  untilNextLogin(versionId: string): Promise<unknown>;
}

/**
 * One request for a client. Tries the connection, never a query, again when the login was refused: the version may have
 * been replaced since, or be replaced within the budget.
 */
export class Checkout {
  readonly #host: CheckoutHost;
  readonly #done: ConnectCallback;
  readonly #began: number;
  #deadline: number | null = null;
  #cancelTimeout: () => void = () => {};
  #isOver = false;

  constructor(host: CheckoutHost, done: ConnectCallback) {
    this.#host = host;
    this.#done = done;
    this.#began = host.clock.elapsed();
  }

  attempt(): void {
    this.#host.acquire((error, client) => {
      if (client === undefined) this.#failed(error ?? new Error('The pool gave neither a client nor an error.'));
      else if (this.#isOver) client.release();
      else if (this.#host.isSpent(client)) this.#replace(client);
      else this.#succeeded(client);
    });
  }

  #succeeded(client: PoolClient): void {
    this.#isOver = true;
    this.#cancelTimeout();
    this.#host.lend(client);
    this.#done(undefined, client, client.release);
  }

  #replace(spent: PoolClient): void {
    spent.release(true);
    this.attempt();
  }

  #failed(error: Error): void {
    if (this.#isOver) return;
    const versionId = this.#host.refusedVersion(error);
    if (versionId === null) this.#giveUp(error);
    else void this.#waitAndRetry(error, versionId);
  }

  async #waitAndRetry(error: Error, versionId: string): Promise<void> {
    const { clock, ending, refusalBudget } = this.#host;
    if (this.#deadline === null) this.#startTimeout(error);
    this.#deadline ??= clock.elapsed() + refusalBudget;
    const remaining = this.#deadline - clock.elapsed();
    if (remaining > 0) await settledWithin(clock, this.#host.untilNextLogin(versionId), remaining, ending);
    if (this.#isOver) return;
    if (ending.aborted) this.#giveUp(new Error(ENDED));
    else if (clock.elapsed() >= this.#deadline) this.#giveUp(this.#refused(error, versionId));
    else this.attempt();
  }

  /** Each attempt has the pool's own time limit; this one is for all of them together. */
  #startTimeout(error: Error): void {
    const { clock, timeout } = this.#host;
    if (timeout <= 0) return;
    const message = 'timeout exceeded when trying to connect; the login was refused until then';
    const remaining = Math.max(0, this.#began + timeout - clock.elapsed());
    this.#cancelTimeout = clock.after(remaining, () => this.#giveUp(new Error(message, { cause: error })), false);
  }

  #giveUp(error: Error): void {
    this.#isOver = true;
    this.#cancelTimeout();
    this.#done(error, undefined, () => {});
  }

  #refused(cause: Error, versionId: string): RekeyClientError {
    const { secretId, refusalBudget } = this.#host;
    return new RekeyClientError(
      'refused',
      `PostgreSQL refused the login with version ${versionId} of ${secretId} for ${refusalBudget} ms and no version that logs in appeared; see whether its rotation is stuck or the password was changed by hand.`,
      { cause },
    );
  }
}
