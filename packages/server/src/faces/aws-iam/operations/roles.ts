import { operation } from '../../aws-query/operation.ts';
import { required, structure } from '../../aws-shapes/shape.ts';
import { lastUsedAnswer, pageAnswer, pageRequest, readTags, roleAnswer, wholeRole } from '../answers.ts';
import {
  arn,
  maxSessionDuration,
  paging,
  path,
  pathPrefix,
  policyDocument,
  roleDescription,
  roleName,
  tags,
} from '../shapes.ts';

/** Seconds; IAM's own default. */
const SESSION_DURATION = 3600;

export const roleOperations = [
  operation(
    'CreateRole',
    structure({
      RoleName: required(roleName),
      AssumeRolePolicyDocument: required(policyDocument),
      Path: path,
      Description: roleDescription,
      MaxSessionDuration: maxSessionDuration,
      PermissionsBoundary: arn,
      Tags: tags,
    }),
    async ({ access }, caller, input) => {
      const created = await access.roles.create(caller, {
        name: input.RoleName,
        path: input.Path ?? '/',
        trust: input.AssumeRolePolicyDocument,
        description: input.Description,
        maxSessionDuration: input.MaxSessionDuration ?? SESSION_DURATION,
        boundary: input.PermissionsBoundary,
        tags: readTags(input.Tags),
      });
      return { Role: wholeRole(created) };
    },
  ),
  operation('GetRole', structure({ RoleName: required(roleName) }), async ({ access }, caller, { RoleName }) => {
    const role = await access.roles.get(caller, RoleName);
    return { Role: { ...wholeRole(role), RoleLastUsed: lastUsedAnswer(role.use) } };
  }),
  operation('ListRoles', structure({ ...paging, PathPrefix: pathPrefix }), async ({ access }, caller, input) => {
    const page = await access.roles.list(caller, { ...pageRequest(input), pathPrefix: input.PathPrefix ?? '/' });
    return pageAnswer('Roles', page, roleAnswer);
  }),
  operation(
    'UpdateRole',
    structure({ RoleName: required(roleName), Description: roleDescription, MaxSessionDuration: maxSessionDuration }),
    async ({ access }, caller, { RoleName, Description: description, MaxSessionDuration }) => {
      await access.roles.update(caller, RoleName, { description, maxSessionDuration: MaxSessionDuration });
      return {};
    },
  ),
  operation(
    'UpdateRoleDescription',
    structure({ RoleName: required(roleName), Description: required(roleDescription) }),
    async ({ access }, caller, { RoleName, Description }) => ({
      Role: roleAnswer(await access.roles.describe(caller, RoleName, Description)),
    }),
  ),
  operation(
    'UpdateAssumeRolePolicy',
    structure({ RoleName: required(roleName), PolicyDocument: required(policyDocument) }),
    async ({ access }, caller, { RoleName, PolicyDocument }) => {
      await access.roles.setTrust(caller, RoleName, PolicyDocument);
      return null;
    },
  ),
  operation('DeleteRole', structure({ RoleName: required(roleName) }), async ({ access }, caller, { RoleName }) => {
    await access.roles.delete(caller, RoleName);
    return null;
  }),
];
