import { type PolicyDocument, readPolicy } from '../../auth/policy/document.ts';
import { countedSize } from '../../auth/policy/limits.ts';
import type { OwnerKind } from './identifiers.ts';
import { LARGEST_INLINE, LARGEST_MANAGED, LARGEST_TRUST } from './limits.ts';
import { overLimit, quotaExceeded } from './refusals.ts';

/** Refuses what is no policy of users, groups and roles. @throws RekeyError reason `malformed-policy-document` */
export function checkIdentityPolicy(document: string): PolicyDocument {
  return readPolicy(document, { kind: 'identity' });
}

/** @throws RekeyError reasons `malformed-policy-document`, `quota-exceeded` */
export function checkManagedPolicy(document: string): void {
  checkIdentityPolicy(document);
  if (countedSize(document) > LARGEST_MANAGED) throw quotaExceeded('PolicySize', LARGEST_MANAGED);
}

/** All inline policies of one owner share a limit. */
export function checkInlineSize(kind: OwnerKind, name: string, documents: readonly string[]): void {
  const size = documents.reduce((sum, document) => sum + countedSize(document), 0);
  const limit = LARGEST_INLINE[kind];
  if (size > limit) throw overLimit(`Maximum policy size of ${limit} bytes exceeded for ${kind} ${name}`);
}

export function checkTrustSize(document: string): void {
  if (countedSize(document) > LARGEST_TRUST) throw quotaExceeded('ACLSizePerRole', LARGEST_TRUST);
}
