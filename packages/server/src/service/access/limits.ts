import { LARGEST_POLICY } from '../../auth/policy/limits.ts';
import type { OwnerKind } from './identifiers.ts';

/** IAM's quotas. None is set on the number of users, groups, roles and policies of the account. */
export const MOST_ACCESS_KEYS = 2;
export const MOST_GROUPS = 10;
export const MOST_ATTACHED = 10;
export const MOST_TAGS = 50;
export const MOST_VERSIONS = 5;
export const MOST_CLIENT_IDS = 100;
export const MOST_THUMBPRINTS = 5;

/** Characters of all inline policies of one owner together, white space not counted. */
export const LARGEST_INLINE: Readonly<Record<OwnerKind, number>> = {
  user: LARGEST_POLICY.inlineOfUser,
  group: LARGEST_POLICY.inlineOfGroup,
  role: LARGEST_POLICY.inlineOfRole,
};

export const LARGEST_MANAGED = LARGEST_POLICY.managed;
export const LARGEST_TRUST = LARGEST_POLICY.trust;
