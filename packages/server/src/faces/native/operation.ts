import type { Caller } from '@rekey/core';
import type { Service } from '../../service/service.ts';
import type { FaceRequest } from '../face.ts';

/** A native request after authentication and parsing. */
export interface NativeRequest<Wish = unknown> {
  readonly caller: Caller;
  readonly variables: Readonly<Record<string, string>>;
  /** What the operation's `read` made of body and query. */
  readonly wish: Wish;
  /** As {@link FaceRequest.gone}. */
  readonly gone?: FaceRequest['gone'];
}

export interface NativeDeps {
  readonly service: Service;
  readonly version: string;
}

/**
 * One operation: reads its body and query (refusals there are audited by the face), then runs its use case (which audits
 * itself).
 */
export interface NativeOperation<Wish = never> {
  read(body: unknown, query: URLSearchParams): Wish | Promise<Wish>;
  run(request: NativeRequest<Wish>, deps: NativeDeps): Promise<unknown>;
}
