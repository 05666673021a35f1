import type { Tag } from '@rekey/core';
import { checkDeletionWish } from '../../../service/deletion.ts';
import type { SortKey } from '../../../service/secret-list.ts';
import { describe, listEntry, named, replicationStatus, seconds } from '../answers.ts';
import { readName, readSecretId, readToken } from '../identifiers.ts';
import { type InputTo, operation } from '../operation.ts';
import { invalidParameter } from '../refusal.ts';
import { readContent } from './content.ts';
import { readFilters } from './filters.ts';
import { readReplicas } from './replication.ts';

/** Operations on secrets as such. */

const SORT_KEYS: Readonly<Record<NonNullable<InputTo<'ListSecrets'>['SortBy']>, SortKey>> = {
  'created-date': 'created',
  'last-accessed-date': 'accessed',
  'last-changed-date': 'changed',
  name: 'name',
};

export const createSecret = operation({
  name: 'CreateSecret',
  read: (input) => {
    const name = readName(input.Name);
    const value = readContent(input);
    const replicas = readReplicasOf(input);
    const tags = input.Tags === undefined ? undefined : readTags(input.Tags);
    const versionId = readToken(input.ClientRequestToken);
    const { Description: description, KmsKeyId: kmsKeyId, Type: type } = input;
    return { name, description, kmsKeyId, type, tags, replicas, value: value && { versionId, value } };
  },
  run: async (service, caller, wish) => {
    const { secret, version } = await service.secrets.create(caller, wish);
    return {
      ...named(secret),
      ...(version && { VersionId: version.id }),
      ...(secret.replication && { ReplicationStatus: replicationStatus(secret) }),
    };
  },
});

export const describeSecret = operation({
  name: 'DescribeSecret',
  read: ({ SecretId }) => readSecretId(SecretId),
  run: async (service, caller, secretId) => describe(await service.secrets.describe(caller, secretId)),
});

export const listSecrets = operation({
  name: 'ListSecrets',
  read: (input) => ({
    filters: readFilters(input.Filters),
    includeDeleted: input.IncludePlannedDeletion ?? false,
    sortBy: SORT_KEYS[input.SortBy ?? 'created-date'],
    descending: input.SortOrder === 'desc',
    limit: input.MaxResults ?? 100,
    nextToken: input.NextToken,
  }),
  run: async (service, caller, query) => {
    const { secrets, nextToken } = await service.secrets.list(caller, query);
    return { SecretList: secrets.map(listEntry), ...(nextToken && { NextToken: nextToken }) };
  },
});

export const updateSecret = operation({
  name: 'UpdateSecret',
  read: (input) => {
    const secretId = readSecretId(input.SecretId);
    const value = readContent(input);
    const versionId = readToken(input.ClientRequestToken);
    const { Description: description, KmsKeyId: kmsKeyId, Type: type } = input;
    return { secretId, description, kmsKeyId, type, value: value && { versionId, value } };
  },
  run: async (service, caller, update) => {
    const { secret, version } = await service.secrets.update(caller, update);
    return { ...named(secret), ...(version && { VersionId: version.id }) };
  },
});

export const deleteSecret = operation({
  name: 'DeleteSecret',
  read: ({ SecretId, RecoveryWindowInDays, ForceDeleteWithoutRecovery }) => {
    const secretId = readSecretId(SecretId);
    const wish = { windowDays: RecoveryWindowInDays, force: ForceDeleteWithoutRecovery ?? false };
    checkDeletionWish(wish);
    return { secretId, wish };
  },
  run: async (service, caller, { secretId, wish }) => {
    const deletion = await service.secrets.delete(caller, secretId, wish);
    return { ...named(deletion), DeletionDate: seconds(deletion.purgeAt) };
  },
});

export const restoreSecret = operation({
  name: 'RestoreSecret',
  read: ({ SecretId }) => readSecretId(SecretId),
  run: async (service, caller, secretId) => named(await service.secrets.restore(caller, secretId)),
});

export const tagResource = operation({
  name: 'TagResource',
  read: ({ SecretId, Tags }) => ({ secretId: readSecretId(SecretId), tags: readTags(Tags) }),
  run: async (service, caller, { secretId, tags }) => {
    await service.secrets.tag(caller, secretId, tags);
    return null;
  },
});

export const untagResource = operation({
  name: 'UntagResource',
  read: ({ SecretId, TagKeys }) => ({ secretId: readSecretId(SecretId), keys: TagKeys }),
  run: async (service, caller, { secretId, keys }) => {
    await service.secrets.untag(caller, secretId, keys);
    return null;
  },
});

function readReplicasOf({ AddReplicaRegions, ForceOverwriteReplicaSecret }: InputTo<'CreateSecret'>) {
  return AddReplicaRegions && readReplicas({ AddReplicaRegions, ForceOverwriteReplicaSecret });
}

/** A tag without a value has an empty one; a tag without a key is none. */
function readTags(tags: InputTo<'TagResource'>['Tags']): readonly Tag[] {
  return tags.map(({ Key, Value }) => {
    if (Key === undefined) throw invalidParameter('You must provide a key for each tag.');
    return { key: Key, value: Value ?? '' };
  });
}
