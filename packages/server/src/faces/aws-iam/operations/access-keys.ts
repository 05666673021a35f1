import { ownName } from '../../../service/access/users.ts';
import { operation } from '../../aws-query/operation.ts';
import { validationError } from '../../aws-query/refusal.ts';
import { required, structure } from '../../aws-shapes/shape.ts';
import { pageAnswer, pageRequest } from '../answers.ts';
import { accessKeyId, existingUserName, paging, status } from '../shapes.ts';

export const accessKeyOperations = [
  operation('CreateAccessKey', structure({ UserName: existingUserName }), async ({ access }, caller, { UserName }) => {
    const { user, key } = await access.keys.create(caller, ownName(caller, UserName));
    return {
      AccessKey: {
        UserName: user,
        AccessKeyId: key.id,
        Status: statusOf(key.active),
        SecretAccessKey: key.secretAccessKey,
        CreateDate: new Date(key.createdAt),
      },
    };
  }),
  operation(
    'ListAccessKeys',
    structure({ ...paging, UserName: existingUserName }),
    async ({ access }, caller, input) => {
      const { user, ...page } = await access.keys.list(caller, ownName(caller, input.UserName), pageRequest(input));
      return pageAnswer('AccessKeyMetadata', page, ({ id, active, createdAt }) => ({
        UserName: user,
        AccessKeyId: id,
        Status: statusOf(active),
        CreateDate: new Date(createdAt),
      }));
    },
  ),
  operation(
    'UpdateAccessKey',
    structure({ AccessKeyId: required(accessKeyId), Status: required(status), UserName: existingUserName }),
    async ({ access }, caller, { AccessKeyId, Status, UserName }) => {
      if (Status === 'Expired') throw validationError('A key can be set to Active or Inactive, not to Expired.');
      await access.keys.setActive(caller, ownName(caller, UserName), AccessKeyId, Status === 'Active');
      return null;
    },
  ),
  operation(
    'DeleteAccessKey',
    structure({ AccessKeyId: required(accessKeyId), UserName: existingUserName }),
    async ({ access }, caller, { AccessKeyId, UserName }) => {
      await access.keys.delete(caller, ownName(caller, UserName), AccessKeyId);
      return null;
    },
  ),
  operation(
    'GetAccessKeyLastUsed',
    structure({ AccessKeyId: required(accessKeyId) }),
    async ({ access }, caller, { AccessKeyId }) => {
      const { user, use } = await access.keys.lastUsed(caller, AccessKeyId);
      const { at, region = 'N/A', service = 'N/A' } = use ?? {};
      const LastUsedDate = at === undefined ? undefined : new Date(at);
      return { UserName: user, AccessKeyLastUsed: { LastUsedDate, Region: region, ServiceName: service } };
    },
  ),
];

function statusOf(active: boolean): string {
  return active ? 'Active' : 'Inactive';
}
