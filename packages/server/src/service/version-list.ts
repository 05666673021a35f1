import type { SecretRecord, VersionRecord } from '@rekey/core';
import { sortable } from '../store/collections.ts';
import { comparePlaces, type ListPlace, type NextTokens } from './next-token.ts';

export interface VersionQuery {
  readonly secretId: string;
  /** Also versions without any label, which may be pruned at any time. */
  readonly includeUnlabelled: boolean;
  readonly limit: number;
  readonly nextToken?: string | undefined;
}

export interface VersionPage {
  readonly versions: readonly VersionRecord[];
  readonly nextToken: string | null;
}

/** One page of a secret's versions, oldest first. */
export function versionPage(secret: SecretRecord, query: VersionQuery, tokens: NextTokens): VersionPage {
  const { includeUnlabelled, limit, nextToken } = query;
  const question = JSON.stringify(['ListSecretVersionIds', secret.id, includeUnlabelled]);
  const after = nextToken === undefined ? null : tokens.read(question, nextToken);
  const versions = secret.versions
    .filter((version) => includeUnlabelled || version.labels.length > 0)
    .filter((version) => after === null || comparePlaces(placeOf(version), after) > 0)
    .sort((a, b) => comparePlaces(placeOf(a), placeOf(b)));
  const page = versions.slice(0, limit);
  const last = versions.length > limit ? page.at(-1) : undefined;
  return { versions: page, nextToken: last === undefined ? null : tokens.make(question, placeOf(last)) };
}

function placeOf({ createdAt, id }: VersionRecord): ListPlace {
  return { value: sortable(createdAt), id };
}
