import { testModel } from '../aws-shapes/model.testing.ts';
import { OPERATIONS } from './operations/index.ts';

testModel({
  model: 'iam',
  operations: OPERATIONS,
  // Of simulations: organizations, and choosing among policies by where they come from.
  leftOut: ['OrderedOrganizationPolicyInputList', 'PolicyExclusionList'],
});
