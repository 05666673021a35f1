import type { Clock } from './clock.ts';
import { RekeyClientError } from './errors.ts';

/** The part of the standard `fetch` that is used; an own one brings proxies or private certificate authorities. */
export type Fetch = (url: string, init: FetchInit) => Promise<Response>;

/** What is handed to {@link Fetch}. */
export interface FetchInit {
  method: string;
  headers: Record<string, string>;
  body?: string;
  signal: AbortSignal;
  redirect: 'manual';
}

/** A whole answer. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** A request ready to travel. */
export interface OutgoingRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Record<string, string>;
  readonly body: string;
  /** Milliseconds for one attempt, where the usual ones are too few: a request that waits at the server. */
  readonly timeout?: number | undefined;
  /** Gives the request up. */
  readonly signal?: AbortSignal | undefined;
}

/** What a {@link Transport} needs. */
export interface TransportOptions {
  readonly fetch: Fetch;
  readonly clock: Clock;
  /** Milliseconds for one attempt, until the last byte of the answer. */
  readonly timeout: number;
}

/** Sends one request and reads the whole answer within a time limit. Connections are kept alive by `fetch` itself. */
export class Transport {
  readonly #options: TransportOptions;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /** @throws RekeyClientError `timeout` or `unreachable`, both retryable. */
  async send(request: OutgoingRequest): Promise<Answer> {
    const { clock } = this.#options;
    const { timeout = this.#options.timeout, signal } = request;
    const limit = new AbortController();
    const cancel = clock.after(timeout, () => limit.abort(), signal !== undefined);
    const either = signal === undefined ? limit.signal : AbortSignal.any([limit.signal, signal]);
    try {
      return await this.#exchange(request, either);
    } catch (error) {
      throw limit.signal.aborted ? timedOut(request, timeout) : unreachable(request, error);
    } finally {
      cancel();
    }
  }

  /** Redirects are not followed: the body may hold a secret that was meant for this host only. */
  async #exchange(request: OutgoingRequest, signal: AbortSignal): Promise<Answer> {
    const { method, url, headers, body } = request;
    const init: FetchInit = { method, headers, signal, redirect: 'manual' };
    if (body !== '') init.body = body;
    const response = await this.#options.fetch(url.href, init);
    return { status: response.status, headers: response.headers, text: await response.text() };
  }
}

function timedOut(request: OutgoingRequest, timeout: number): RekeyClientError {
  return new RekeyClientError('timeout', `${request.url.origin} gave no whole answer within ${timeout} ms.`, {
    retryable: true,
  });
}

/** `fetch` hides the reason (`ECONNREFUSED`, a certificate's fault) in the cause; only its code is let out. */
function unreachable(request: OutgoingRequest, error: unknown): RekeyClientError {
  const { code } = ((error as Error | undefined)?.cause ?? error ?? {}) as NodeJS.ErrnoException;
  const reason = typeof code === 'string' ? ` (${code})` : '';
  return new RekeyClientError('unreachable', `${request.url.origin} could not be reached${reason}.`, {
    retryable: true,
  });
}
