import type { Tag } from '@rekey/core';
import type { Ask } from '../use-case.ts';
import { MOST_TAGS } from './limits.ts';
import { quotaExceeded, unacceptable } from './refusals.ts';

/** Condition keys of a request that sets tags. */
export function tagKeys(tags: readonly Tag[]): NonNullable<Ask['keys']> {
  if (tags.length === 0) return {};
  const requested = tags.map(({ key, value }) => [`aws:RequestTag/${key}`, value] as const);
  return { ...Object.fromEntries(requested), 'aws:TagKeys': tags.map(({ key }) => key) };
}

/** What a request to make something with tags needs: also the action that would tag it later, as in IAM. */
export function needsToCreateTagged(
  tagAction: string,
  tags: readonly Tag[],
): Required<Pick<Ask, 'keys' | 'alsoNeeds'>> {
  return { keys: tagKeys(tags), alsoNeeds: tags.length === 0 ? [] : [tagAction] };
}

/**
 * The tags with more put over them. Keys that differ in case only are the same key; the last writing stays.
 *
 * @param title for the quota: `User`, `Role` …
 */
export function withTags(title: string, before: readonly Tag[], added: readonly Tag[]): readonly Tag[] {
  const byKey = new Map(before.map((tag) => [tag.key.toLowerCase(), tag]));
  const keys = new Set(added.map(({ key }) => key.toLowerCase()));
  if (keys.size < added.length)
    throw unacceptable('Duplicate tag keys found. Please note that Tag keys are case insensitive.');
  for (const { key, value } of added) {
    if (key.toLowerCase().startsWith('aws:')) throw unacceptable('Tag keys that begin with aws: are reserved.');
    byKey.set(key.toLowerCase(), { key, value });
  }
  if (byKey.size > MOST_TAGS) throw quotaExceeded(`TagsPer${title}`, MOST_TAGS);
  return [...byKey.values()];
}
