import assert from 'node:assert/strict';
import { RekeyError } from '@rekey/core';
import { openService, ROOT, type TestService, type TestServiceOptions } from '../../service/testing.ts';
import type { Face, FaceRequest, FaceResponse } from '../face.ts';
import { awsSecretsManagerFace } from './index.ts';

/** The face over real use cases, spoken to in plain records. */
export interface TestFace extends TestService {
  readonly face: Face;
  /** The parsed answer of an operation that succeeds. */
  call(operation: string, input: object): Promise<WireAnswer>;
  /** What an operation is refused with. */
  refusal(operation: string, input: unknown): Promise<Refusal>;
  /** The same, signed for another region. */
  in(region: string): Pick<TestFace, 'call' | 'refusal'>;
}

/** Members of all answers; a test reads those that its operation has. */
export interface WireAnswer {
  readonly ARN: string;
  readonly Name: string;
  readonly VersionId: string;
  readonly VersionStages: readonly string[];
  readonly SecretString: string;
  readonly SecretBinary: string;
  readonly RandomPassword: string;
  readonly Description: string;
  readonly Tags: readonly object[];
  readonly VersionIdsToStages: Readonly<Record<string, readonly string[]>>;
  readonly RotationEnabled: boolean;
  readonly RotationLambdaARN: string;
  readonly RotationRules: object;
  readonly LastRotatedDate: number;
  readonly NextRotationDate: number;
  readonly LastChangedDate: number;
  readonly LastAccessedDate: number;
  readonly DeletedDate: number;
  readonly DeletionDate: number;
  readonly SecretList: readonly WireAnswer[];
  readonly Versions: readonly WireAnswer[];
  readonly SecretValues: readonly WireAnswer[];
  readonly Errors: readonly { readonly SecretId: string; readonly ErrorCode: string; readonly Message: string }[];
  readonly NextToken: string | undefined;
  readonly ResourcePolicy: string;
  readonly PolicyValidationPassed: boolean;
  readonly ValidationErrors: readonly { readonly CheckName: string; readonly ErrorMessage: string }[];
  readonly PrimaryRegion: string;
  readonly ReplicationStatus: readonly {
    readonly Region: string;
    readonly Status: string;
    readonly StatusMessage: string;
  }[];
}

export interface Refusal {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

export async function openFace(options: TestServiceOptions = {}): Promise<TestFace> {
  const opened = await openService(options);
  const face = awsSecretsManagerFace({
    service: opened.service,
    authenticate: (request) => {
      const signature = request.headers.find(([name]) => name === 'authorization')?.[1];
      if (signature === 'signed') return { ...ROOT, requestId: request.id };
      if (signature !== undefined) return { ...ROOT, requestId: request.id, region: signature };
      throw new RekeyError('unauthenticated', 'Missing Authentication Token', { reason: 'missing-authentication' });
    },
    refused: (request, action, error) => {
      const { remoteAddress: address, id: requestId } = request;
      return opened.service.cases.refuse(
        { action, principal: 'anonymous', accessKeyId: null, address, requestId },
        error,
      );
    },
  });
  const signedAs = (signature: string): Pick<TestFace, 'call' | 'refusal'> => ({
    call: async (operation, input) => {
      const answer = await face.handle(requestOf(operation, input, signature));
      assert.equal(answer.status, 200, `${operation}: ${String(answer.body)}`);
      return answer.body === '' ? {} : JSON.parse(String(answer.body));
    },
    refusal: async (operation, input) => refusalOf(await face.handle(requestOf(operation, input, signature))),
  });
  return { ...opened, face, ...signedAs('signed'), in: signedAs };
}

let requests = 0;

/**
 * A signed request as SDKs send it; a body that is no object is sent as it stands.
 *
 * @param signature `signed`, or the region it is signed for
 */
export function requestOf(operation: string, input: unknown, signature = 'signed'): FaceRequest {
  requests += 1;
  return {
    id: `request-${requests}`,
    method: 'POST',
    path: '/',
    query: '',
    headers: [
      ['host', 'localhost'],
      ['authorization', signature],
      ['content-type', 'application/x-amz-json-1.1'],
      ['x-amz-target', `secretsmanager.${operation}`],
    ],
    body: input instanceof Uint8Array ? input : Buffer.from(JSON.stringify(input)),
    remoteAddress: '127.0.0.1',
    secure: false,
  };
}

export function refusalOf({ status, body }: FaceResponse): Refusal {
  const { __type: type, Message: text } = JSON.parse(String(body));
  return { status, type, text };
}

/** A version id: the text, filled up to the 32 characters AWS asks for. */
export function token(text: string): string {
  return text.padEnd(32, '-');
}
