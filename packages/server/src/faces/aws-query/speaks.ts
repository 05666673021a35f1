import { type FaceRequest, headerOf } from '../face.ts';

/** A service that speaks the Query protocol, as its requests give it away. */
export interface QueryService {
  /** Service in the credential scope: `iam`. */
  readonly service: string;
  /** Version of its API: `2010-05-08`. */
  readonly version: string;
}

const HEADER_SCOPE = /Credential=[^/,\s]+\/[^/,\s]+\/[^/,\s]+\/([^/,\s]+)\/aws4_request/;
const QUERY_SCOPE = /(?:^|&)X-Amz-Credential=[^&]*?(?:%2F|\/)([^&%/]+)(?:%2F|\/)aws4_request(?:&|$)/i;

/** Whether a request is for the service: by what it is signed for, else by the version it names. */
export function speaksQuery(request: FaceRequest, { service, version }: QueryService): boolean {
  if (request.path !== '/') return false;
  const isForm = headerOf(request, 'content-type')?.startsWith('application/x-www-form-urlencoded') ?? false;
  if (!isForm && !/(?:^|&)Action=/.test(request.query)) return false;
  const signedFor = signedService(request);
  return signedFor === null ? namesVersion(request, version) : signedFor === service;
}

function signedService(request: FaceRequest): string | null {
  const authorization = headerOf(request, 'authorization');
  const scope = authorization === null ? QUERY_SCOPE.exec(request.query) : HEADER_SCOPE.exec(authorization);
  return scope?.[1] ?? null;
}

function namesVersion({ query, body }: FaceRequest, version: string): boolean {
  const named = new RegExp(`(?:^|&)Version=${version}(?:&|$)`);
  return named.test(query) || named.test(Buffer.from(body.buffer, body.byteOffset, body.length).toString('latin1'));
}
