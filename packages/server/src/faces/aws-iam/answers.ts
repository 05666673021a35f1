import type {
  AccessUseRecord,
  GroupRecord,
  ManagedPolicyRecord,
  PolicyVersionRecord,
  RoleRecord,
  Tag,
  UserRecord,
} from '@rekey/core';
import type { Bounded } from '../../service/access/boundaries.ts';
import type { Page, PageRequest } from '../../service/access/pages.ts';
import type { XmlMembers } from '../aws-query/xml.ts';

/** IAM's own default. */
const ITEMS = 100;

/** What a listing asks for. */
export function pageRequest({
  Marker,
  MaxItems,
}: {
  readonly Marker: string | undefined;
  readonly MaxItems: number | undefined;
}): PageRequest {
  return { limit: MaxItems ?? ITEMS, marker: Marker };
}

/** A page of a listing under the name its items have there. */
export function pageAnswer<T>(
  name: string,
  { items, marker }: Page<T>,
  show: (item: T) => XmlMembers | string,
): XmlMembers {
  return { IsTruncated: marker !== null, [name]: items.map(show), Marker: marker };
}

/** Documents travel percent-encoded (RFC 3986), so that XML cannot bend them. */
export function encodeDocument(document: string): string {
  return encodeURIComponent(document).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

export function userAnswer(user: UserRecord): XmlMembers {
  const { path, name, id, arn, createdAt } = user;
  return { Path: path, UserName: name, UserId: id, Arn: arn, CreateDate: new Date(createdAt) };
}

/** With what listings leave out. */
export function wholeUser({ record, boundaryArn }: Bounded<UserRecord>): XmlMembers {
  return { ...userAnswer(record), PermissionsBoundary: boundary(boundaryArn), Tags: tagsAnswer(record.tags) };
}

export function groupAnswer({ path, name, id, arn, createdAt }: GroupRecord): XmlMembers {
  return { Path: path, GroupName: name, GroupId: id, Arn: arn, CreateDate: new Date(createdAt) };
}

export function roleAnswer(role: RoleRecord): XmlMembers {
  const { path, name, id, arn, createdAt, description } = role;
  return {
    Path: path,
    RoleName: name,
    RoleId: id,
    Arn: arn,
    CreateDate: new Date(createdAt),
    AssumeRolePolicyDocument: encodeDocument(role.trust),
    Description: description,
    MaxSessionDuration: role.maxSessionDuration,
  };
}

/** With what listings leave out. */
export function wholeRole({ record, boundaryArn }: Bounded<RoleRecord>): XmlMembers {
  return { ...roleAnswer(record), PermissionsBoundary: boundary(boundaryArn), Tags: tagsAnswer(record.tags) };
}

export function lastUsedAnswer(use: AccessUseRecord | null): XmlMembers {
  return use === null ? {} : { LastUsedDate: new Date(use.at), Region: use.region };
}

export function policyAnswer(policy: ManagedPolicyRecord): XmlMembers {
  const { name, id, arn, path } = policy;
  return {
    PolicyName: name,
    PolicyId: id,
    Arn: arn,
    Path: path,
    DefaultVersionId: policy.defaultVersion,
    AttachmentCount: policy.attachments,
    PermissionsBoundaryUsageCount: policy.boundaries,
    IsAttachable: true,
    CreateDate: new Date(policy.createdAt),
    UpdateDate: new Date(policy.changedAt),
  };
}

/** With what listings leave out. */
export function wholePolicy(policy: ManagedPolicyRecord): XmlMembers {
  return { ...policyAnswer(policy), Description: policy.description, Tags: tagsAnswer(policy.tags) };
}

export function versionAnswer({ id, createdAt }: PolicyVersionRecord, isDefault: boolean): XmlMembers {
  return { VersionId: id, IsDefaultVersion: isDefault, CreateDate: new Date(createdAt) };
}

export function tagsAnswer(tags: readonly Tag[]): readonly XmlMembers[] {
  return tags.map(tagAnswer);
}

export function tagAnswer({ key, value }: Tag): XmlMembers {
  return { Key: key, Value: value };
}

export function readTags(
  tags: readonly { readonly Key: string; readonly Value: string }[] | undefined,
): readonly Tag[] {
  return (tags ?? []).map(({ Key, Value }) => ({ key: Key, value: Value }));
}

function boundary(arn: string | null): XmlMembers | null {
  return arn === null ? null : { PermissionsBoundaryType: 'Policy', PermissionsBoundaryArn: arn };
}
