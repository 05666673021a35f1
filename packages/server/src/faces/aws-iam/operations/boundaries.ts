import type { QueryOperation } from '../../aws-query/operation.ts';
import { required } from '../../aws-shapes/shape.ts';
import { arn } from '../shapes.ts';
import { type Owner, ownerOperation, ROLE, USER } from './owner.ts';

type BoundedOwner = Owner & { readonly kind: 'user' | 'role' };

/** Permissions boundaries of users and roles. */
export const boundaryOperations: readonly QueryOperation[] = [USER, ROLE].flatMap((owner) =>
  operationsOf(owner as BoundedOwner),
);

function operationsOf(owner: BoundedOwner): readonly QueryOperation[] {
  const { kind, title } = owner;
  return [
    ownerOperation(
      `Put${title}PermissionsBoundary`,
      owner,
      'newName',
      { PermissionsBoundary: required(arn) },
      async ({ access }, caller, name, { PermissionsBoundary }) => {
        await access.boundaries.put(caller, kind, name, PermissionsBoundary);
        return null;
      },
    ),
    ownerOperation(`Delete${title}PermissionsBoundary`, owner, 'newName', {}, async ({ access }, caller, name) => {
      await access.boundaries.remove(caller, kind, name);
      return null;
    }),
  ];
}
