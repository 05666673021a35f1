import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { Acknowledger } from './acknowledger.ts';
import { type ChangeListener, ChangeListeners } from './change-listeners.ts';
import { watchChanges } from './change-watch.ts';
import { SecretsClient } from './client.ts';
import { type Clock, settledWithin, sharedAbort, systemClock } from './clock.ts';
import { type Backoff, backoffDelay, type RandomNumber, rereadDelay } from './delays.ts';
import { asClientError, RekeyClientError } from './errors.ts';
import { ReadVersion } from './read-version.ts';
import { RefusalPoll } from './refusal-poll.ts';
import type { RereadRequest, RotatingSecretOptions, ValueSource } from './rotating-secret-options.ts';
import type { SecretValueAnswer } from './secret-answers.ts';
import { asFields, parsed, type SecretContent, type SecretFields } from './secret-form.ts';
import { VersionsInUse, type VersionUser } from './versions-in-use.ts';

export { ReadVersion } from './read-version.ts';
export type { RereadRequest, RotatingSecretOptions, ValueSource } from './rotating-secret-options.ts';

const MINUTE = 60_000;
const DEFAULT_MAX_AGE = 5 * MINUTE;
const DEFAULT_MAX_STALE = 24 * 60 * MINUTE;
const DEFAULT_REFUSAL_BUDGET = 10_000;
/** How long `close` waits for the server to hear that no version is in use here any more. */
const RELEASE_WITHIN = 1_000;
/** A server that is away is asked again soon at first, then twice a minute by each process. */
const AFTER_FAILED_READ: Backoff = { first: 1_000, longest: 30_000 };

/**
 * A secret that keeps itself current. Open it once, share it everywhere, and call {@link get} wherever the value is used.
 *
 * Reads at the start and again ahead of `maxAge`, in the background and with jitter; however many ask, one read is under
 * way. While the server is away the last good value is served up to `maxStale`.
 */
export class RotatingSecret<T = SecretFields> implements AsyncDisposable {
  readonly secretId: string;
  /** Milliseconds that {@link refused} and {@link reread} wait unless told otherwise. */
  readonly refusalBudget: number;
  readonly #client: ValueSource;
  readonly #parse: (content: SecretContent) => T;
  readonly #maxAge: number;
  readonly #maxStale: number;
  readonly #onTrouble: ((trouble: RekeyClientError) => void) | undefined;
  readonly #clock: Clock;
  readonly #random: RandomNumber;
  readonly #listeners: ChangeListeners<T>;
  readonly #closing = sharedAbort();
  readonly #refusals: RefusalPoll;
  readonly #inUse = new VersionsInUse(() => this.#acknowledger?.tellChange());
  readonly #acknowledger: Acknowledger | null;
  #current!: ReadVersion<T>;
  /** Moment (of `elapsed`) up to which the current value is served; passed at once by `close`. */
  #servedUntil = Number.NEGATIVE_INFINITY;
  #cancelTimer: () => void = () => {};
  #read: Promise<void> | null = null;
  #failedReads = 0;
  #lastFailure: RekeyClientError | null = null;

  /**
   * Reads the secret and keeps it current from then on.
   *
   * @throws RekeyClientError when there is no value to begin with: the server's code, or `no-value` when the value does not have the expected form.
   */
  static async open<T = SecretFields>(options: RotatingSecretOptions<T>): Promise<RotatingSecret<T>> {
    const secret = new RotatingSecret(options);
    await secret.#readOnce();
    if (secret.#lastFailure === null) return secret.#listening(options.listen ?? false);
    await secret.close();
    throw secret.#lastFailure;
  }

  private constructor(options: RotatingSecretOptions<T>) {
    this.secretId = options.secretId;
    this.refusalBudget = options.refusalBudget ?? DEFAULT_REFUSAL_BUDGET;
    this.#client = options.client ?? new SecretsClient();
    // Without a parser T is SecretFields, which is what asFields gives.
    this.#parse = options.parse ?? (asFields as (content: SecretContent) => T);
    this.#maxAge = options.maxAge ?? DEFAULT_MAX_AGE;
    this.#maxStale = options.maxStale ?? Math.max(DEFAULT_MAX_STALE, this.#maxAge);
    checkAges(this.#maxAge, this.#maxStale);
    this.#onTrouble = options.onTrouble;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#refusals = new RefusalPoll({
      clock: this.#clock,
      random: this.#random,
      closing: this.#closing.signal,
      read: () => this.#readOnce(),
    });
    this.#acknowledger = this.#makeAcknowledger(options);
    this.#listeners = new ChangeListeners(() => this.#tellTrouble(listenerTrouble(this.secretId)));
  }

