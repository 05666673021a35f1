import { type Clock, sleep } from './clock.ts';
import type { CredentialKeeper } from './credentials.ts';
import { type Backoff, backoffDelay, type RandomNumber } from './delays.ts';
import { asClientError, type RekeyClientError } from './errors.ts';
import { failureOf, isClockComplaint, isCredentialComplaint, wasTurnedAway } from './failure.ts';
import { type Credentials, signRequest } from './signature.ts';
import type { Answer, OutgoingRequest, Transport } from './transport.ts';

/** One thing asked of a server. */
export interface Call {
  /** Begins the sentence of an error: `GetSecretValue of shop/db failed`. */
  readonly what: string;
  readonly request: OutgoingRequest;
  readonly region: string;
  readonly service: 'secretsmanager' | 'rekey';
  /** Sent instead of a signature. */
  readonly bearerToken: string | null;
  /** May be sent again although the first may have been carried out. */
  readonly repeatable: boolean;
  /** The input, so that its values can be cut out of error texts. */
  readonly sent: unknown;
}

/** What a {@link Requester} needs. */
export interface RequesterOptions {
  readonly transport: Transport;
  readonly credentials: CredentialKeeper;
  readonly clock: Clock;
  readonly random: RandomNumber;
  /** The first included. */
  readonly attempts: number;
}

interface Failed {
  readonly failure: RekeyClientError;
  /** The server's clock, in milliseconds since the epoch; NaN if it did not say. */
  readonly serverTime: number;
}

const BETWEEN_ATTEMPTS: Backoff = { first: 100, longest: 2_000 };
/** Smaller differences are left alone: servers accept five minutes. */
const CLOCK_DIFFERENCE_THAT_MATTERS = 60_000;

/** Sends calls with credentials, again where that is safe and may help. */
export class Requester {
  readonly #options: RequesterOptions;
  /** Server's clock minus ours, learnt from a server that complained. */
  #clockDifference = 0;

  constructor(options: RequesterOptions) {
    this.#options = options;
  }

  /** @throws RekeyClientError of the last attempt. */
  async perform(call: Call): Promise<Answer> {
    const { attempts, clock, random } = this.#options;
    let mended = false;
    for (let failures = 1; ; failures++) {
      const outcome = await this.#attempt(call);
      if (!('failure' in outcome)) return outcome;
      if (!mended && this.#mend(outcome)) mended = true;
      else if (failures >= attempts || !mayRepeat(call, outcome.failure)) throw outcome.failure;
      else await sleep(clock, backoffDelay(BETWEEN_ATTEMPTS, failures, random));
    }
  }

  async #attempt(call: Call): Promise<Answer | Failed> {
    try {
      const headers = await this.#authenticate(call);
      const answer = await this.#options.transport.send({ ...call.request, headers });
      if (answer.status >= 200 && answer.status < 300) return answer;
      const serverTime = Date.parse(answer.headers.get('date') ?? '');
      return { failure: failureOf(answer, call.what, call.sent), serverTime };
    } catch (error) {
      return { failure: asClientError(error, call.what), serverTime: Number.NaN };
    }
  }

  async #authenticate(call: Call): Promise<Record<string, string>> {
    const { url, method, headers, body } = call.request;
    if (call.bearerToken !== null) return { ...headers, authorization: `Bearer ${call.bearerToken}` };
    const path = url.pathname;
    const unsigned = { method, path, query: url.search.slice(1), headers: { ...headers, host: url.host }, body };
    const now = this.#options.clock.now() + this.#clockDifference;
    const signed = signRequest(unsigned, await this.#findCredentials(), {
      region: call.region,
      service: call.service,
      now,
    });
    // `fetch` writes this one itself, from the same URL.
    delete signed.host;
    return signed;
  }

  async #findCredentials(): Promise<Credentials> {
    try {
      return await this.#options.credentials.get();
    } catch (error) {
      throw asClientError(error, 'The credentials function failed');
    }
  }

  /** Puts right what the server complained of, where that is ours to put right: a wrong clock, credentials that ended. */
  #mend({ failure, serverTime }: Failed): boolean {
    if (isClockComplaint(failure)) return this.#adoptClock(serverTime);
    if (isCredentialComplaint(failure)) return this.#options.credentials.forget();
    return false;
  }

  #adoptClock(serverTime: number): boolean {
    const difference = serverTime - this.#options.clock.now();
    if (!(Math.abs(difference - this.#clockDifference) > CLOCK_DIFFERENCE_THAT_MATTERS)) return false;
    this.#clockDifference = difference;
    return true;
  }
}

function mayRepeat(call: Call, failure: RekeyClientError): boolean {
  return failure.retryable && (call.repeatable || wasTurnedAway(failure));
}
