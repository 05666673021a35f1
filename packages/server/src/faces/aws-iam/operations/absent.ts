import { ownName } from '../../../service/access/users.ts';
import { operation, type QueryOperation } from '../../aws-query/operation.ts';
import { flag, type Members, oneOf, required, structure } from '../../aws-shapes/shape.ts';
import { existingUserName, paging, roleName, serviceName, userName } from '../shapes.ts';

/**
 * Listings of what nobody has here: passwords of the console, second factors, SSH keys, certificates, instance
 * profiles. Terraform asks for them before it deletes a user or role.
 */
export const absentOperations: readonly QueryOperation[] = [
  ofUser('ListMFADevices', 'MFADevices', { UserName: existingUserName }),
  ofUser('ListSSHPublicKeys', 'SSHPublicKeys', { UserName: userName }),
  ofUser('ListSigningCertificates', 'Certificates', { UserName: existingUserName }),
  ofUser('ListServiceSpecificCredentials', 'ServiceSpecificCredentials', {
    UserName: userName,
    AllUsers: flag,
    ServiceName: serviceName,
  }),
  operation(
    'ListVirtualMFADevices',
    structure({ ...paging, AssignmentStatus: oneOf('Assigned', 'Unassigned', 'Any') }),
    async ({ access }, caller) => {
      await access.absent.ofAccount(caller, 'iam:ListVirtualMFADevices');
      return { IsTruncated: false, VirtualMFADevices: [] };
    },
  ),
  operation('ListAccountAliases', structure(paging), async ({ access }, caller) => {
    await access.absent.ofAccount(caller, 'iam:ListAccountAliases');
    return { IsTruncated: false, AccountAliases: [] };
  }),
  operation(
    'ListInstanceProfilesForRole',
    structure({ ...paging, RoleName: required(roleName) }),
    async ({ access }, caller, { RoleName }) => {
      await access.absent.of(caller, 'iam:ListInstanceProfilesForRole', 'role', RoleName);
      return { IsTruncated: false, InstanceProfiles: [] };
    },
  ),
  operation('GetLoginProfile', structure({ UserName: userName }), async ({ access }, caller, { UserName }) => {
    await access.absent.loginProfile(caller, 'iam:GetLoginProfile', ownName(caller, UserName));
    return null;
  }),
  operation('DeleteLoginProfile', structure({ UserName: userName }), async ({ access }, caller, { UserName }) => {
    await access.absent.loginProfile(caller, 'iam:DeleteLoginProfile', ownName(caller, UserName));
    return null;
  }),
];

function ofUser(name: string, list: string, members: Members): QueryOperation {
  return operation(name, structure<Members>({ ...paging, ...members }), async ({ access }, caller, input) => {
    await access.absent.of(caller, `iam:${name}`, 'user', ownName(caller, input.UserName as string | undefined));
    return { IsTruncated: false, [list]: [] };
  });
}
