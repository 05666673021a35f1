import { blob, flag, integer, list, long, oneOf, required, structure, text } from '../aws-shapes/shape.ts';

/** Inputs of all operations of the service model 2017-10-17, member for member. */

const clientRequestToken = text({ min: 32, max: 64 });
const description = text({ max: 2048 });
const kmsKeyId = text({ min: 0, max: 2048 });
const name = text({ min: 1, max: 512 });
const nextToken = text({ min: 1, max: 4096 });
const region = text({ min: 1, max: 128, pattern: '^([a-z]+-)+\\d+$' });
const resourcePolicy = text({ min: 1, max: 20_480 });
const roleArn = text({ min: 20, max: 2048 });
const rotationLambdaArn = text({ min: 0, max: 2048 });
const secretBinary = blob(1, 65_536);
const secretId = text({ min: 1, max: 2048 });
const secretString = text({ min: 1, max: 65_536, bytes: true, sensitive: true });
const tagKey = text({ min: 1, max: 128 });
const type = text({ min: 0, max: 256 });
const versionId = text({ min: 32, max: 64 });
const versionStage = text({ min: 1, max: 256 });
const maxResults = integer(1, 100);

const tags = list(structure({ Key: tagKey, Value: text({ min: 0, max: 256 }) }));
const replicaRegions = list(structure({ KmsKeyId: kmsKeyId, Region: region }), 1);
const filters = list(
  structure({
    Key: oneOf('description', 'name', 'tag-key', 'tag-value', 'primary-region', 'owning-service', 'all'),
    Values: list(text({ max: 512, pattern: '^\\!?[a-zA-Z0-9 :_@\\/\\+\\=\\.\\-\\!]*$' }), 1, 10),
  }),
  undefined,
  10,
);
const rotationRules = structure({
  AutomaticallyAfterDays: long(1, 1000),
  Duration: text({ min: 2, max: 3, pattern: '[0-9]+h' }),
  ScheduleExpression: text({ min: 1, max: 256, pattern: '[0-9A-Za-z\\(\\)#\\?\\*\\-\\/, ]+' }),
});
const externalRotationMetadata = list(
  structure({ Key: text({ min: 1, max: 256 }), Value: text({ min: 1, max: 2048 }) }),
);

const onlySecretId = structure({ SecretId: required(secretId) });

export const INPUTS = {
  BatchGetSecretValue: structure({
    Filters: filters,
    MaxResults: integer(1, 20),
    NextToken: nextToken,
    SecretIdList: list(secretId, 1, 20),
  }),
  CancelRotateSecret: onlySecretId,
  CreateSecret: structure({
    AddReplicaRegions: replicaRegions,
    ClientRequestToken: clientRequestToken,
    Description: description,
    ForceOverwriteReplicaSecret: flag,
    KmsKeyId: kmsKeyId,
    Name: required(name),
    SecretBinary: secretBinary,
    SecretString: secretString,
    Tags: tags,
    Type: type,
  }),
  DeleteResourcePolicy: onlySecretId,
  DeleteSecret: structure({
    ForceDeleteWithoutRecovery: flag,
    RecoveryWindowInDays: long(),
    SecretId: required(secretId),
  }),
  DescribeSecret: onlySecretId,
  GetRandomPassword: structure({
    ExcludeCharacters: text({ min: 0, max: 4096 }),
    ExcludeLowercase: flag,
    ExcludeNumbers: flag,
    ExcludePunctuation: flag,
    ExcludeUppercase: flag,
    IncludeSpace: flag,
    PasswordLength: long(1, 4096),
    RequireEachIncludedType: flag,
  }),
  GetResourcePolicy: onlySecretId,
  GetSecretValue: structure({ SecretId: required(secretId), VersionId: versionId, VersionStage: versionStage }),
  ListSecretVersionIds: structure({
    IncludeDeprecated: flag,
    MaxResults: maxResults,
    NextToken: nextToken,
    SecretId: required(secretId),
  }),
  ListSecrets: structure({
    Filters: filters,
    IncludePlannedDeletion: flag,
    MaxResults: maxResults,
    NextToken: nextToken,
    SortBy: oneOf('created-date', 'last-accessed-date', 'last-changed-date', 'name'),
    SortOrder: oneOf('asc', 'desc'),
  }),
  PutResourcePolicy: structure({
    BlockPublicPolicy: flag,
    ResourcePolicy: required(resourcePolicy),
    SecretId: required(secretId),
  }),
  PutSecretValue: structure({
    ClientRequestToken: clientRequestToken,
    RotationToken: text({ min: 36, max: 256, pattern: '^[a-zA-Z0-9\\-]+$', sensitive: true }),
    SecretBinary: secretBinary,
    SecretId: required(secretId),
    SecretString: secretString,
    VersionStages: list(versionStage, 1, 20),
  }),
  RemoveRegionsFromReplication: structure({
    RemoveReplicaRegions: required(list(region, 1)),
    SecretId: required(secretId),
  }),
  ReplicateSecretToRegions: structure({
    AddReplicaRegions: required(replicaRegions),
    ForceOverwriteReplicaSecret: flag,
    SecretId: required(secretId),
  }),
  RestoreSecret: onlySecretId,
  RotateSecret: structure({
    ClientRequestToken: clientRequestToken,
    ExternalSecretRotationMetadata: externalRotationMetadata,
    ExternalSecretRotationRoleArn: roleArn,
    RotateImmediately: flag,
    RotationLambdaARN: rotationLambdaArn,
    RotationRules: rotationRules,
    SecretId: required(secretId),
  }),
  StopReplicationToReplica: onlySecretId,
  TagResource: structure({ SecretId: required(secretId), Tags: required(tags) }),
  UntagResource: structure({ SecretId: required(secretId), TagKeys: required(list(tagKey)) }),
  UpdateSecret: structure({
    ClientRequestToken: clientRequestToken,
    Description: description,
    KmsKeyId: kmsKeyId,
    SecretBinary: secretBinary,
    SecretId: required(secretId),
    SecretString: secretString,
    Type: type,
  }),
  UpdateSecretVersionStage: structure({
    MoveToVersionId: versionId,
    RemoveFromVersionId: versionId,
    SecretId: required(secretId),
    VersionStage: required(versionStage),
  }),
  ValidateResourcePolicy: structure({ ResourcePolicy: required(resourcePolicy), SecretId: secretId }),
} as const;

export type OperationName = keyof typeof INPUTS;
