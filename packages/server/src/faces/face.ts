import type { Caller } from '@rekey/core';

/** A request as plain data: a face is tested without a socket and hosted anywhere. */
export interface FaceRequest {
  /** Made by the listener, unique; goes into answers and audit. */
  readonly id: string;
  readonly method: string;
  /** Path as it stood on the request line, still percent-encoded. */
  readonly path: string;
  /** Query without `?`, still percent-encoded; empty if none. */
  readonly query: string;
  /** In the order sent, names in lower case, repeated names repeated. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
  /** The peer's address, or the one a trusted proxy vouches for. */
  readonly remoteAddress: string;
  /** True over TLS, or when a trusted proxy says so. */
  readonly secure: boolean;
  /** For what may take long: aborted when the caller hangs up, or was answered. Absent where nobody can tell. */
  readonly gone?: () => AbortSignal;
}

export interface FaceResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
  /** What failed on our side, where the caller is told only that something did: for the server's log, never sent. */
  readonly failure?: unknown;
}

/** One protocol. Adding one is a folder and an entry in `faces/index.ts`. */
export interface Face {
  readonly name: string;
  /** Cheap and pure: whether the request speaks this protocol. */
  owns(request: FaceRequest): boolean;
  /** Never throws: a face turns every error into its protocol's own. */
  handle(request: FaceRequest): Promise<FaceResponse>;
  /**
   * The protocol's own error for a request whose body is longer than the listener takes; `request.body` is empty.
   * A face without it has the listener's plain JSON answer sent (413).
   */
  refuseLargeBody?(request: FaceRequest, limitBytes: number): FaceResponse | Promise<FaceResponse>;
}

/** First value of a header; null if absent. Names are given in lower case. */
export function headerOf(request: FaceRequest, name: string): string | null {
  for (const [key, value] of request.headers) if (key === name) return value;
  return null;
}

export type { Caller };
