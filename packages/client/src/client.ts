import { randomUUID } from 'node:crypto';
import type { Acknowledgement } from './acknowledger.ts';
import type { ChangesAnswer, ChangesRequest } from './change-watch.ts';
import { type Clock, systemClock } from './clock.ts';
import {
  CredentialKeeper,
  type CredentialSource,
  credentialsFromEnvironment,
  tokenFromEnvironment,
} from './credentials.ts';
import type { RandomNumber } from './delays.ts';
import type { Environment } from './environment.ts';
import { RekeyClientError } from './errors.ts';
import { Requester } from './requester.ts';
import { type DescribeSecretAnswer, describeAnswer, type SecretValueAnswer, valueAnswer } from './secret-answers.ts';
import { findServer, type Server } from './server-address.ts';
import { type Answer, type Fetch, Transport } from './transport.ts';

/** Options of a {@link SecretsClient}; all may be left out. */
export interface SecretsClientOptions {
  /** URL of the server. Default: `AWS_ENDPOINT_URL_SECRETS_MANAGER`, `REKEY_ENDPOINT` or `AWS_ENDPOINT_URL`, else AWS itself. */
  readonly endpoint?: string | undefined;
  /** Default: `AWS_REGION`, `AWS_DEFAULT_REGION`, the profile's region, else `us-east-1` for an endpoint of your own. */
  readonly region?: string | undefined;
  /** Default: {@link credentialsFromEnvironment}. */
  readonly credentials?: CredentialSource | undefined;
  /**
   * Bearer token for {@link SecretsClient.native}, sent instead of a signature. Default: `REKEY_TOKEN` where there are
   * no access keys, neither in `credentials` nor in the environment: whoever has both is the one whose keys they are.
   */
  readonly token?: string | undefined;
  /** Milliseconds for one attempt. Default 5,000: longer outlives a slow server, shorter finds a dead one sooner. */
  readonly timeout?: number | undefined;
  /** Attempts for what is retryable, the first included. Default 3. */
  readonly attempts?: number | undefined;
  /** Allows plain HTTP to other machines. Default false. */
  readonly insecureHttp?: boolean | undefined;
  /** Default: the global `fetch`, which keeps connections alive. */
  readonly fetch?: Fetch | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: RandomNumber | undefined;
  /** Default: `process.env`. */
  readonly environment?: Environment | undefined;
}

/** Which version of a secret; without the last two, the current one. */
export interface ValueSelector {
  readonly SecretId: string;
  readonly VersionId?: string | undefined;
  /** A label in AWS's spelling: `AWSCURRENT`, `AWSPENDING`, `AWSPREVIOUS` or one of your own. */
  readonly VersionStage?: string | undefined;
}

/** Answers of rekey's name its native face in it; AWS's do not have it. */
const NATIVE_HEADER = 'x-rekey-native';
/** How long a request waits at the server for something to change; milliseconds. */
const CHANGES_WAIT = 30_000;
const DEFAULT_TIMEOUT = 5_000;
const DEFAULT_ATTEMPTS = 3;
const TAKES_REQUEST_TOKEN: ReadonlySet<string> = new Set([
  'CreateSecret',
  'PutSecretValue',
  'UpdateSecret',
  'RotateSecret',
]);
const REPEATABLE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'PUT', 'DELETE']);

/**
 * Client of the AWS Secrets Manager protocol, for rekey and for AWS itself, and of rekey's native face. No dependencies;
 * safe to share. Every failure is a {@link RekeyClientError} that holds no secret value.
 */
export class SecretsClient {
  readonly #options: SecretsClientOptions;
  readonly #environment: Environment;
  readonly #requester: Requester;
  #server: Promise<Server> | null = null;
  /** Whether an answer has said that the server has rekey's native face; AWS never says so. */
  #isRekey = false;

