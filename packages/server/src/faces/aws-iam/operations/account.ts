import {
  LARGEST_INLINE,
  LARGEST_MANAGED,
  LARGEST_TRUST,
  MOST_ACCESS_KEYS,
  MOST_ATTACHED,
  MOST_GROUPS,
  MOST_VERSIONS,
} from '../../../service/access/limits.ts';
import { operation } from '../../aws-query/operation.ts';
import { structure } from '../../aws-shapes/shape.ts';

const QUOTAS = {
  AccessKeysPerUserQuota: MOST_ACCESS_KEYS,
  AssumeRolePolicySizeQuota: LARGEST_TRUST,
  AttachedPoliciesPerGroupQuota: MOST_ATTACHED,
  AttachedPoliciesPerRoleQuota: MOST_ATTACHED,
  AttachedPoliciesPerUserQuota: MOST_ATTACHED,
  GroupPolicySizeQuota: LARGEST_INLINE.group,
  GroupsPerUserQuota: MOST_GROUPS,
  PolicySizeQuota: LARGEST_MANAGED,
  RolePolicySizeQuota: LARGEST_INLINE.role,
  UserPolicySizeQuota: LARGEST_INLINE.user,
  VersionsPerPolicyQuota: MOST_VERSIONS,
};

export const accountOperations = [
  operation('GetAccountSummary', structure({}), async ({ access }, caller) => {
    const { users, groups, roles, policies, providers } = await access.summary.get(caller);
    const counts = { Users: users, Groups: groups, Roles: roles, Policies: policies, Providers: providers };
    const SummaryMap = new Map(Object.entries({ ...counts, ...QUOTAS, MFADevices: 0, AccountMFAEnabled: 0 }));
    return { SummaryMap };
  }),
];
