import type { Tag } from '@rekey/core';
import type { WantedTags } from './narrowing.ts';
import { sessionTagsInvalid } from './refusals.ts';

const TAGS_CLAIM = 'https://aws.amazon.com/tags';
const SOURCE_IDENTITY_CLAIM = 'https://aws.amazon.com/source_identity';
const KEY = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,128}$/u;
const VALUE = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$/u;
const SOURCE_IDENTITY = /^[\w+=,.@-]{2,64}$/;
const MOST_TAGS = 50;

/**
 * Session tags and source identity that an issuer puts into a token.
 * Source: IAM User Guide, "Passing session tags using AssumeRoleWithWebIdentity".
 *
 * @throws RekeyError reason `session-tags-invalid` for claims of another form
 */
export function tokenTags(
  claims: Readonly<Record<string, unknown>>,
): WantedTags & { readonly sourceIdentity: string | null } {
  const claim = objectOf(claims[TAGS_CLAIM] ?? {});
  const tags = Object.entries(objectOf(claim.principal_tags ?? {})).map(readTag);
  const keys = claim.transitive_tag_keys ?? [];
  if (tags.length > MOST_TAGS || !Array.isArray(keys) || !keys.every((key) => typeof key === 'string'))
    throw sessionTagsInvalid(`The claim ${TAGS_CLAIM} of the token has another form than session tags.`);
  return { tags, transitiveTagKeys: keys, sourceIdentity: sourceIdentityOf(claims[SOURCE_IDENTITY_CLAIM]) };
}

/** Values come as lists of one. */
function readTag([key, value]: [string, unknown]): Tag {
  const text = Array.isArray(value) && value.length === 1 ? value[0] : value;
  if (!KEY.test(key) || typeof text !== 'string' || !VALUE.test(text))
    throw sessionTagsInvalid(`The claim ${TAGS_CLAIM} of the token holds what cannot be a tag.`);
  return { key, value: text };
}

function sourceIdentityOf(claim: unknown): string | null {
  if (claim === undefined) return null;
  if (typeof claim === 'string' && SOURCE_IDENTITY.test(claim)) return claim;
  throw sessionTagsInvalid(`The claim ${SOURCE_IDENTITY_CLAIM} of the token cannot be a source identity.`);
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw sessionTagsInvalid(`The claim ${TAGS_CLAIM} of the token has another form than session tags.`);
}
