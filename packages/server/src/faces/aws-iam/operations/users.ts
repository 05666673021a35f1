import { ownName } from '../../../service/access/users.ts';
import { operation } from '../../aws-query/operation.ts';
import { required, structure } from '../../aws-shapes/shape.ts';
import { pageAnswer, pageRequest, readTags, userAnswer, wholeUser } from '../answers.ts';
import { arn, existingUserName, paging, path, pathPrefix, tags, userName } from '../shapes.ts';

/** Root was there before everything else. */
const BEGINNING = new Date(0);

export const userOperations = [
  operation(
    'CreateUser',
    structure({ UserName: required(userName), Path: path, PermissionsBoundary: arn, Tags: tags }),
    async ({ access }, caller, { UserName: name, Path = '/', PermissionsBoundary: boundary, Tags }) => {
      const created = await access.users.create(caller, { name, path: Path, boundary, tags: readTags(Tags) });
      return { User: wholeUser(created) };
    },
  ),
  operation('GetUser', structure({ UserName: existingUserName }), async ({ access }, caller, { UserName }) => {
    const { kind, arn: rootArn, id } = caller.principal;
    if (UserName !== undefined || kind !== 'root')
      return { User: wholeUser(await access.users.get(caller, ownName(caller, UserName))) };
    await access.users.getRoot(caller);
    return { User: { UserId: id, Arn: rootArn, CreateDate: BEGINNING } };
  }),
  operation('ListUsers', structure({ ...paging, PathPrefix: pathPrefix }), async ({ access }, caller, input) => {
    const page = await access.users.list(caller, { ...pageRequest(input), pathPrefix: input.PathPrefix ?? '/' });
    return pageAnswer('Users', page, userAnswer);
  }),
  operation(
    'UpdateUser',
    structure({ UserName: required(existingUserName), NewUserName: userName, NewPath: path }),
    async ({ access }, caller, { UserName, NewUserName: name, NewPath }) => {
      await access.users.move(caller, UserName, { name, path: NewPath });
      return null;
    },
  ),
  operation('DeleteUser', structure({ UserName: required(existingUserName) }), async ({ access }, caller, input) => {
    await access.users.delete(caller, input.UserName);
    return null;
  }),
];
