import { type Rotator, RotatorError, type Strategy } from '@rekey/core';
import { badMember, type CredentialFields } from './credential.ts';

/** Members that say where a credential belongs and who may change it: a rotation never changes them. */
const FIXED_MEMBERS = ['engine', 'host', 'port', 'masterarn'];

/**
 * The confused-deputy guard: whoever may write the secret must not be able to point the admin credential at another
 * server, nor make a rotation write to an account the secret does not hold.
 */
export function guardPending(rotator: Rotator, strategy: Strategy, current: string, pending: string): void {
  const before = membersOf(current);
  const after = membersOf(pending);
  if (before === null || after === null) return;
  const fixed =
    strategy === 'single-user' || strategy === 'dual-password' ? [...FIXED_MEMBERS, 'username'] : FIXED_MEMBERS;
  for (const member of fixed) {
    if (String(before[member] ?? '') === String(after[member] ?? '')) continue;
    throw member === 'username' ? notOfCurrent() : changed(member);
  }
  if (rotator.target(current) !== rotator.target(pending)) throw changed('host');
}

/** The admin credential must belong to the very system the secret belongs to. */
export function guardAdmin(rotator: Rotator, current: string, admin: string): void {
  if (rotator.target(admin) === rotator.target(current)) return;
  throw new RotatorError(
    'rejected-form',
    'The admin credential (masterarn) belongs to another target than the secret',
    {
      nextAction: 'Make engine, host and port of both secrets equal, or name another admin credential in masterarn.',
    },
  );
}

/** What JSON takes for white space (RFC 8259, section 2), then a brace. */
const OBJECT_BEGINS = /^[ \t\n\r]*\{/;

/** Members of a JSON object; null for a value of any other form. */
export function membersOf(text: string): CredentialFields | null {
  // A plain value is the usual case of no object, and an exception costs more than the rest of a step.
  if (!OBJECT_BEGINS.test(text)) return null;
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
      ? (parsed as CredentialFields)
      : null;
  } catch {
    return null;
  }
}

/** One that was left behind before *current* or the strategy changed: the engine may make another. */
function notOfCurrent(): RotatorError {
  return new RotatorError('rejected-value', 'The pending value has another username than the current one', {
    nextAction: 'Remove the pending version and rotate again.',
  });
}

function changed(member: string): RotatorError {
  return badMember(member, 'differs between current and pending, which a rotation never changes');
}
