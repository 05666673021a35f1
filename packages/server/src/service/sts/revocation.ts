import type { InlinePolicy, RoleRecord } from '@rekey/core';

/** The name AWS gives the policy that its console's "Revoke active sessions" writes. */
export const REVOCATION_POLICY = 'AWSRevokeOlderSessions';

/**
 * The policy that takes everything from all sessions opened before now. Times of issue are told in whole seconds, so
 * that the end of this second is what a session must not be older than.
 *
 * @param now milliseconds since the epoch
 */
export function revocationPolicy(now: number): InlinePolicy {
  const before = new Date((Math.floor(now / 1000) + 1) * 1000).toISOString();
  const statement = {
    Effect: 'Deny',
    Action: ['*'],
    Resource: ['*'],
    Condition: { DateLessThan: { 'aws:TokenIssueTime': before } },
  };
  return { name: REVOCATION_POLICY, document: JSON.stringify({ Version: '2012-10-17', Statement: [statement] }) };
}

/**
 * When a session that is opened now counts as issued. One that is opened later in the very second of a revocation
 * counts as issued at that second's end: clients keep what they got for an hour, and it must not be dead from the start.
 */
export function issueTime(now: number, role: RoleRecord | null): number {
  const document = role?.inlinePolicies.find(({ name }) => name === REVOCATION_POLICY)?.document;
  const before = /"aws:TokenIssueTime":\s*"([^"]+)"/.exec(document ?? '')?.[1];
  const revoked = before === undefined ? Number.NaN : Date.parse(before);
  return revoked > now && revoked - now <= 1000 ? revoked : now;
}
