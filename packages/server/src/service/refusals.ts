import { RekeyError, type SecretRecord } from '@rekey/core';

/**
 * Everything a use case refuses by a rule of its own, by reason. Faces key their texts on the reason and on the facts;
 * the sentences here are what people see in the CLI and in the audit log. No fact is ever a value.
 */

export function secretNotFound(secretId: string): RekeyError {
  return new RekeyError('not-found', `There is no secret "${secretId}".`, { reason: 'secret-not-found' });
}

/** For who may have typed what leaked as the name: it is not repeated. */
export function leakedNotFound(): RekeyError {
  const message =
    'There is no secret of that name. If you gave what leaked as the name, give it on standard input instead: `rekey breach --value-from-stdin` finds whose it is.';
  return new RekeyError('not-found', message, { reason: 'secret-not-found' });
}

export function versionNotFound(versionId: string): RekeyError {
  return new RekeyError('not-found', `The secret has no value under version ${versionId}.`, {
    reason: 'version-not-found',
    facts: { versionId },
  });
}

export function labelNotFound(label: string): RekeyError {
  return new RekeyError('not-found', `No version with a value carries the label ${label}.`, {
    reason: 'label-not-found',
    facts: { label },
  });
}

export function secretExists(name: string): RekeyError {
  return new RekeyError('already-exists', `A secret "${name}" exists already.`, {
    reason: 'secret-exists',
    facts: { name },
  });
}

export function versionIdInUse({ arn }: SecretRecord, versionId: string): RekeyError {
  return new RekeyError('already-exists', `Version ${versionId} of ${arn} holds another value; use a fresh id.`, {
    reason: 'version-id-in-use',
    facts: { versionId, arn },
  });
}

export function markedForDeletion(name: string): RekeyError {
  return new RekeyError('invalid-state', `The secret "${name}" is marked for deletion; restore it first.`, {
    reason: 'secret-marked-for-deletion',
    facts: { name },
  });
}

export function nameMarkedForDeletion(name: string): RekeyError {
  return new RekeyError('invalid-state', `A secret "${name}" is marked for deletion; restore it or wait.`, {
    reason: 'name-marked-for-deletion',
    facts: { name },
  });
}

export function labelNotOnVersion(label: string, versionId: string): RekeyError {
  return new RekeyError('invalid-state', `Version ${versionId} does not carry the label ${label}.`, {
    reason: 'label-not-on-version',
    facts: { label, versionId },
  });
}

export function versionHasNoValue(versionId: string): RekeyError {
  return new RekeyError('invalid-state', `Version ${versionId} has no value yet and cannot become current.`, {
    reason: 'version-has-no-value',
    facts: { versionId },
  });
}

export function noRotationFunction(name: string): RekeyError {
  return new RekeyError(
    'invalid-state',
    `"${name}" has no rotation configured: \`rekey rotation set ${name} --rotator …\` does it.`,
    {
      reason: 'no-rotation-function',
      facts: { name },
    },
  );
}

/** @param rotators names of those there are */
export function functionNotInvocable(functionArn: string, rotators: readonly string[]): RekeyError {
  const message = `The rotation function "${functionArn}" cannot be invoked by this server; its rotators are ${rotators.join(', ')}.`;
  return new RekeyError('not-permitted', message, { reason: 'function-not-invocable', facts: { functionArn } });
}

export function nothingToRepair(name: string): RekeyError {
  return new RekeyError('invalid-state', `"${name}" is known to no target, so that there is nothing to repair.`, {
    reason: 'nothing-to-repair',
    facts: { name },
  });
}

export function tooManyLabels(versionId: string): RekeyError {
  return new RekeyError('limit-exceeded', `Version ${versionId} would carry more than 20 labels.`, {
    reason: 'too-many-labels',
    facts: { versionId },
  });
}

export function tooManyVersions(name: string): RekeyError {
  return new RekeyError(
    'limit-exceeded',
    `"${name}" has too many versions younger than a day; put values less often.`,
    {
      reason: 'too-many-versions',
      facts: { name },
    },
  );
}

/** Input that breaks a rule which needs more than one member, or the stored secret, to be seen. */
export function invalidInput(
  reason: string,
  message: string,
  facts: Readonly<Record<string, string>> = {},
): RekeyError {
  return new RekeyError('invalid-input', message, { reason, facts });
}

export function rotationNotFound(rotationId: string): RekeyError {
  return new RekeyError('not-found', `The secret has no rotation ${rotationId}.`, {
    reason: 'rotation-not-found',
    facts: { rotationId },
  });
}

export function stillReplicated({ name, arn }: SecretRecord, regions: readonly string[]): RekeyError {
  const list = regions.join(', ');
  return new RekeyError('invalid-input', `"${name}" still has replicas in ${list}; take them away first.`, {
    reason: 'still-replicated',
    facts: { arn, regions: list },
  });
}

export function onlyInPrimary({ name }: SecretRecord): RekeyError {
  return new RekeyError('invalid-input', `"${name}" is a replica here; change it in the region of its primary.`, {
    reason: 'replica-is-read-only',
    facts: { name },
  });
}

export function notReplicaRegion(region: string, why: string): RekeyError {
  return new RekeyError('invalid-input', `No replica in ${region}: ${why}.`, {
    reason: 'replica-region-invalid',
    facts: { region, why },
  });
}

export function notReplicatedTo({ name }: SecretRecord, region: string): RekeyError {
  return new RekeyError('invalid-input', `"${name}" has no replica in ${region}.`, {
    reason: 'region-without-replica',
    facts: { name, region },
  });
}

export function notReplica({ name }: SecretRecord): RekeyError {
  return new RekeyError('invalid-state', `"${name}" is no replica here, so that there is nothing to promote.`, {
    reason: 'secret-is-no-replica',
    facts: { name },
  });
}

export function valueLeaked(name: string): RekeyError {
  const message = `The value of ${name} before the current one leaked, and a rollback would bring it back: rotate ${name} instead, or put another value.`;
  return new RekeyError('invalid-state', message, { reason: 'value-leaked' });
}