  /**
   * The value, from memory. Call it each time instead of keeping what it gave.
   *
   * @throws RekeyClientError `stale` when the server has been away for longer than `maxStale`, `closed` after {@link close}.
   */
  get(): T {
    return this.current().value;
  }

  /** The value together with the id of its version, which {@link refused} wants to hear. Fails as {@link get} does. */
  current(): ReadVersion<T> {
    if (this.#clock.elapsed() < this.#servedUntil) return this.#current;
    throw this.#whyNotServed();
  }

  /** Id of the version that is current here, also when it is too old to be served. */
  get versionId(): string {
    return this.#current.versionId;
  }

  /**
   * Calls the listener once for each change from now on, with the latest version; one that takes long hears of the
   * latest when it is done. One that throws is reported to `onTrouble` and harms nobody.
   *
   * @returns a function that takes the listener off.
   */
  onChange(listener: ChangeListener<T>): () => void {
    return this.#listeners.add(listener, this.#current.versionId);
  }

  /**
   * For adapters: registers somebody who goes on using versions after a newer one is current, such as a pool with its
   * connections. The server is told of a newer version only when nobody uses an older one.
   *
   * @param versions ids of the versions that are in use by it when it is asked.
   */
  use(versions: () => Iterable<string>): VersionUser {
    return this.#inUse.add(versions);
  }

  /** Reads now; joins a read that is under way. @throws RekeyClientError when the read failed; the old value is still served. */
  async refresh(): Promise<ReadVersion<T>> {
    await this.#readOnce();
    if (this.#lastFailure !== null) throw this.#lastFailure;
    return this.current();
  }

  /**
   * Tells that the target refused a version, and waits for a newer one: reads at once, then with short pauses, shared by
   * all who wait.
   *
   * @param versionId the version that was refused, from {@link current}.
   * @param budget milliseconds. Default: `refusalBudget`.
   * @throws RekeyClientError `refused` when no newer version appeared within the budget.
   */
  async refused(versionId: string, budget: number = this.refusalBudget): Promise<ReadVersion<T>> {
    const version = await this.reread({ because: 'authentication-error', ifVersion: versionId, budget });
    if (version.versionId !== versionId) return version;
    throw new RekeyClientError(
      'refused',
      `Version ${versionId} of ${this.secretId} was refused and no newer version appeared within ${budget} ms${this.#lastFailure === null ? '' : ' (the secrets server could not be read either)'}; see whether its rotation is stuck or the credential was changed by hand.`,
      { cause: this.#lastFailure ?? undefined },
    );
  }

  /** As {@link refused}, but gives the version that is current at the end even if it is the refused one. */
  async reread(request: RereadRequest): Promise<ReadVersion<T>> {
    const deadline = this.#clock.elapsed() + (request.budget ?? this.refusalBudget);
    const signals = request.signal ? [request.signal, this.#closing.signal] : [this.#closing.signal];
    while (this.#current.versionId === request.ifVersion && !signals.some((signal) => signal.aborted)) {
      const remaining = deadline - this.#clock.elapsed();
      if (remaining <= 0) break;
      await settledWithin(this.#clock, this.#refusals.next(), remaining, ...signals);
    }
    return this.current();
  }

  /** Stops reading and lets go of listeners; {@link get} fails from then on. Those who wait are woken. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#servedUntil = Number.NEGATIVE_INFINITY;
    this.#cancelTimer();
    this.#listeners.clear();
    if (this.#acknowledger !== null) await settledWithin(this.#clock, this.#acknowledger.release(), RELEASE_WITHIN);
  }

  /** As {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** One read at a time; never rejects: what went wrong is in `#lastFailure`. */
  #readOnce(): Promise<void> {
    this.#read ??= this.#readAndSchedule().finally(() => {
      this.#read = null;
    });
    return this.#read;
  }

  async #readAndSchedule(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    const began = this.#clock.elapsed();
    try {
      const answer = await this.#client.getSecretValue({ SecretId: this.secretId });
      if (!this.#closing.signal.aborted) this.#accept(answer, began);
    } catch (error) {
      this.#failedReads++;
      this.#lastFailure = asClientError(error, `Reading ${this.secretId} failed`);
      if (this.#current !== undefined) this.#tellTrouble(this.#lastFailure);
    }
    this.#schedule();
  }

  #accept(answer: SecretValueAnswer, began: number): void {
    const { VersionId: versionId, SecretString: text, SecretBinary: bytes } = answer;
    const content = text ?? bytes;
    if (versionId === undefined || content === undefined)
      throw new RekeyClientError('no-value', `${this.secretId} has no value yet; put one first.`);
    const isNew = this.#current?.versionId !== versionId;
    const before = this.#current;
    if (isNew) this.#current = new ReadVersion(versionId, parsed(this.secretId, versionId, content, this.#parse));
    this.#servedUntil = began + this.#maxStale;
    this.#failedReads = 0;
    this.#lastFailure = null;
    if (isNew) this.#inUse.arrived(versionId);
    this.#acknowledgeSoon();
    if (isNew && before !== undefined) this.#tellChange();
  }

  /** After listeners have heard: what they let go of at once is not said to be in use. */
  #acknowledgeSoon(): void {
    if (this.#acknowledger !== null) queueMicrotask(() => this.#acknowledger?.tell());
  }

  #makeAcknowledger({ acknowledge, instance }: RotatingSecretOptions<T>): Acknowledger | null {
    const client = this.#client;
    if (acknowledge === false || client.acknowledge === undefined) return null;
    return new Acknowledger({
      send: (acknowledgement) => client.acknowledge?.(acknowledgement) ?? Promise.resolve(false),
      secretId: this.secretId,
      instance: instance ?? ownName(),
      every: this.#maxAge,
      versionId: () => this.#inUse.oldest,
    });
  }

  #listening(listen: boolean): this {
    const client = this.#client;
    if (!listen || client.changes === undefined) return this;
    void watchChanges({
      changes: (request) => client.changes?.(request) ?? Promise.resolve(null),
      secretId: this.secretId,
      clock: this.#clock,
      random: this.#random,
      closing: this.#closing.signal,
      versionId: () => this.#current.versionId,
      read: () => this.#readOnce(),
    });
    return this;
  }

