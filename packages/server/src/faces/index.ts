import type { Caller } from '@rekey/core';
import type { Service } from '../service/service.ts';
import { awsIamFace } from './aws-iam/index.ts';
import { awsSecretsManagerFace } from './aws-secrets-manager/index.ts';
import { awsStsFace } from './aws-sts/index.ts';
import { type BreachWebhookFaceDeps, breachWebhookFace } from './breach-webhook/index.ts';
import type { Face, FaceRequest } from './face.ts';
import { healthFace } from './health/index.ts';
import { metricsFace } from './metrics/index.ts';
import { nativeFace } from './native/index.ts';

/** What the faces stand on; each takes what it needs. */
export interface FacesParts {
  readonly service: Service;
  /** Version of rekey, for who asks for the status. */
  readonly version: string;
  isReady(): boolean;
  /** How old answers may be while the store cannot be reached; null while it can. Milliseconds. */
  staleAge(): number | null;
  /** Who may tell of leaked values, and how often. */
  readonly breachWebhooks: Pick<BreachWebhookFaceDeps, 'webhooks' | 'rates' | 'now'>;
  /**
   * Tells a face who signed a request (AWS Signature Version 4) for a service (`secretsmanager`).
   *
   * @throws RekeyError `unauthenticated`
   */
  bySignature(face: string, service: string): (request: FaceRequest) => Caller | Promise<Caller>;
  /** Who it is by bearer token or by signature. @throws RekeyError `unauthenticated` */
  byTokenOrSignature(request: FaceRequest): Caller | Promise<Caller>;
  /** The same, and the token of a scraper of metrics. @throws RekeyError `unauthenticated` */
  byScraper(request: FaceRequest): Caller | Promise<Caller>;
  /** Audits a request that was refused before it was known whose it is, or before any use case had it. */
  refused(request: FaceRequest, action: string, error: unknown): Promise<void>;
}

/** Every face, in the order in which they are asked whose a request is. A new protocol is a folder and an entry here. */
export function openFaces(parts: FacesParts): readonly Face[] {
  const { service, version, refused } = parts;
  return [
    awsSecretsManagerFace({
      service,
      refused,
      authenticate: parts.bySignature('aws-secrets-manager', 'secretsmanager'),
    }),
    awsIamFace({ service, refused, authenticate: parts.bySignature('aws-iam', 'iam') }),
    awsStsFace({ service, refused, authenticate: parts.bySignature('aws-sts', 'sts') }),
    nativeFace({ service, version, refused, authenticate: parts.byTokenOrSignature }),
    breachWebhookFace({ service, refused, ...parts.breachWebhooks }),
    metricsFace({ service, refused, authenticate: parts.byScraper }),
    healthFace(parts),
  ];
}
