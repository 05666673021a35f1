import type { SecretRecord, Tag } from '@rekey/core';
import { invalidInput } from './refusals.ts';
import { checkSettingTag, isSettingTag } from './rotation-settings.ts';

/** Tags a secret may carry (AWS). */
export const MOST_TAGS = 50;
/** Keys that begin so are AWS's own. */
const RESERVED_PREFIX = 'aws:';

/**
 * The tags with more put over them: a key that is there keeps its place and gets the new value.
 *
 * @throws RekeyError `invalid-input`; reasons `tag-key-reserved`, `too-many-tags`, and those of {@link checkSettingTag}
 */
export function withTags(tags: SecretRecord['tags'], added: readonly Tag[]): readonly Tag[] {
  const byKey = new Map((tags ?? []).map((tag) => [tag.key, tag]));
  for (const tag of added) {
    checkTag(tag);
    byKey.set(tag.key, { key: tag.key, value: tag.value });
  }
  if (byKey.size > MOST_TAGS) throw invalidInput('too-many-tags', `A secret carries at most ${MOST_TAGS} tags.`);
  return [...byKey.values()];
}

/** The tags without those keys; never null again once there were any. */
export function withoutTags(tags: SecretRecord['tags'], keys: readonly string[]): SecretRecord['tags'] {
  return tags === null ? null : tags.filter(({ key }) => !keys.includes(key));
}

/** Whether a change of these tags is a change of how the secret is rotated, which needs a permission of its own. */
export function concernRotation(keys: readonly string[]): boolean {
  return keys.some(isSettingTag);
}

function checkTag(tag: Tag): void {
  if (tag.key.toLowerCase().startsWith(RESERVED_PREFIX))
    throw invalidInput('tag-key-reserved', `Tag keys that begin with ${RESERVED_PREFIX} are reserved.`, {
      key: tag.key,
    });
  checkSettingTag(tag);
}
