import type { QueryOperation } from '../../aws-query/operation.ts';
import { required } from '../../aws-shapes/shape.ts';
import { encodeDocument, pageAnswer, pageRequest } from '../answers.ts';
import { arn, paging, policyDocument, policyName, policyPath } from '../shapes.ts';
import { GROUP, type Owner, ownerOperation, ROLE, USER } from './owner.ts';

/** Inline and attached policies: the same seven operations for users, groups and roles. */
export const ownerPolicyOperations: readonly QueryOperation[] = [USER, GROUP, ROLE].flatMap((owner) => [
  ...inlineOperations(owner),
  ...attachmentOperations(owner),
]);

function inlineOperations(owner: Owner): readonly QueryOperation[] {
  const { kind, title, member } = owner;
  const named = { PolicyName: required(policyName) };
  return [
    ownerOperation(
      `Put${title}Policy`,
      owner,
      'name',
      { ...named, PolicyDocument: required(policyDocument) },
      async ({ access }, caller, name, { PolicyName, PolicyDocument }) => {
        await access.inline.put(caller, kind, name, { name: PolicyName, document: PolicyDocument });
        return null;
      },
    ),
    ownerOperation(`Get${title}Policy`, owner, 'name', named, async ({ access }, caller, name, { PolicyName }) => {
      const { owner: ownerName, policy } = await access.inline.get(caller, kind, name, PolicyName);
      return { [member]: ownerName, PolicyName: policy.name, PolicyDocument: encodeDocument(policy.document) };
    }),
    ownerOperation(`Delete${title}Policy`, owner, 'name', named, async ({ access }, caller, name, { PolicyName }) => {
      await access.inline.delete(caller, kind, name, PolicyName);
      return null;
    }),
    ownerOperation(`List${title}Policies`, owner, 'name', paging, async ({ access }, caller, name, input) => {
      const page = await access.inline.list(caller, kind, name, pageRequest(input));
      return pageAnswer('PolicyNames', page, (item) => item);
    }),
  ];
}

function attachmentOperations(owner: Owner): readonly QueryOperation[] {
  const { kind, title } = owner;
  const attached = { PolicyArn: required(arn) };
  return [
    ownerOperation(
      `Attach${title}Policy`,
      owner,
      'newName',
      attached,
      async ({ access }, caller, name, { PolicyArn }) => {
        await access.attachments.attach(caller, kind, name, PolicyArn);
        return null;
      },
    ),
    ownerOperation(
      `Detach${title}Policy`,
      owner,
      'newName',
      attached,
      async ({ access }, caller, name, { PolicyArn }) => {
        await access.attachments.detach(caller, kind, name, PolicyArn);
        return null;
      },
    ),
    ownerOperation(
      `ListAttached${title}Policies`,
      owner,
      'newName',
      { ...paging, PathPrefix: policyPath },
      async ({ access }, caller, name, input) => {
        const query = { ...pageRequest(input), pathPrefix: input.PathPrefix ?? '/' };
        const page = await access.attachments.list(caller, kind, name, query);
        return pageAnswer('AttachedPolicies', page, (policy) => ({ PolicyName: policy.name, PolicyArn: policy.arn }));
      },
    ),
  ];
}
