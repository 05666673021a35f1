import type { Caller } from '@rekey/core';
import type { Service } from '../../service/service.ts';
import { auditedRefusal, type Progress } from '../audited-refusal.ts';
import { type Face, type FaceRequest, type FaceResponse, headerOf } from '../face.ts';
import { wireErrorOf } from './errors.ts';
import type { Answer, Operation } from './operation.ts';
import { OPERATIONS } from './operations/index.ts';
import { readInput } from './read-input.ts';
import { tooLarge, unknownOperation, type WireRefusal } from './refusal.ts';

export interface AwsSecretsManagerParts {
  readonly service: Service;
  /**
   * Who signed the request. It may answer without a promise; it throws RekeyError `unauthenticated` for a signature
   * that proves nobody.
   */
  authenticate(request: FaceRequest): Caller | Promise<Caller>;
  /** Audits a request by nobody that could be proven. */
  refused(request: FaceRequest, action: string, error: unknown): Promise<void>;
}

const TARGET_PREFIX = 'secretsmanager.';
/** Action of what is no operation, in the audit log. */
const UNKNOWN = 'secretsmanager:Unknown';
const CONTENT_TYPE = 'application/x-amz-json-1.1';
const BY_TARGET: ReadonlyMap<string, Operation> = new Map(
  OPERATIONS.map((operation) => [`${TARGET_PREFIX}${operation.name}`, operation]),
);

/** The AWS Secrets Manager API (2017-10-17), as the SDKs and the `aws` command speak it: JSON 1.1 over POST. */
export function awsSecretsManagerFace(parts: AwsSecretsManagerParts): Face {
  return {
    name: 'aws-secrets-manager',
    owns: speaksProtocol,
    handle: (request) => handle(parts, request),
    refuseLargeBody: (request, limitBytes) => refuse(parts, request, tooLarge(limitBytes)),
  };
}

function speaksProtocol(request: FaceRequest): boolean {
  const target = headerOf(request, 'x-amz-target');
  if (target !== null) return target.startsWith(TARGET_PREFIX);
  return headerOf(request, 'content-type')?.startsWith('application/x-amz-json-') ?? false;
}

function refuse(parts: AwsSecretsManagerParts, request: FaceRequest, refusal: WireRefusal): Promise<FaceResponse> {
  const progress: Progress = { action: UNKNOWN, caller: null, begun: false };
  return auditedRefusal(parts, request, progress, refusal).then((error) => errorAnswer(request.id, error));
}

/** Up to the use case, and with it up to the audit log, nothing waits that is in memory. */
function handle(parts: AwsSecretsManagerParts, request: FaceRequest): Promise<FaceResponse> {
  const progress: Progress = { action: UNKNOWN, caller: null, begun: false };
  const refused = (error: unknown) =>
    auditedRefusal(parts, request, progress, error).then((told) => errorAnswer(request.id, told));
  try {
    return perform(parts, request, progress)
      .then((answer) => answerOf(request.id, answer))
      .catch(refused);
  } catch (error) {
    return refused(error);
  }
}

function perform(
  { service, authenticate }: AwsSecretsManagerParts,
  request: FaceRequest,
  progress: Progress,
): Promise<Answer> {
  const operation = operationOf(request);
  progress.action = `secretsmanager:${operation.name}`;
  const go = (caller: Caller) => {
    progress.caller = caller;
    const asked = operation.read(readInput(request.body, operation.input) as never);
    progress.begun = true;
    return operation.run(service, caller, asked as never);
  };
  const caller = authenticate(request);
  return caller instanceof Promise ? caller.then(go) : go(caller);
}

function operationOf(request: FaceRequest): Operation {
  const operation = BY_TARGET.get(headerOf(request, 'x-amz-target') ?? '');
  if (operation === undefined || request.method !== 'POST' || request.path !== '/') throw unknownOperation();
  return operation;
}

function answerOf(requestId: string, answer: object | null): FaceResponse {
  return respond(requestId, 200, answer === null ? '' : JSON.stringify(answer));
}

function errorAnswer(requestId: string, error: unknown): FaceResponse {
  const { type, status, text } = wireErrorOf(error);
  const answer = respond(requestId, status, JSON.stringify({ __type: type, Message: text }));
  return status < 500 ? answer : { ...answer, failure: error };
}

function respond(requestId: string, status: number, body: string): FaceResponse {
  return { status, headers: { 'content-type': CONTENT_TYPE, 'x-amzn-requestid': requestId }, body };
}