  constructor(options: SecretsClientOptions = {}) {
    const { fetch: ownFetch, clock = systemClock, random = Math.random, environment = process.env } = options;
    this.#options = options;
    this.#environment = environment;
    this.#requester = new Requester({
      transport: new Transport({
        fetch: ownFetch ?? ((url, init) => fetch(url, init)),
        clock,
        timeout: options.timeout ?? DEFAULT_TIMEOUT,
      }),
      credentials: new CredentialKeeper(options.credentials ?? credentialsFromEnvironment(environment), clock),
      clock,
      random,
      attempts: options.attempts ?? DEFAULT_ATTEMPTS,
    });
  }

  /**
   * Reads a value.
   *
   * @throws RekeyClientError with the server's code: `ResourceNotFoundException` when there is no such secret or version.
   */
  async getSecretValue(selector: ValueSelector): Promise<SecretValueAnswer> {
    return valueAnswer(await this.call('GetSecretValue', { ...selector }));
  }

  /** Reads everything about a secret but its value. */
  async describeSecret(selector: { readonly SecretId: string }): Promise<DescribeSecretAnswer> {
    return describeAnswer(await this.call('DescribeSecret', { ...selector }));
  }

  /**
   * Any operation of the protocol by its name (`PutSecretValue`), with input and output as they travel: bytes in base64,
   * times in seconds since the epoch. A ClientRequestToken is added where the operation takes one and none is given,
   * which makes it safe to send again.
   *
   * @throws RekeyClientError
   */
  async call(operation: string, input: Readonly<Record<string, unknown>> = {}): Promise<Record<string, unknown>> {
    const sent = TAKES_REQUEST_TOKEN.has(operation) ? { ClientRequestToken: randomUUID(), ...input } : input;
    const { url, region } = await this.#findServer();
    const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `secretsmanager.${operation}` };
    const request = { method: 'POST', url: new URL('/', url), headers, body: JSON.stringify(sent) };
    const what = `${operation}${typeof input.SecretId === 'string' ? ` of ${input.SecretId}` : ''} failed`;
    const call = {
      what,
      request,
      region,
      bearerToken: null,
      repeatable: true,
      sent,
      service: 'secretsmanager',
    } as const;
    const answer = await this.#requester.perform(call);
    this.#isRekey = answer.headers.get(NATIVE_HEADER) !== null;
    return readObject(answer, what);
  }

  /**
   * A call to rekey's native face: JSON over HTTP, with the bearer token where there is one, else signed for the service
   * `rekey`. What is not repeatable by its method (POST, PATCH) is sent again only if the server turned it away unread.
   *
   * @param path begins with one slash; percent-encode names that stand in it. May hold a query.
   * @throws RekeyClientError with the server's code.
   */
  native(method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
    return this.#native(method, path, body, {});
  }

  async #native(
    method: string,
    path: string,
    body: unknown,
    over: { readonly timeout?: number; readonly signal?: AbortSignal },
  ): Promise<Record<string, unknown>> {
    const { url: origin, region } = await this.#findServer();
    const request = { ...nativeRequest(method, new URL(path, origin), body), ...over };
    if (!path.startsWith('/') || request.url.origin !== origin.origin)
      throw new RekeyClientError('configuration', 'The path of a native call must begin with one slash.');
    const what = `${method} ${request.url.pathname} failed`;
    const bearerToken = await this.#findToken();
    const repeatable = REPEATABLE_METHODS.has(method);
    const call = { what, request, region, bearerToken, repeatable, sent: body, service: 'rekey' } as const;
    return readObject(await this.#requester.perform(call), what);
  }

  /**
   * Tells rekey which version is in use here, so that it is not retired under us. Nothing is sent unless an answer has said
   * that the server is rekey: never to AWS.
   *
   * @returns whether it was sent.
   */
  async acknowledge({ SecretId, versionId, instance, every }: Acknowledgement): Promise<boolean> {
    if (!this.#isRekey) return false;
    const body = { versionId, instance, every: `${Math.min(86_400, Math.max(1, Math.ceil(every / 1_000)))}s` };
    await this.native('POST', `/rekey/secrets/${encodeURIComponent(SecretId)}/holders`, body);
    return true;
  }

  /** Waits at rekey for secrets to have a new current version; null if no answer has said that the server is rekey. */
  async changes({ after, secrets, signal }: ChangesRequest): Promise<ChangesAnswer | null> {
    if (!this.#isRekey) return null;
    const query = new URLSearchParams();
    for (const name of secrets) query.append('secret', name);
    if (after !== null) query.set('after', after);
    query.set('wait', `${CHANGES_WAIT / 1_000}s`);
    const over = { signal, timeout: CHANGES_WAIT + (this.#options.timeout ?? DEFAULT_TIMEOUT) };
    return changesAnswer(await this.#native('GET', `/rekey/changes?${query}`, undefined, over));
  }

  async #findToken(): Promise<string | null> {
    const { token, credentials } = this.#options;
    if (token) return token;
    return credentials === undefined ? tokenFromEnvironment(this.#environment) : null;
  }

  #findServer(): Promise<Server> {
    this.#server ??= findServer(this.#options, this.#environment).catch((error: unknown) => {
      this.#server = null;
      throw error;
    });
    return this.#server;
  }
}

/** @throws RekeyClientError `malformed-response` */
function changesAnswer({ changes, after, reset }: Record<string, unknown>): ChangesAnswer {
  if (!Array.isArray(changes) || typeof after !== 'string')
    throw new RekeyClientError('malformed-response', 'The stream of changes gave no list of changes.');
  const versionIds = changes.map((change: { readonly versionId?: unknown }) => String(change?.versionId));
  return { after, versionIds, reset: reset === true };
}

function nativeRequest(method: string, url: URL, body: unknown) {
  const headers: Record<string, string> = { accept: 'application/json' };
  if (body === undefined) return { method, url, headers, body: '' };
  headers['content-type'] = 'application/json';
  return { method, url, headers, body: JSON.stringify(body) };
}

/** The text is kept out of the error: it may hold a value. */
function readObject(answer: Answer, what: string): Record<string, unknown> {
  if (answer.text === '') return {};
  try {
    const body: unknown = JSON.parse(answer.text);
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Record<string, unknown>;
  } catch {
    // Told below: the parser's own error quotes the text.
  }
  const sentence = `${what}: the answer is not a JSON object; is a proxy in the way?`;
  throw new RekeyClientError('malformed-response', sentence, { status: answer.status });
}
