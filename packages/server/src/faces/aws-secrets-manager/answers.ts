import {
  automaticallyAfterDays,
  type SecretRecord,
  type SecretRotation,
  SHORTEST_AWS_INTERVAL,
  type Tag,
  type VersionRecord,
} from '@rekey/core';
import { translateLabels } from '../../service/aws-labels.ts';

/** AWS's word for the key of whoever named none. */
const DEFAULT_KEY = 'DefaultEncryptionKey';

/** Seconds since the epoch, with milliseconds behind the point. */
export function seconds(milliseconds: number): number {
  return milliseconds / 1000;
}

/** What every answer about a secret begins with. */
export function named({ arn, name }: Pick<SecretRecord, 'arn' | 'name'>): { ARN: string; Name: string } {
  return { ARN: arn, Name: name };
}

export function base64Of({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, length).toString('base64');
}

/** Labels of a version; none is no member, not an empty one. */
export function stagesOf({ labels }: VersionRecord): { VersionStages?: readonly string[] } {
  return labels.length === 0 ? {} : { VersionStages: translateLabels(labels) };
}

/** A secret as DescribeSecret tells it. Members without content are left out. */
export function describe(secret: SecretRecord): object {
  const stages = stagesByVersion(secret);
  return {
    ...summary(secret),
    ...(stages === null ? {} : { VersionIdsToStages: stages }),
    ...(secret.replication ? { ReplicationStatus: replicationStatus(secret) } : {}),
  };
}

/** A secret as ListSecrets tells it: the same, under one other name. */
export function listEntry(secret: SecretRecord): object {
  const stages = stagesByVersion(secret);
  return { ...summary(secret), ...(stages === null ? {} : { SecretVersionsToStages: stages }) };
}

/** How its replicas stand. One record serves all regions, so that a replica that is there is in sync. */
export function replicationStatus({ replication, lastAccessedDay }: SecretRecord): readonly object[] {
  return (replication?.replicas ?? []).map(({ region, kmsKeyId, failure }) => ({
    Region: region,
    KmsKeyId: kmsKeyId ?? 'alias/aws/secretsmanager',
    Status: failure === null ? 'InSync' : 'Failed',
    StatusMessage: failure ?? 'Replication succeeded',
    ...(lastAccessedDay === null || failure !== null ? {} : { LastAccessedDate: seconds(lastAccessedDay) }),
  }));
}

export function versionEntry(version: VersionRecord): object {
  return {
    VersionId: version.id,
    ...stagesOf(version),
    ...(version.lastAccessedDay === null ? {} : { LastAccessedDate: seconds(version.lastAccessedDay) }),
    CreatedDate: seconds(version.createdAt),
    KmsKeyIds: [version.kmsKeyId ?? DEFAULT_KEY],
  };
}

function summary(secret: SecretRecord): object {
  const { description, kmsKeyId, type, tags, lastAccessedDay, deletedAt } = secret;
  return {
    ...named(secret),
    ...(type === null ? {} : { Type: type }),
    ...(description === null ? {} : { Description: description }),
    ...(kmsKeyId === null ? {} : { KmsKeyId: kmsKeyId }),
    ...rotationOf(secret.rotation),
    LastChangedDate: seconds(secret.changedAt),
    ...(lastAccessedDay === null ? {} : { LastAccessedDate: seconds(lastAccessedDay) }),
    ...(deletedAt === null ? {} : { DeletedDate: seconds(deletedAt) }),
    ...(tags === null ? {} : { Tags: tags.map(tagEntry) }),
    CreatedDate: seconds(secret.createdAt),
    ...(secret.replication ? { PrimaryRegion: secret.replication.primaryRegion } : {}),
  };
}

/** Nothing until rotation was ever configured. While it is off, its dates are left out (AWS). */
function rotationOf(rotation: SecretRotation | null): object {
  if (rotation === null) return {};
  const { enabled, functionArn, lastRotatedAt, deadlineAt } = rotation;
  const rules = rulesOf(rotation);
  return {
    RotationEnabled: enabled,
    ...(functionArn === null ? {} : { RotationLambdaARN: functionArn }),
    ...(rules === null ? {} : { RotationRules: rules }),
    ...(enabled && lastRotatedAt !== null ? { LastRotatedDate: seconds(lastRotatedAt) } : {}),
    ...(enabled && deadlineAt !== null ? { NextRotationDate: seconds(secondOf(deadlineAt)) } : {}),
  };
}

/** The rules as AWS has words for them: not for rotation on demand, nor for intervals below its four hours. */
function rulesOf({ rule, lastRotatedAt }: SecretRotation): object | null {
  if (rule.kind === 'manual' || (rule.kind === 'every' && rule.every < SHORTEST_AWS_INTERVAL)) return null;
  const counted = rule.kind !== 'expression' || lastRotatedAt !== null;
  const days = counted ? automaticallyAfterDays(rule, lastRotatedAt ?? 0) : null;
  return {
    ...(days === null ? {} : { AutomaticallyAfterDays: days }),
    ...(rule.kind === 'every' || rule.duration === null ? {} : { Duration: rule.duration }),
    ...(rule.kind === 'expression' ? { ScheduleExpression: rule.expression } : {}),
  };
}

/** AWS tells the last whole second of the window. */
function secondOf(milliseconds: number): number {
  return Math.floor(milliseconds / 1000) * 1000;
}

/** Null while no version carries a label. */
function stagesByVersion({ versions }: SecretRecord): Record<string, readonly string[]> | null {
  const labelled = versions.filter(({ labels }) => labels.length > 0);
  if (labelled.length === 0) return null;
  return Object.fromEntries(labelled.map(({ id, labels }) => [id, translateLabels(labels)]));
}

function tagEntry({ key, value }: Tag): { Key: string; Value: string } {
  return { Key: key, Value: value };
}
