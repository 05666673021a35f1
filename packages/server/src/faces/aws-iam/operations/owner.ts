import type { Caller } from '@rekey/core';
import type { OwnerKind } from '../../../service/access/identifiers.ts';
import type { Service } from '../../../service/service.ts';
import { operation, type QueryAnswer, type QueryOperation } from '../../aws-query/operation.ts';
import { type InputOf, type Members, required, structure, type TextShape } from '../../aws-shapes/shape.ts';
import { existingUserName, groupName, roleName, userName } from '../shapes.ts';

/** A kind of principal as operations name it: `PutUserPolicy` of `UserName`. */
export interface Owner {
  readonly kind: OwnerKind;
  readonly title: string;
  readonly member: string;
  readonly name: TextShape;
  /** The model lets in longer names where a user is there already, but not in all operations. */
  readonly newName: TextShape;
}

export const USER: Owner = {
  kind: 'user',
  title: 'User',
  member: 'UserName',
  name: existingUserName,
  newName: userName,
};
export const GROUP: Owner = { kind: 'group', title: 'Group', member: 'GroupName', name: groupName, newName: groupName };
export const ROLE: Owner = { kind: 'role', title: 'Role', member: 'RoleName', name: roleName, newName: roleName };

/** An operation that there is for users, groups and roles alike; it is given the owner's name first. */
export function ownerOperation<const M extends Members>(
  name: string,
  { member, ...shapes }: Owner,
  shape: 'name' | 'newName',
  members: M,
  run: (service: Service, caller: Caller, owner: string, input: InputOf<M>) => Promise<QueryAnswer>,
): QueryOperation {
  const input = structure<Members>({ ...members, [member]: required(shapes[shape]) });
  return operation(name, input, (service, caller, read) =>
    run(service, caller, read[member] as string, read as InputOf<M>),
  );
}
