import type { RotationRecord, RotationSettings } from '@rekey/core';
import { ask, type Work } from './work.ts';

/**
 * A rollback to a value of the very account that *current* belongs to (somebody put one by hand, or the strategy was
 * another) has no second user to turn to: it is set as one password, whatever the settings say. Any other rotation is
 * left as it is.
 */
export async function forItsAccount(work: Work): Promise<RotationRecord> {
  const { rotationFunction, secret, entry } = work;
  const { record } = entry;
  if (record.cause !== 'rollback' || rotationFunction.sharesAccount === undefined) return record;
  const { sharesAccount } = rotationFunction;
  const shares = await ask(work, 'sharesAccount', () => sharesAccount(secret.arn, record.versionId));
  return 'answer' in shares && shares.answer ? { ...record, settings: forSameAccount(record.settings) } : record;
}

/** Settings by which a value is set for the account it belongs to: by turns, it would be another's. */
export function forSameAccount(settings: RotationSettings): RotationSettings {
  const strategy = settings.strategy === 'alternating-users' ? 'single-user' : settings.strategy;
  return { ...settings, strategy, usernameMayChange: false };
}
