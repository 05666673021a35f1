import type { Rotator } from '@rekey/core';
import { badMember, withFields } from './support/credential.ts';
import { membersOf } from './support/guard.ts';
import { newPassword } from './support/password.ts';

/** Members looked for, in this order, where the value does not say which one rotates. */
const USUAL_MEMBERS = ['password', 'value', 'secret', 'token', 'key'];
const NOWHERE = 'a random value is known to no target';

/**
 * Renews a value that no target knows: a signing key, a session secret, a password read only from here. A plain text is
 * replaced whole; of a JSON object one member is: the one named by the member `rotates`, else the first of `password`,
 * `value`, `secret`, `token`, `key`, else the only text member.
 */
export function randomValue(): Rotator {
  return {
    name: 'random-value',
    strategies: ['single-user'],
    lacks: {
      fence: NOWHERE,
      probe: NOWHERE,
      revoke: NOWHERE,
      compare: NOWHERE,
      decoy: NOWHERE,
      'refuses-old': NOWHERE,
      sessions: NOWHERE,
      target: NOWHERE,
    },
    target: () => '',
    plan: async ({ context, current }) => ({
      strategy: context.strategy,
      statements: [`Replace ${whatRotates(current)} by a new random value`],
      needs: [],
      warnings: ['Nothing is told of the new value: whoever uses it must read it here'],
      expectedWindow: 0,
    }),
    create: async ({ context, current }) => {
      const fresh = newPassword(context.random);
      const member = rotatingMember(current);
      return { pending: member === null ? fresh : withFields(current, { [member]: fresh }) };
    },
    set: async () => ({ findings: [] }),
    // There is nobody to ask. That it has a part to renew is all that can be wrong, also of a value that is only looked at.
    test: async ({ pending }) => {
      rotatingMember(pending);
      return { findings: [] };
    },
    revoke: async () => ({ findings: [], endedSessions: 0 }),
    probe: async () => ({ outcome: 'unclear', reason: `Cannot be probed: ${NOWHERE}` }),
  };
}

function whatRotates(text: string): string {
  const member = rotatingMember(text);
  return member === null ? 'the value' : `the member ${member}`;
}

/** Name of the member that rotates; null for a plain text. */
function rotatingMember(text: string): string | null {
  const members = membersOf(text);
  if (members === null) return null;
  const isText = (member: string) => typeof members[member] === 'string';
  if (members.rotates !== undefined) {
    if (typeof members.rotates === 'string' && isText(members.rotates)) return members.rotates;
    throw badMember('rotates', 'does not name a text member');
  }
  const texts = Object.keys(members).filter(isText);
  const chosen = USUAL_MEMBERS.find(isText) ?? (texts.length === 1 ? texts[0] : undefined);
  if (chosen !== undefined) return chosen;
  throw badMember(
    'rotates',
    'is missing, and none of password, value, secret, token and key is there to rotate instead',
  );
}
