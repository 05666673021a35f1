import { type ChangeListener, ChangeListeners } from './change-listeners.ts';
import { SecretsClient } from './client.ts';
import { type Clock, settledWithin, sharedAbort, sleep, systemClock } from './clock.ts';
import { type Backoff, backoffDelay, type RandomNumber, rereadDelay } from './delays.ts';
import { asClientError, RekeyClientError } from './errors.ts';
import { ReadVersion } from './read-version.ts';
import type { SecretValueAnswer } from './secret-answers.ts';
import { asFields, parsed, type SecretContent, type SecretFields } from './secret-form.ts';

export { ReadVersion } from './read-version.ts';

/** Reads current values: a {@link SecretsClient}, or the `SecretsManager` of the AWS SDK for JavaScript. */
export interface ValueSource {
  getSecretValue(selector: { SecretId: string }): Promise<SecretValueAnswer>;
}

/** Options of {@link RotatingSecret.open}. All times in milliseconds. */
export interface RotatingSecretOptions<T> {
  /** Name or ARN. */
  readonly secretId: string;
  /** Default: a {@link SecretsClient} configured by the environment. */
  readonly client?: ValueSource | undefined;
  /** Reads the content of a version once; default {@link asFields}, a JSON object. What it throws is not shown: it may quote the content. */
  readonly parse?: ((content: SecretContent) => T) | undefined;
  /** The value is read again before it is this old. Default 5 minutes: shorter costs reads, longer leans on refused logins to notice a rotation. */
  readonly maxAge?: number | undefined;
  /** While the server is away the last value is served until it is this old. Default 24 hours: longer survives a longer outage, shorter bounds how long a withdrawn value is used. */
  readonly maxStale?: number | undefined;
  /** How long a refused login waits for a newer version. Default 10 seconds: longer outlasts a slow switch of the single-user strategy, shorter tells of a truly wrong password sooner. */
  readonly refusalBudget?: number | undefined;
  /** Told of what goes wrong in the background: a re-read that failed, a listener that threw. Default: a process warning for the first of a row. */
  readonly onTrouble?: ((trouble: RekeyClientError) => void) | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: RandomNumber | undefined;
}

/** Why and for how long to read again. */
export interface RereadRequest {
  /** The target refused the value. */
  readonly because: 'authentication-error';
  /** The version that was refused; if another one is current already, it is given at once. */
  readonly ifVersion: string;
  /** Milliseconds. Default: `refusalBudget`. */
  readonly budget?: number | undefined;
  /** Ends the wait early. */
  readonly signal?: AbortSignal | undefined;
}

const MINUTE = 60_000;
const DEFAULT_MAX_AGE = 5 * MINUTE;
const DEFAULT_MAX_STALE = 24 * 60 * MINUTE;
const DEFAULT_REFUSAL_BUDGET = 10_000;
/** A server that is away is asked again soon at first, then twice a minute by each process. */
const AFTER_FAILED_READ: Backoff = { first: 1_000, longest: 30_000 };
/** A switch takes tens of milliseconds to a few seconds; each waiting process asks about once a second at most. */
const AFTER_REFUSAL: Backoff = { first: 100, longest: 1_000 };
/** Refusals this far apart are separate incidents: the first re-read is immediate again. */
const CALM_AFTER_REFUSAL = 10_000;

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
  #current!: ReadVersion<T>;
  /** Moment (of `elapsed`) up to which the current value is served; passed at once by `close`. */
  #servedUntil = Number.NEGATIVE_INFINITY;
  #cancelTimer: () => void = () => {};
  #read: Promise<void> | null = null;
  #failedReads = 0;
  #lastFailure: RekeyClientError | null = null;
  #poll: Promise<void> | null = null;
  #polls = 0;
  #lastPoll = Number.NEGATIVE_INFINITY;

  /**
   * Reads the secret and keeps it current from then on.
   *
   * @throws RekeyClientError when there is no value to begin with: the server's code, or `no-value` when the value does not have the expected form.
   */
  static async open<T = SecretFields>(options: RotatingSecretOptions<T>): Promise<RotatingSecret<T>> {
    const secret = new RotatingSecret(options);
    await secret.#readOnce();
    if (secret.#lastFailure === null) return secret;
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
      await settledWithin(this.#clock, this.#nextPoll(), remaining, ...signals);
    }
    return this.current();
  }

  /** Stops reading and lets go of listeners; {@link get} fails from then on. Those who wait are woken. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#servedUntil = Number.NEGATIVE_INFINITY;
    this.#cancelTimer();
    this.#listeners.clear();
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
    if (isNew) this.#polls = 0;
    if (isNew && before !== undefined) this.#listeners.tell(this.#current);
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

  #nextPoll(): Promise<void> {
    this.#poll ??= this.#pollOnce().finally(() => {
      this.#poll = null;
    });
    return this.#poll;
  }

  async #pollOnce(): Promise<void> {
    if (this.#clock.elapsed() - this.#lastPoll > CALM_AFTER_REFUSAL) this.#polls = 0;
    if (this.#polls > 0)
      await sleep(this.#clock, backoffDelay(AFTER_REFUSAL, this.#polls, this.#random), this.#closing.signal);
    this.#polls++;
    await this.#readOnce();
    this.#lastPoll = this.#clock.elapsed();
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
