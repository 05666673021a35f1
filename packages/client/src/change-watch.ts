import { type Clock, sleep } from './clock.ts';
import { type Backoff, backoffDelay, type RandomNumber } from './delays.ts';
import { asClientError } from './errors.ts';

/** What the server's stream of changes is asked. */
export interface ChangesRequest {
  /** The `after` of the answer before; null at first. */
  readonly after: string | null;
  readonly secrets: readonly string[];
  /** Ends the wait. */
  readonly signal: AbortSignal;
}

export interface ChangesAnswer {
  readonly after: string;
  /** Versions that are current now; of the secrets that were asked for. */
  readonly versionIds: readonly string[];
  /** Changes may have been missed. */
  readonly reset: boolean;
}

export interface ChangeWatchOptions {
  /** @returns null if the server has no stream of changes. */
  readonly changes: (request: ChangesRequest) => Promise<ChangesAnswer | null>;
  readonly secretId: string;
  readonly clock: Clock;
  readonly random: RandomNumber;
  readonly closing: AbortSignal;
  readonly versionId: () => string;
  /** Reads the secret now; never rejects. */
  readonly read: () => Promise<void>;
}

const AFTER_FAILURE: Backoff = { first: 1_000, longest: 60_000 };
/** A server that answers at once although nothing changed (it is being stopped, say) is not asked again at once. */
const LEAST_PAUSE = 500;
const FINAL = new Set([400, 401, 403, 404, 405]);

/** Listens to the server's stream of changes and reads the secret when it has a new version; until closed, or told that there is no stream. */
export async function watchChanges(options: ChangeWatchOptions): Promise<void> {
  const { clock, closing, random, secretId, read } = options;
  let after: string | null = null;
  let failures = 0;
  while (!closing.aborted) {
    const began = clock.elapsed();
    try {
      const answer = await options.changes({ after, secrets: [secretId], signal: closing });
      if (answer === null || closing.aborted) return;
      failures = 0;
      const isNews = answer.versionIds.some((versionId) => versionId !== options.versionId());
      // What was promoted between the first read and the first answer is in no later one.
      if (after === null || answer.reset || isNews) await read();
      else if (clock.elapsed() - began < LEAST_PAUSE) await sleep(clock, LEAST_PAUSE, closing);
      ({ after } = answer);
    } catch (error) {
      failures++;
      const { status } = asClientError(error, 'Listening for changes failed');
      if (status !== null && FINAL.has(status)) return;
      await sleep(clock, backoffDelay(AFTER_FAILURE, failures, random), closing);
    }
  }
}
