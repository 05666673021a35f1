/**
 * One line of the audit log before it is chained. Values never enter it: only names, ids, outcomes and sentences.
 */
export interface AuditEntry {
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** `request` for what somebody asked, `engine` for a background step, `server` for start, stop, restore and the like. */
  readonly kind: 'request' | 'engine' | 'server';
  /** `secretsmanager:GetSecretValue`, `rekey:RotationSet` … */
  readonly action: string;
  /** ARN of the principal; `anonymous` where nobody was proven. */
  readonly principal: string;
  readonly accessKeyId: string | null;
  readonly address: string | null;
  readonly requestId: string | null;
  /** ARN or name of what it concerns, as far as known. */
  readonly resource: string | null;
  readonly versionId: string | null;
  readonly outcome: 'allowed' | 'denied' | 'failed';
  /** Error code or reason; which statement decided; one sentence. Null if there is nothing to say. */
  readonly detail: string | null;
}

/** Where entries go. Resolves when the entry is as durable as the log was configured to make it. */
export interface AuditLog {
  append(entry: AuditEntry): Promise<void>;
}
