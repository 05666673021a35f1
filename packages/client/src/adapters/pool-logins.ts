import type { PoolClient } from 'pg';
import { sharedAbort } from '../clock.ts';
import type { RandomNumber } from '../delays.ts';
import { RekeyClientError } from '../errors.ts';
import type { RotatingSecret } from '../rotating-secret.ts';
import type { VersionUser } from '../versions-in-use.ts';
import type { Logins } from './pg-client.ts';
import { type NextLogin, nextLogin, type PostgresLogin } from './pg-login.ts';
import { RefusalGate } from './refusal-gate.ts';

/** What a {@link PoolLogins} needs. */
export interface PoolLoginsOptions<T> {
  readonly secret: RotatingSecret<T>;
  readonly loginOf: (value: T) => PostgresLogin;
  readonly isRefused: (error: Error) => boolean;
  readonly random: RandomNumber;
}

/** One pool's memory of logins: which version each connection logged in with, and which version a failed one was refused with. */
export class PoolLogins<T> implements Logins {
  /** Aborts when the pool ends. */
  readonly ending = sharedAbort();
  readonly #options: PoolLoginsOptions<T>;
  readonly #gate: RefusalGate<T>;
  readonly #versions = new WeakMap<object, string>();
  readonly #refusals = new WeakMap<Error, string>();
  readonly #used = new WeakSet<object>();
  /** Connections that are open or being opened, and the version of each. */
  readonly #open = new Map<object, string>();
  readonly #use: VersionUser;
  #lastRefusal: Error | null = null;

  constructor(options: PoolLoginsOptions<T>) {
    this.#options = options;
    this.#gate = new RefusalGate(options.secret, this.ending.signal, options.random);
    this.#use = options.secret.use(() => this.#open.values());
  }

  next(): NextLogin {
    return nextLogin(this.#options.secret, this.#options.loginOf);
  }

  /** Why a login with this version would be a waste right now; null if it would not. */
  heldBack(versionId: string): Error | null {
    if (!this.#gate.holdsBack(versionId)) return null;
    const error = new RekeyClientError('refused', `Version ${versionId} was refused a moment ago.`, {
      retryable: true,
      cause: this.#lastRefusal ?? undefined,
    });
    this.#refusals.set(error, versionId);
    return error;
  }

  starting(client: object, versionId: string): void {
    this.#open.set(client, versionId);
  }

  /** A connection is closed: its version is the less in use. */
  ended(client: object): void {
    if (this.#open.delete(client)) this.#use.changed();
  }

  /** The pool is closed altogether. */
  endedAll(): void {
    this.#open.clear();
    this.#use.end();
  }

  admitted(client: object, versionId: string): void {
    this.#versions.set(client, versionId);
    this.#gate.admitted(versionId);
  }

  failed(error: Error, versionId: string, client: object): void {
    this.ended(client);
    if (!this.#options.isRefused(error)) return;
    this.#lastRefusal = error;
    this.#refusals.set(error, versionId);
  }

  /** The version that was refused when a connection failed so; null if it failed for another reason. */
  refusedVersion(error: Error): string | null {
    return this.#refusals.get(error) ?? null;
  }

  /** Settles when trying again after the refusal of this version makes sense. */
  untilNextLogin(versionId: string): Promise<unknown> {
    return this.#gate.refused(versionId);
  }

  /** A client that was used before and whose version has been replaced since; one made a moment ago is good anyway. */
  isSpent(client: PoolClient): boolean {
    return this.#used.has(client) && this.#isOutdated(client);
  }

  /** A client came back to the pool. */
  returned(client: object): void {
    this.#used.add(client);
  }

  /** Readies a client for its user: released after its version was replaced, it is closed instead of kept. */
  lend(client: PoolClient): void {
    const release = client.release;
    client.release = (problem) => release(problem || this.#isOutdated(client) || undefined);
  }

  #isOutdated(client: PoolClient): boolean {
    return this.#versions.get(client) !== this.#options.secret.versionId;
  }
}
