import type { PolicyEntity } from '../../../service/access/attachments.ts';
import type { OwnerKind } from '../../../service/access/identifiers.ts';
import { operation } from '../../aws-query/operation.ts';
import { flag, oneOf, required, structure } from '../../aws-shapes/shape.ts';
import {
  encodeDocument,
  pageAnswer,
  pageRequest,
  policyAnswer,
  readTags,
  versionAnswer,
  wholePolicy,
} from '../answers.ts';
import {
  arn,
  paging,
  path,
  policyDescription,
  policyDocument,
  policyName,
  policyPath,
  policyVersionId,
  tags,
  usageFilter,
} from '../shapes.ts';

const byArn = structure({ PolicyArn: required(arn) });
const byVersion = structure({ PolicyArn: required(arn), VersionId: required(policyVersionId) });
const USAGES = { PermissionsPolicy: 'attachment', PermissionsBoundary: 'boundary' } as const;
const KINDS: Readonly<Record<string, OwnerKind>> = { User: 'user', Group: 'group', Role: 'role' };

export const policyOperations = [
  operation(
    'CreatePolicy',
    structure({
      PolicyName: required(policyName),
      PolicyDocument: required(policyDocument),
      Path: policyPath,
      Description: policyDescription,
      Tags: tags,
    }),
    async ({ access }, caller, { PolicyName: name, PolicyDocument: document, Path = '/', Description, Tags }) => {
      const wish = { name, document, path: Path, description: Description, tags: readTags(Tags) };
      const policy = await access.policies.create(caller, wish);
      return { Policy: wholePolicy(policy) };
    },
  ),
  operation('GetPolicy', byArn, async ({ access }, caller, { PolicyArn }) => ({
    Policy: wholePolicy(await access.policies.get(caller, PolicyArn)),
  })),
  operation(
    'ListPolicies',
    structure({
      ...paging,
      OnlyAttached: flag,
      PathPrefix: policyPath,
      PolicyUsageFilter: usageFilter,
      Scope: oneOf('All', 'AWS', 'Local'),
    }),
    async ({ access }, caller, input) => {
      const { PathPrefix: pathPrefix = '/', OnlyAttached: onlyAttached = false, PolicyUsageFilter: usage } = input;
      const query = { pathPrefix, onlyAttached, usage: usage && USAGES[usage], onlyOffered: input.Scope === 'AWS' };
      const page = await access.policies.list(caller, { ...pageRequest(input), ...query });
      return pageAnswer('Policies', page, policyAnswer);
    },
  ),
  operation('DeletePolicy', byArn, async ({ access }, caller, { PolicyArn }) => {
    await access.policies.delete(caller, PolicyArn);
    return null;
  }),
  operation(
    'CreatePolicyVersion',
    structure({ PolicyArn: required(arn), PolicyDocument: required(policyDocument), SetAsDefault: flag }),
    async ({ access }, caller, { PolicyArn, PolicyDocument: document, SetAsDefault: isDefault = false }) => {
      const { version } = await access.policies.createVersion(caller, PolicyArn, { document, isDefault });
      return { PolicyVersion: versionAnswer(version, isDefault) };
    },
  ),
  operation('GetPolicyVersion', byVersion, async ({ access }, caller, { PolicyArn, VersionId }) => {
    const { version, isDefault } = await access.policies.getVersion(caller, PolicyArn, VersionId);
    return { PolicyVersion: { Document: encodeDocument(version.document), ...versionAnswer(version, isDefault) } };
  }),
  operation(
    'ListPolicyVersions',
    structure({ ...paging, PolicyArn: required(arn) }),
    async ({ access }, caller, input) => {
      const page = await access.policies.listVersions(caller, input.PolicyArn, pageRequest(input));
      return pageAnswer('Versions', page, (version) => versionAnswer(version, version.id === page.defaultVersion));
    },
  ),
  operation('SetDefaultPolicyVersion', byVersion, async ({ access }, caller, { PolicyArn, VersionId }) => {
    await access.policies.setDefault(caller, PolicyArn, VersionId);
    return null;
  }),
  operation('DeletePolicyVersion', byVersion, async ({ access }, caller, { PolicyArn, VersionId }) => {
    await access.policies.deleteVersion(caller, PolicyArn, VersionId);
    return null;
  }),
  operation(
    'ListEntitiesForPolicy',
    structure({
      ...paging,
      PolicyArn: required(arn),
      EntityFilter: oneOf('User', 'Role', 'Group', 'LocalManagedPolicy', 'AWSManagedPolicy'),
      PathPrefix: path,
      PolicyUsageFilter: usageFilter,
    }),
    async ({ access }, caller, input) => {
      const { EntityFilter: kind, PolicyUsageFilter: usage, PathPrefix: pathPrefix = '/' } = input;
      const query = { kind: kind && KINDS[kind], usage: usage && USAGES[usage], pathPrefix };
      const { items, marker } = await access.attachments.entities(caller, input.PolicyArn, {
        ...pageRequest(input),
        ...query,
      });
      return {
        PolicyUsers: entities(items, 'user', 'User'),
        PolicyGroups: entities(items, 'group', 'Group'),
        PolicyRoles: entities(items, 'role', 'Role'),
        IsTruncated: marker !== null,
        Marker: marker,
      };
    },
  ),
];

function entities(items: readonly PolicyEntity[], kind: OwnerKind, title: string) {
  const found = items.filter((item) => item.kind === kind);
  return found.map(({ id, name }) => ({ [`${title}Name`]: name, [`${title}Id`]: id }));
}
