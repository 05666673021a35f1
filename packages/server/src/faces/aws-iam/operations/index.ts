import type { QueryOperation } from '../../aws-query/operation.ts';
import { absentOperations } from './absent.ts';
import { accessKeyOperations } from './access-keys.ts';
import { accountOperations } from './account.ts';
import { boundaryOperations } from './boundaries.ts';
import { groupOperations } from './groups.ts';
import { policyOperations } from './policies.ts';
import { ownerPolicyOperations } from './policies-of-owners.ts';
import { providerOperations } from './providers.ts';
import { roleOperations } from './roles.ts';
import { simulationOperations } from './simulation.ts';
import { tagOperations } from './tags.ts';
import { userOperations } from './users.ts';

/** Every operation of IAM that this server has. */
export const OPERATIONS: readonly QueryOperation[] = [
  ...userOperations,
  ...accessKeyOperations,
  ...groupOperations,
  ...roleOperations,
  ...ownerPolicyOperations,
  ...boundaryOperations,
  ...policyOperations,
  ...tagOperations,
  ...providerOperations,
  ...simulationOperations,
  ...accountOperations,
  ...absentOperations,
];
