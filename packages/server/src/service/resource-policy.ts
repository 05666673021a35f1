import { RekeyError, type ResourcePolicy } from '@rekey/core';
import { describeProblems, type PolicyDocument, parsePolicy } from '../auth/policy/document.ts';
import { LARGEST_POLICY } from '../auth/policy/limits.ts';
import { type BroadStatement, broadStatements } from '../auth/policy/public-access.ts';
import type { PrincipalLookup } from './parts.ts';

const RULES = { kind: 'resource', largest: LARGEST_POLICY.resource } as const;
const USER_OR_ROLE = /^arn:[^:]+:iam::\d{12}:(?:user|role)\//;
const UNIQUE_ID = /^(?:AIDA|AROA)/;

/**
 * Reads the policy that somebody wants to put on a secret.
 *
 * @throws RekeyError `invalid-input`, reason `malformed-policy-document`
 */
export function readResourcePolicy(text: string): PolicyDocument {
  const { policy, problems } = parsePolicy(text, RULES);
  if (policy === null) throw malformed(`This policy has invalid syntax. ${describeProblems(problems)}`);
  return policy;
}

/**
 * Users and roles that a policy names, with their unique ids.
 *
 * @throws RekeyError `invalid-input`, reason `malformed-policy-document` where somebody does not exist
 */
export async function findNamed(
  policy: PolicyDocument,
  account: string,
  { findId }: PrincipalLookup,
): Promise<ResourcePolicy['principals']> {
  const found: Record<string, string> = {};
  for (const { principals } of policy.statements) {
    for (const other of principals?.accounts ?? []) if (other !== account) throw unknownPrincipal(other);
    for (const named of principals?.names ?? []) {
      const isArn = USER_OR_ROLE.test(named);
      if (!isArn && !UNIQUE_ID.test(named)) continue;
      const id = await findId(named);
      if (id === null) throw unknownPrincipal(named);
      if (isArn) found[named] = id;
    }
  }
  return found;
}

/**
 * @throws RekeyError `invalid-input`, reason `policy-is-public`, for a policy that lets in more than somebody in
 * particular
 */
export function refusePublic(policy: PolicyDocument): void {
  const [broad] = broadStatements(policy);
  if (broad === undefined) return;
  throw new RekeyError('invalid-input', describeBroad(broad), { reason: 'policy-is-public' });
}

export function describeBroad({ sid, index }: BroadStatement): string {
  return `The resource policy grants broad access: statement ${sid ?? index + 1} allows any principal; name principals, or add a condition on who asks or from where.`;
}

function unknownPrincipal(named: string): RekeyError {
  return malformed(`This resource policy contains an unsupported principal. ${named} does not exist.`);
}

function malformed(message: string): RekeyError {
  return new RekeyError('invalid-input', message, { reason: 'malformed-policy-document' });
}
