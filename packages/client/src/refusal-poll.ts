import { type Clock, sleep } from './clock.ts';
import { type Backoff, backoffDelay, type RandomNumber } from './delays.ts';

/** What a {@link RefusalPoll} needs. */
export interface RefusalPollOptions {
  readonly clock: Clock;
  readonly random: RandomNumber;
  /** Ends pauses. */
  readonly closing: AbortSignal;
  /** Reads once; joins a read that is under way; never rejects. */
  readonly read: () => Promise<void>;
}

/** A switch takes tens of milliseconds to a few seconds; each process that waits asks about once a second at most. */
const BETWEEN_READS: Backoff = { first: 100, longest: 1_000 };
/** Refusals this far apart are separate incidents: the first read is immediate again. */
const CALM = 10_000;

/** The reads that follow refused logins: the first at once, then with growing pauses, shared by all who wait. */
export class RefusalPoll {
  readonly #options: RefusalPollOptions;
  #step: Promise<void> | null = null;
  #reads = 0;
  #lastRead = Number.NEGATIVE_INFINITY;

  constructor(options: RefusalPollOptions) {
    this.#options = options;
  }

  /** Settles after the next read; all who call before it wait for the same one. */
  next(): Promise<void> {
    this.#step ??= this.#pauseAndRead().finally(() => {
      this.#step = null;
    });
    return this.#step;
  }

  /** A newer version is there: the next refusal is a new incident. */
  settled(): void {
    this.#reads = 0;
  }

  async #pauseAndRead(): Promise<void> {
    const { clock, random, closing, read } = this.#options;
    if (clock.elapsed() - this.#lastRead > CALM) this.#reads = 0;
    if (this.#reads > 0) await sleep(clock, backoffDelay(BETWEEN_READS, this.#reads, random), closing);
    this.#reads++;
    await read();
    this.#lastRead = clock.elapsed();
  }
}
