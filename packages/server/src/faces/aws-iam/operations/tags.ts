import type { TaggedKind } from '../../../service/access/tags.ts';
import { operation, type QueryOperation } from '../../aws-query/operation.ts';
import { type Members, required, structure, type TextShape } from '../../aws-shapes/shape.ts';
import { pageAnswer, pageRequest, readTags, tagAnswer } from '../answers.ts';
import { arn, existingUserName, paging, roleName, tagKeys, tags } from '../shapes.ts';

interface Tagged {
  readonly kind: TaggedKind;
  readonly title: string;
  readonly member: string;
  readonly name: TextShape;
}

const TAGGED: readonly Tagged[] = [
  { kind: 'user', title: 'User', member: 'UserName', name: existingUserName },
  { kind: 'role', title: 'Role', member: 'RoleName', name: roleName },
  { kind: 'policy', title: 'Policy', member: 'PolicyArn', name: arn },
  { kind: 'oidc-provider', title: 'OpenIDConnectProvider', member: 'OpenIDConnectProviderArn', name: arn },
];

/** Tags: the same three operations for everything that can be tagged. */
export const tagOperations: readonly QueryOperation[] = TAGGED.flatMap(({ kind, title, member, name }) => {
  const named: Members = { [member]: required(name) };
  const nameIn = (input: object) => (input as Readonly<Record<string, string>>)[member]!;
  return [
    operation(`Tag${title}`, structure({ Tags: required(tags), ...named }), async ({ access }, caller, input) => {
      await access.tags.tag(caller, kind, nameIn(input), readTags(input.Tags as Parameters<typeof readTags>[0]));
      return null;
    }),
    operation(
      `Untag${title}`,
      structure({ TagKeys: required(tagKeys), ...named }),
      async ({ access }, caller, input) => {
        await access.tags.untag(caller, kind, nameIn(input), input.TagKeys as readonly string[]);
        return null;
      },
    ),
    operation(`List${title}Tags`, structure({ ...paging, ...named }), async ({ access }, caller, input) => {
      const page = await access.tags.list(
        caller,
        kind,
        nameIn(input),
        pageRequest(input as Parameters<typeof pageRequest>[0]),
      );
      return pageAnswer('Tags', page, tagAnswer);
    }),
  ];
});