  #tellChange(): void {
    this.#refusals.settled();
    this.#listeners.tell(this.#current);
  }

  /** Where a server one day suggests when to read again, this is the place that listens. */
  #schedule(): void {
    this.#cancelTimer();
    if (this.#closing.signal.aborted) return;
    const delay =
      this.#failedReads === 0
        ? rereadDelay(this.#maxAge, this.#random)
        : Math.min(backoffDelay(AFTER_FAILED_READ, this.#failedReads, this.#random), this.#maxAge);
    this.#cancelTimer = this.#clock.after(delay, () => void this.#readOnce(), true);
  }

  #tellTrouble(trouble: RekeyClientError): void {
    if (this.#onTrouble === undefined) {
      if (this.#failedReads <= 1) process.emitWarning(trouble.message, { code: 'REKEY_CLIENT' });
      return;
    }
    try {
      this.#onTrouble(trouble);
    } catch {
      // Whoever is told of trouble may not make more of it.
    }
  }

  #whyNotServed(): RekeyClientError {
    if (this.#closing.signal.aborted)
      return new RekeyClientError('closed', `${this.secretId} was closed; open it again to use it.`);
    void this.#readOnce();
    const minutes = Math.round(this.#maxStale / MINUTE);
    return new RekeyClientError(
      'stale',
      `${this.secretId} was last read more than ${minutes} minutes ago (maxStale) and the secrets server cannot be read; look at its health.`,
      { retryable: true, cause: this.#lastFailure ?? undefined },
    );
  }
}

/** Host name, process and a random part: containers have the same process id, and one process may open a secret twice. */
function ownName(): string {
  const host = hostname()
    .replace(/[^\w.-]/g, '-')
    .slice(0, 64);
  return `${host}:${process.pid}:${randomUUID().slice(0, 8)}`;
}

function checkAges(maxAge: number, maxStale: number): void {
  if (maxAge > 0 && maxStale >= maxAge) return;
  throw new RekeyClientError(
    'configuration',
    'maxAge must be positive and maxStale no shorter than maxAge (milliseconds).',
  );
}

function listenerTrouble(secretId: string): RekeyClientError {
  return new RekeyClientError(
    'listener-failed',
    `A change listener of ${secretId} failed; what it threw is not shown, as it may hold the value.`,
  );
}
