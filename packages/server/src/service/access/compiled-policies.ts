import { type InlinePolicy, type ManagedPolicyRecord, RekeyError, type RoleRecord } from '@rekey/core';
import { PolicyDocument, type PolicyKind, readPolicy } from '../../auth/policy/document.ts';
import type { AttachedPolicy } from '../../auth/policy/evaluate.ts';
import { defaultDocument } from './policy-versions.ts';

/** A policy ready to be asked, with what IAM calls where it comes from. */
export interface SourcedPolicy extends AttachedPolicy {
  readonly origin: 'user' | 'group' | 'role' | 'user-managed';
}

/** A boundary that is gone bounds everything: what cannot be read must not widen what somebody may do. */
export const NOTHING_ALLOWED: SourcedPolicy = {
  name: 'a boundary that does not exist',
  document: new PolicyDocument('boundary', '2012-10-17', null, []),
  origin: 'user-managed',
};

const compiled = new WeakMap<object, PolicyDocument>();

/** An inline policy under the name people know it by; `group developers: ReadApp` for one of a group. */
export function compileInline(policy: InlinePolicy, origin: 'user' | 'group' | 'role', prefix = ''): SourcedPolicy {
  const name = prefix + policy.name;
  return { name, document: documentOf(policy, policy.document, 'identity', name), origin };
}

/** The version of a managed policy that counts. */
export function compileManaged(policy: ManagedPolicyRecord, prefix = ''): SourcedPolicy {
  const version = defaultDocument(policy);
  const name = prefix + policy.name;
  return { name, document: documentOf(version, version.document, 'identity', name), origin: 'user-managed' };
}

/** Who may assume a role. */
export function compileTrust(role: RoleRecord): SourcedPolicy {
  const name = `trust policy of ${role.name}`;
  return { name, document: documentOf(role, role.trust, 'trust', name), origin: 'role' };
}

/** Read once for each record in memory: they never change, others take their place. */
function documentOf(holder: object, text: string, kind: PolicyKind, name: string): PolicyDocument {
  const known = compiled.get(holder);
  if (known !== undefined) return known;
  const document = read(text, kind, name);
  compiled.set(holder, document);
  return document;
}

/** A policy that was taken once and is not understood now may hold a Deny: nobody is let in past it. */
function read(text: string, kind: PolicyKind, name: string): PolicyDocument {
  try {
    return readPolicy(text, { kind });
  } catch (cause) {
    const message = `The stored policy "${name}" is not understood; put it again.`;
    throw new RekeyError('integrity', message, { reason: 'policy-not-understood', cause });
  }
}
