import type { SecretValue } from '@rekey/core';

/**
 * Name or ARN of the admin credential that a value names (`masterarn`); null if it names none. With it the target of that
 * very value is logged in to: whoever may write it decides where the admin credential is sent.
 */
export function adminNamedIn(value: SecretValue | null): string | null {
  if (value?.kind !== 'text') return null;
  try {
    const members: unknown = JSON.parse(value.text);
    if (typeof members !== 'object' || members === null || !Object.hasOwn(members, 'masterarn')) return null;
    const { masterarn } = members as { readonly masterarn: unknown };
    return typeof masterarn === 'string' && masterarn !== '' ? masterarn : null;
  } catch {
    return null;
  }
}
