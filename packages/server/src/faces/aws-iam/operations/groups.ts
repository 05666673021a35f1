import { operation } from '../../aws-query/operation.ts';
import { required, structure } from '../../aws-shapes/shape.ts';
import { groupAnswer, pageAnswer, pageRequest, userAnswer } from '../answers.ts';
import { existingUserName, groupName, paging, path, pathPrefix } from '../shapes.ts';

const groupAndUser = structure({ GroupName: required(groupName), UserName: required(existingUserName) });

export const groupOperations = [
  operation(
    'CreateGroup',
    structure({ GroupName: required(groupName), Path: path }),
    async ({ access }, caller, { GroupName: name, Path = '/' }) => {
      const group = await access.groups.create(caller, { name, path: Path });
      return { Group: groupAnswer(group) };
    },
  ),
  operation('GetGroup', structure({ ...paging, GroupName: required(groupName) }), async ({ access }, caller, input) => {
    const { group, users } = await access.groups.get(caller, input.GroupName, pageRequest(input));
    return { Group: groupAnswer(group), ...pageAnswer('Users', users, userAnswer) };
  }),
  operation('ListGroups', structure({ ...paging, PathPrefix: pathPrefix }), async ({ access }, caller, input) => {
    const page = await access.groups.list(caller, { ...pageRequest(input), pathPrefix: input.PathPrefix ?? '/' });
    return pageAnswer('Groups', page, groupAnswer);
  }),
  operation(
    'UpdateGroup',
    structure({ GroupName: required(groupName), NewGroupName: groupName, NewPath: path }),
    async ({ access }, caller, { GroupName, NewGroupName: name, NewPath }) => {
      await access.groups.move(caller, GroupName, { name, path: NewPath });
      return null;
    },
  ),
  operation('DeleteGroup', structure({ GroupName: required(groupName) }), async ({ access }, caller, input) => {
    await access.groups.delete(caller, input.GroupName);
    return null;
  }),
  operation('AddUserToGroup', groupAndUser, async ({ access }, caller, { GroupName, UserName }) => {
    await access.groups.addUser(caller, GroupName, UserName);
    return null;
  }),
  operation('RemoveUserFromGroup', groupAndUser, async ({ access }, caller, { GroupName, UserName }) => {
    await access.groups.removeUser(caller, GroupName, UserName);
    return null;
  }),
  operation(
    'ListGroupsForUser',
    structure({ ...paging, UserName: required(existingUserName) }),
    async ({ access }, caller, input) => {
      const page = await access.groups.ofUser(caller, input.UserName, pageRequest(input));
      return pageAnswer('Groups', page, groupAnswer);
    },
  ),
];
