import type { InlinePolicy, Tag } from '@rekey/core';

/**
 * Whose session it is. Users and roles stand here by unique id: somebody made again under the same name is somebody
 * else. A session of GetSessionToken or GetFederationToken also ends with the access key it was asked for with.
 */
export type SessionHolder =
  | { readonly kind: 'root'; readonly parentKeyId: string }
  | { readonly kind: 'user'; readonly userId: string; readonly parentKeyId: string }
  | { readonly kind: 'role'; readonly roleId: string; readonly sessionName: string };

/** A policy that narrows a session: written out, or a managed policy by unique id, which counts as it then stands. */
export type SessionPolicy =
  | { readonly kind: 'inline'; readonly policy: InlinePolicy }
  | { readonly kind: 'managed'; readonly policyId: string };

/** Temporary credentials and all that is known of them. Nothing of it is kept: it travels sealed in the session token. */
export interface Session {
  /** `ASIA…` */
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Milliseconds since the epoch. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly holder: SessionHolder;
  readonly sourceIdentity: string | null;
  /** ARN of the OIDC provider whose token opened it. */
  readonly federatedProvider: string | null;
  readonly tags: readonly Tag[];
  readonly transitiveTagKeys: readonly string[];
  readonly policies: readonly SessionPolicy[];
}
