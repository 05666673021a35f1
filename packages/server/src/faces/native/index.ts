import { type Caller, RekeyError, RotatorError } from '@rekey/core';
import { whoAsks } from '../../service/use-case.ts';
import type { Face, FaceRequest, FaceResponse } from '../face.ts';
import { parseBody } from './body.ts';
import { errorAnswer, jsonAnswer } from './errors.ts';
import type { NativeDeps, NativeOperation, NativeRequest } from './operation.ts';
import { ROUTES } from './operations.ts';
import { matchRoute } from './routes.ts';

export interface NativeFaceDeps extends NativeDeps {
  /** Proves who asks, by signature or bearer token. @throws RekeyError `unauthenticated` */
  authenticate(request: FaceRequest): Caller | Promise<Caller>;
  /** Audits a request that was refused before it was known whose it is. */
  refused(request: FaceRequest, action: string, error: unknown): Promise<void>;
}

const PREFIX = '/rekey/';
/** What is audited while it is not known which operation was meant. */
const ACTION = 'rekey:Request';

/** JSON over HTTP for what AWS's API has no word for; `docs/native-face.md` lists the operations. */
export function nativeFace(deps: NativeFaceDeps): Face {
  return {
    name: 'native',
    owns: (request) => request.path.startsWith(PREFIX),
    handle: (request) => handle(request, deps).catch((error: unknown) => fail(error, request)),
    refuseLargeBody: (request, limitBytes) => refuseLarge(request, limitBytes, deps),
  };
}

async function handle(request: FaceRequest, deps: NativeFaceDeps): Promise<FaceResponse> {
  const { operation, asked } = await accept(request, deps);
  return withRequestId(jsonAnswer(200, await operation.run(asked, deps)), request);
}

/** Everything that can refuse a request before a use case audits it; so it is audited here. */
async function accept(
  request: FaceRequest,
  deps: NativeFaceDeps,
): Promise<{ readonly operation: NativeOperation; readonly asked: NativeRequest<never> }> {
  let caller: Caller | null = null;
  try {
    caller = await deps.authenticate(request);
    const match = matchRoute(ROUTES, request.method, request.path);
    if (match.found !== 'route') throw unknownRoute(request, match.found);
    const { handler: operation, variables } = match;
    const wish = await operation.read(parseBody(request), new URLSearchParams(request.query));
    const { gone } = request;
    return { operation, asked: { caller, variables, wish, ...(gone === undefined ? {} : { gone }) } };
  } catch (error) {
    if (caller === null) await deps.refused(request, ACTION, error);
    else await deps.service.cases.refuse({ action: ACTION, ...whoAsks(caller) }, error);
    throw error;
  }
}

async function refuseLarge(request: FaceRequest, limitBytes: number, deps: NativeFaceDeps): Promise<FaceResponse> {
  const message = `the body is longer than ${limitBytes} bytes.`;
  const error = new RekeyError('invalid-input', message, { reason: 'body-too-large' });
  try {
    await deps.refused(request, ACTION, error);
  } catch (failure) {
    return fail(failure, request);
  }
  return { ...fail(error, request), status: 413 };
}

function fail(error: unknown, request: FaceRequest): FaceResponse {
  const answer = errorAnswer(error);
  const isOurs = answer.status >= 500 && !(error instanceof RotatorError);
  return withRequestId(isOurs ? { ...answer, failure: error } : answer, request);
}

function withRequestId(answer: FaceResponse, request: FaceRequest): FaceResponse {
  return { ...answer, headers: { ...answer.headers, 'x-request-id': request.id } };
}

function unknownRoute(request: FaceRequest, found: 'nothing' | 'other-methods'): RekeyError {
  if (found === 'nothing')
    return new RekeyError('not-found', 'the native face has no such path; docs/native-face.md lists them.', {
      reason: 'unknown-path',
    });
  return new RekeyError('invalid-input', `this path does not take ${request.method}.`, {
    reason: 'method-not-allowed',
  });
}
