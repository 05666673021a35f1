import {
  DEFAULT_ROTATION_SETTINGS,
  parseDuration,
  type RotationSettings,
  type SecretRecord,
  STRATEGIES,
  type Strategy,
  type Tag,
} from '@rekey/core';
import { checkSchedule } from '../engine/schedule/plan-next.ts';
import { invalidInput } from './refusals.ts';

/** Tags that begin so are settings of rekey's, not the user's own. */
const PREFIX = 'rekey:';

type Reader = (value: string) => Partial<RotationSettings>;

/** Setting tags by name. What guards (pooler, sessions) is no tag: whoever may tag must not weaken it. */
const READERS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ['rekey:strategy', (value) => ({ strategy: readStrategy(value) })],
  ['rekey:overlap', (value) => ({ overlap: parseDuration(value, { what: 'the tag rekey:overlap' }) })],
  ['rekey:username-may-change', (value) => ({ usernameMayChange: readYesOrNo(value) })],
]);

export function isSettingTag(key: string): boolean {
  return key.startsWith(PREFIX);
}

/**
 * Refuses a setting that is unknown or does not say anything, so that a slip of the pen is seen when it is made.
 *
 * @throws RekeyError `invalid-input`; reasons `setting-tag-unknown`, `setting-tag-invalid`, `duration-malformed`, `duration-out-of-bounds`
 */
export function checkSettingTag({ key, value }: Tag): void {
  if (!isSettingTag(key)) return;
  const read = READERS.get(key);
  if (read === undefined) {
    const known = [...READERS.keys()].join(', ');
    throw invalidInput('setting-tag-unknown', `The tag ${key} is no setting; settings are ${known}.`, { key });
  }
  read(value);
}

/** What holds: defaults, over them the tags, over them what was set in the native face or in `rekey.yaml`. */
export function settingsOf(
  tags: SecretRecord['tags'],
  explicit: Partial<RotationSettings> | undefined,
): RotationSettings {
  const tagged = (tags ?? []).map(({ key, value }) => READERS.get(key)?.(value) ?? {});
  return Object.assign({}, DEFAULT_ROTATION_SETTINGS, ...tagged, explicit);
}

/**
 * The secret with other tags, and its rotation by the settings they make.
 *
 * @throws RekeyError `invalid-input`, reason `interval-not-longer-than-overlap`
 */
export function retagged(secret: SecretRecord, tags: SecretRecord['tags']): SecretRecord {
  if (secret.rotation === null) return { ...secret, tags };
  const settings = settingsOf(tags, secret.rotation.explicit);
  checkSchedule(secret.rotation.rule, settings);
  return { ...secret, tags, rotation: { ...secret.rotation, settings } };
}

function readStrategy(value: string): Strategy | 'auto' {
  const strategy = (['auto', ...STRATEGIES] as const).find((known) => known === value);
  if (strategy !== undefined) return strategy;
  throw invalidTag('rekey:strategy', `one of auto, ${STRATEGIES.join(', ')}`);
}

function readYesOrNo(value: string): boolean {
  if (value === 'yes' || value === 'no') return value === 'yes';
  throw invalidTag('rekey:username-may-change', 'yes or no');
}

function invalidTag(key: string, expected: string) {
  return invalidInput('setting-tag-invalid', `The tag ${key} takes ${expected}.`, { key });
}
