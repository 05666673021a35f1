import { RekeyError } from '@rekey/core';
import type { NamedKind } from './identifiers.ts';

/** What the use cases about access refuse, in IAM's words; clients show them and some match on them. */

/** A policy is named by its ARN, everything else by its name. */
export function noSuchEntity(kind: NamedKind, name: string): RekeyError {
  return notFound(
    kind === 'policy' ? `Policy ${name} was not found.` : `The ${kind} with name ${name} cannot be found.`,
  );
}

export function notFound(sentence: string): RekeyError {
  return new RekeyError('not-found', sentence, { reason: 'no-such-entity' });
}

export function entityExists(kind: NamedKind, name: string): RekeyError {
  if (kind === 'policy')
    return alreadyExists(`A policy called ${name} already exists. Duplicate names are not allowed.`);
  return alreadyExists(`${kind.charAt(0).toUpperCase()}${kind.slice(1)} with name ${name} already exists.`);
}

export function alreadyExists(sentence: string): RekeyError {
  return new RekeyError('already-exists', sentence, { reason: 'entity-exists' });
}

/** Something still hangs on what is to be deleted. */
export function deleteConflict(sentence: string): RekeyError {
  return new RekeyError('invalid-state', sentence, { reason: 'delete-conflict' });
}

/** @param quota as IAM calls it: `AccessKeysPerUser` */
export function quotaExceeded(quota: string, limit: number): RekeyError {
  return overLimit(`Cannot exceed quota for ${quota}: ${limit}`);
}

export function overLimit(sentence: string): RekeyError {
  return new RekeyError('limit-exceeded', sentence, { reason: 'quota-exceeded' });
}

export function malformedPolicy(sentence: string): RekeyError {
  return new RekeyError('invalid-input', sentence, { reason: 'malformed-policy-document' });
}

/** IAM tells such input (`InvalidInput`) from input that its model rules out. */
export function unacceptable(sentence: string): RekeyError {
  return new RekeyError('invalid-input', sentence, { reason: 'unacceptable-input' });
}
