import type { Principal, Tag } from '@rekey/core';
import { readPolicy } from '../../auth/policy/document.ts';
import { countedSize, LARGEST_POLICY } from '../../auth/policy/limits.ts';
import type { SessionPolicy } from '../../auth/session/session.ts';
import { packedSize } from '../../auth/session/session-token.ts';
import type { Store } from '../../store/store.ts';
import { AccessRecords } from '../access/records.ts';
import { noSuchPolicy, packedTooLarge, sessionTagsInvalid, tooManyPolicies } from './refusals.ts';

/** Policies that narrow a session, as they are asked for. */
export interface WantedPolicies {
  /** A document; null for none. */
  readonly policy: string | null;
  /** ARNs of managed policies. */
  readonly policyArns: readonly string[];
}

/** Tags of a session, as they are asked for. */
export interface WantedTags {
  readonly tags: readonly Tag[];
  readonly transitiveTagKeys: readonly string[];
}

const MOST_MANAGED = 10;
/** Name under which a policy that came with the request goes into decisions and audit. */
const INLINE_NAME = 'session policy';

/**
 * What can be said of the policies of a session without looking at what there is.
 *
 * @throws RekeyError reasons `malformed-policy-document`, `too-many-session-policies`, `packed-policy-too-large`
 */
export function checkPolicies({ policy, policyArns }: WantedPolicies): void {
  if (policyArns.length > MOST_MANAGED) throw tooManyPolicies(MOST_MANAGED);
  if (policy === null) return;
  const size = countedSize(policy);
  if (size > LARGEST_POLICY.session) throw packedTooLarge(Math.ceil((size * 100) / LARGEST_POLICY.session));
  readPolicy(policy, { kind: 'session' });
}

/**
 * The policies of a session, for who may open it: which managed policies there are is nobody else's business.
 *
 * @throws RekeyError reason `no-such-session-policy`
 */
export async function findPolicies(
  { policy, policyArns }: WantedPolicies,
  store: Store,
): Promise<readonly SessionPolicy[]> {
  const records = new AccessRecords(store);
  const managed = policyArns.map(async (arn): Promise<SessionPolicy> => {
    const found = await records.findByArn('policy', arn);
    if (found === null) throw noSuchPolicy(arn);
    return { kind: 'managed', policyId: found.id };
  });
  const inline: SessionPolicy[] =
    policy === null ? [] : [{ kind: 'inline', policy: { name: INLINE_NAME, document: policy } }];
  return [...inline, ...(await Promise.all(managed))];
}

/**
 * The tags of a session: those asked for, and those that the calling session hands on, which nobody can change.
 *
 * @throws RekeyError reason `session-tags-invalid`, in AWS's words
 */
export function readTags({ tags, transitiveTagKeys }: WantedTags, principal: Principal): WantedTags {
  const keys = tags.map(({ key }) => key.toLowerCase());
  if (new Set(keys).size < keys.length)
    throw sessionTagsInvalid('Duplicate tag keys found. Please note that Tag keys are case insensitive.');
  if (keys.some((key) => key.startsWith('aws:')))
    throw sessionTagsInvalid('Tag keys that begin with aws: are reserved.');
  const inherited = inheritedTags(principal);
  if (inherited.some(({ key }) => keys.includes(key.toLowerCase()))) {
    throw sessionTagsInvalid(
      "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.",
    );
  }
  const all = [...keys, ...inherited.map(({ key }) => key.toLowerCase())];
  if (transitiveTagKeys.some((key) => !all.includes(key.toLowerCase())))
    throw sessionTagsInvalid('The specified transitive tag key must be included in the requested tags.');
  const handedOn = inherited.map(({ key }) => key);
  return { tags: [...inherited, ...tags], transitiveTagKeys: [...new Set([...handedOn, ...transitiveTagKeys])] };
}

/** Tags that the calling session hands on. */
export function inheritedTags({ session, tags }: Principal): readonly Tag[] {
  const keys = new Set(session?.transitiveTagKeys.map((key) => key.toLowerCase()));
  return tags.filter(({ key }) => keys.has(key.toLowerCase()));
}

/**
 * Percentage of the room that policies and tags take; null where there are none of either, as AWS answers then.
 *
 * @throws RekeyError reason `packed-policy-too-large`
 */
export function checkPackedSize(policies: readonly SessionPolicy[], tags: readonly Tag[]): number | null {
  if (policies.length === 0 && tags.length === 0) return null;
  const percent = packedSize({ policies, tags });
  if (percent > 100) throw packedTooLarge(percent);
  return percent;
}
