import type { Caller, SecretRecord, Tag } from '@rekey/core';
import type { ContextValue } from '../auth/policy/context.ts';
import type { AccessDirectory } from './access/directory.ts';

/** One question of permission. */
export interface PermitQuestion {
  readonly caller: Caller;
  /** As in IAM policies: `secretsmanager:GetSecretValue`, `rekey:ConfigureRotation` … */
  readonly action: string;
  /** ARN of the secret, user or role; `*` for what concerns none. */
  readonly resource: string;
  /** What the request calls it, which is all that a refusal repeats: a refusal does not tell what there is. */
  readonly asked: string;
  /** What a refusal says instead of that, whether there is such a secret or not. */
  readonly told?: string;
  /** The secret concerned; null where there is none (yet). */
  readonly secret: SecretRecord | null;
  /** Tags of what is concerned where that is no secret. */
  readonly tags: readonly Tag[];
  /** Condition keys of the request (`secretsmanager:VersionStage`, `aws:TagKeys` …). */
  readonly keys: Readonly<Record<string, ContextValue>>;
}

/** What permissions are decided from besides the question. */
export interface PermitParts {
  readonly directory: AccessDirectory;
  readonly now: () => number;
  /** The server's own region. */
  readonly region: string;
}
