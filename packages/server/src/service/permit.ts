import { type Caller, RekeyError, type SecretRecord } from '@rekey/core';

/** What a rule may look at besides who, what and where. */
export interface PermitContext {
  /** The secret concerned, with its tags; null where there is none (yet). */
  readonly secret: SecretRecord | null;
  /** Condition keys of the request (`secretsmanager:VersionStage` …). */
  readonly keys: Readonly<Record<string, string | readonly string[]>>;
}

export interface Decision {
  readonly allowed: boolean;
  /** The statement that decided, as it goes into the audit log. */
  readonly statement: string;
}

const ROOT: Decision = { allowed: true, statement: 'root may do everything' };
const NOBODY: Decision = { allowed: false, statement: 'no statement allows it' };

/**
 * Whether the caller may do it. The account's root may do everything, everybody else needs a statement that allows it.
 *
 * @param action as in IAM policies: `secretsmanager:GetSecretValue`, `rekey:ConfigureRotation` …
 * @param resource ARN of the secret; `*` for what concerns none
 */
export function permit(caller: Caller, _action: string, _resource: string, _context: PermitContext): Decision {
  return caller.principal.kind === 'root' ? ROOT : NOBODY;
}

/** The refusal, naming who, what and where, as AWS does. */
export function notPermitted(caller: Caller, action: string, resource: string, statement: string): RekeyError {
  const principal = caller.principal.arn;
  return new RekeyError('not-permitted', `${principal} may not perform ${action} on ${resource}: ${statement}.`, {
    reason: 'not-permitted',
    facts: { principal, action, resource },
  });
}
