import { PENDING, type SecretRecord } from '@rekey/core';
import { addVersion, attachLabel, detachLabel, findVersion } from '../versions.ts';

/** The version with *pending* on it: a new empty one, or one that was left behind by a rotation before. Pure. */
export function stagePending(secret: SecretRecord, versionId: string, now: number): SecretRecord {
  if (findVersion(secret, versionId) !== null) return attachLabel(secret, PENDING, versionId, now);
  return addVersion(secret, { id: versionId, hasValue: false, kmsKeyId: secret.kmsKeyId }, [PENDING], now);
}

/** The version without its value: the target was proven to have refused it. Its id stays, and *pending* on it. */
export function emptyVersion(secret: SecretRecord, versionId: string, now: number): SecretRecord {
  const versions = secret.versions.map((version) =>
    version.id === versionId ? { ...version, hasValue: false } : version,
  );
  return { ...secret, versions, changedAt: now };
}

/** The secret without a version that was only there to be tested. */
export function dropPending(secret: SecretRecord, versionId: string, now: number): SecretRecord {
  const holder = findVersion(secret, versionId);
  if (holder === null) return secret;
  if (holder.labels.some((label) => label !== PENDING)) return detachLabel(secret, PENDING, now);
  return { ...secret, versions: secret.versions.filter(({ id }) => id !== versionId), changedAt: now };
}
