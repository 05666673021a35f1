import { translateLabel, translateLabels } from '../../../service/aws-labels.ts';
import type { BatchItem, ReadValue } from '../../../service/values.ts';
import { base64Of, named, seconds, stagesOf, versionEntry } from '../answers.ts';
import { wireErrorOf } from '../errors.ts';
import { invalidName, readSecretId, readToken } from '../identifiers.ts';
import { operation } from '../operation.ts';
import { invalidParameter, invalidRequest } from '../refusal.ts';
import { readContent } from './content.ts';
import { readFilters } from './filters.ts';

/** Operations on values and on the labels of versions. */

export const getSecretValue = operation({
  name: 'GetSecretValue',
  read: ({ SecretId, VersionId, VersionStage }) => ({
    secretId: readSecretId(SecretId),
    versionId: VersionId,
    label: VersionStage === undefined ? undefined : translateLabel(VersionStage),
  }),
  run: (service, caller, choice) => service.values.get(caller, choice).then(valueEntry),
});

export const batchGetSecretValue = operation({
  name: 'BatchGetSecretValue',
  read: ({ SecretIdList, Filters, MaxResults, NextToken }) => {
    if (SecretIdList !== undefined && Filters !== undefined)
      throw invalidParameter('Either SecretIdList or Filters must be provided, but not both.');
    if (SecretIdList !== undefined && MaxResults !== undefined)
      throw invalidParameter('MaxResults can be used with Filters only, not with SecretIdList.');
    if (SecretIdList !== undefined) return { secretIds: SecretIdList };
    if (Filters === undefined) throw invalidParameter('Either SecretIdList or Filters must be provided.');
    return { query: { filters: readFilters(Filters), limit: MaxResults ?? 20, nextToken: NextToken } };
  },
  run: async (service, caller, request) => {
    if ('secretIds' in request) return batchEntry(await service.values.getEach(caller, request.secretIds), null);
    const { items, nextToken } = await service.values.getListed(caller, request.query);
    return batchEntry(items, nextToken);
  },
});

export const putSecretValue = operation({
  name: 'PutSecretValue',
  read: (input) => {
    const value = readContent(input);
    if (value === undefined) throw invalidRequest('You must provide either SecretString or SecretBinary.');
    const labels = input.VersionStages === undefined ? undefined : translateLabels(input.VersionStages);
    return { secretId: readSecretId(input.SecretId), versionId: readToken(input.ClientRequestToken), value, labels };
  },
  run: async (service, caller, put) => {
    const { secret, version } = await service.values.put(caller, put);
    return { ...named(secret), VersionId: version.id, ...stagesOf(version) };
  },
});

export const listSecretVersionIds = operation({
  name: 'ListSecretVersionIds',
  read: ({ SecretId, IncludeDeprecated, MaxResults, NextToken }) => ({
    secretId: readSecretId(SecretId),
    includeUnlabelled: IncludeDeprecated ?? false,
    limit: MaxResults ?? 100,
    nextToken: NextToken,
  }),
  run: async (service, caller, query) => {
    const { secret, versions, nextToken } = await service.values.listVersions(caller, query);
    return { Versions: versions.map(versionEntry), ...(nextToken && { NextToken: nextToken }), ...named(secret) };
  },
});

export const updateSecretVersionStage = operation({
  name: 'UpdateSecretVersionStage',
  read: ({ SecretId, VersionStage, MoveToVersionId, RemoveFromVersionId }) => ({
    secretId: readSecretId(SecretId),
    label: translateLabel(VersionStage),
    to: MoveToVersionId,
    from: RemoveFromVersionId,
  }),
  run: async (service, caller, move) => named(await service.values.moveLabel(caller, move)),
});

/** The answer to most requests of all: members without content are left to JSON to leave out, instead of spread in. */
function valueEntry({ secret, version, value }: ReadValue): object {
  const { labels } = version;
  return {
    ARN: secret.arn,
    Name: secret.name,
    VersionId: version.id,
    SecretString: value.kind === 'text' ? value.text : undefined,
    SecretBinary: value.kind === 'text' ? undefined : base64Of(value.bytes),
    VersionStages: labels.length === 0 ? undefined : translateLabels(labels),
    CreatedDate: seconds(version.createdAt),
  };
}

function batchEntry(items: readonly BatchItem[], nextToken: string | null): object {
  return {
    SecretValues: items.flatMap((item) => ('read' in item ? [valueEntry(item.read)] : [])),
    ...(nextToken && { NextToken: nextToken }),
    Errors: items.flatMap((item) => ('error' in item ? [errorEntry(item)] : [])),
  };
}

function errorEntry({ secretId, error }: Extract<BatchItem, { error: unknown }>): object {
  const { type, text } = wireErrorOf(isNameLike(secretId) ? error : invalidName());
  return { SecretId: secretId, ErrorCode: type, Message: text };
}

function isNameLike(secretId: string): boolean {
  try {
    readSecretId(secretId);
    return true;
  } catch {
    return false;
  }
}
