/** Codes of failures that arise here; a server's own code (`ResourceNotFoundException`, `not-found` …) is kept as it came. */
export type ClientFailureCode =
  /** The server could not be reached or the connection broke. */
  | 'unreachable'
  /** No whole answer within the time limit. */
  | 'timeout'
  /** Something answered that is not the protocol (a proxy's page, a redirect). */
  | 'malformed-response'
  /** An option, variable or credential is missing or unusable. */
  | 'configuration'
  /** The secret has no value, or none of the form asked for. */
  | 'no-value'
  /** The server has been away for longer than the limit up to which a value is served. */
  | 'stale'
  /** The target keeps refusing the value and no newer version appeared within the budget. */
  | 'refused'
  /** `close()` was called. */
  | 'closed';

/** Details of a {@link RekeyClientError}. */
export interface RekeyClientErrorOptions {
  /** HTTP status of the answer, where there was one. */
  status?: number | undefined;
  /** Default false. */
  retryable?: boolean | undefined;
  /** The server's id of the request, for its operator. */
  requestId?: string | undefined;
  cause?: unknown;
}

/** Any failure of this package. The message is one sentence and never contains a secret value; branch on {@link code}. */
export class RekeyClientError extends Error {
  readonly code: ClientFailureCode | (string & {});
  readonly status: number | null;
  /** True when the same call may succeed later without anyone changing anything. */
  readonly retryable: boolean;
  readonly requestId: string | null;

  constructor(code: ClientFailureCode | (string & {}), message: string, options: RekeyClientErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'RekeyClientError';
    this.code = code;
    this.status = options.status ?? null;
    this.retryable = options.retryable ?? false;
    this.requestId = options.requestId ?? null;
  }
}

/** The sentence for anything that went wrong while talking to somebody: ours as it is, others by their kind only. */
export function asClientError(error: unknown, whatFailed: string): RekeyClientError {
  if (error instanceof RekeyClientError) return error;
  const { name, code, message, status, $metadata, $retryable } = (error ?? {}) as ForeignError;
  const kind = code ?? name ?? 'unknown error';
  return new RekeyClientError(kind, `${whatFailed}: ${message ?? kind}`, {
    status: status ?? $metadata?.httpStatusCode,
    retryable: $retryable !== undefined || ($metadata?.httpStatusCode ?? 0) >= 500,
    requestId: $metadata?.requestId,
  });
}

/** What errors of the AWS SDK for JavaScript carry. */
interface ForeignError {
  readonly name?: string;
  readonly code?: string;
  readonly message?: string;
  readonly status?: number;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string };
  readonly $retryable?: object;
}
