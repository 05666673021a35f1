import type { InlinePolicy, Principal } from '@rekey/core';
import { PolicyDocument, readPolicy } from '../../auth/policy/document.ts';
import type { AttachedPolicy, PoliciesInPlay } from '../../auth/policy/evaluate.ts';
import type { AccessDirectory, PrincipalPolicies } from '../access/directory.ts';

/** Policies that say what somebody may do, apart from those of what is asked about. */
export type OwnPolicies = Pick<PoliciesInPlay, 'identity' | 'groups' | 'boundary' | 'session'>;

const compiled = new WeakMap<InlinePolicy, AttachedPolicy>();

/** Policies of user or role, their boundary, and those that narrow the session; from memory where they are there. */
export function ownPoliciesOf(directory: AccessDirectory, principal: Principal): OwnPolicies | Promise<OwnPolicies> {
  const given = directory.policiesOf(principal);
  return given instanceof Promise ? given.then((policies) => inPlay(policies, principal)) : inPlay(given, principal);
}

function inPlay({ identity, groups, boundary }: PrincipalPolicies, { session }: Principal): OwnPolicies {
  return {
    identity,
    groups,
    ...(boundary === undefined ? {} : { boundary }),
    ...(session === null || session.policies.length === 0 ? {} : { session: session.policies.map(compileSession) }),
  };
}

/** Read once for each session in memory. What is not understood allows nothing. */
function compileSession(policy: InlinePolicy): AttachedPolicy {
  const known = compiled.get(policy);
  if (known !== undefined) return known;
  const made = { name: policy.name, document: documentOf(policy.document) };
  compiled.set(policy, made);
  return made;
}

function documentOf(text: string): PolicyDocument {
  try {
    return readPolicy(text, { kind: 'session' });
  } catch {
    return new PolicyDocument('session', '2012-10-17', null, []);
  }
}
