import { CURRENT, PENDING, PREVIOUS, type SecretRecord, type VersionRecord } from '@rekey/core';

/**
 * The rules of versions and labels, pure: each takes a secret and returns the secret as it is afterwards.
 * Source: AWS Secrets Manager user guide ("staging labels") and recordings of the service.
 */

/** AWS keeps about this many versions; unlabelled ones beyond it are dropped, oldest first. */
export const KEPT_VERSIONS = 100;
/** A version younger than this is never dropped (AWS's 24-hour rule); milliseconds. */
export const SAFE_AGE = 24 * 3_600_000;
/**
 * The most versions a secret comes to have: they all stand in its one record. A put beyond it is refused. A rotation
 * beyond it drops even young versions, unlabelled and unneeded as they are: a credential rotated every few seconds
 * would otherwise fill the record with thousands of dead values a day.
 */
export const MOST_VERSIONS = 2_000;
/** Labels one version may carry. */
export const MAX_LABELS = 20;

export function findVersion(secret: SecretRecord, versionId: string): VersionRecord | null {
  return secret.versions.find((version) => version.id === versionId) ?? null;
}

export function findLabelled(secret: SecretRecord, label: string): VersionRecord | null {
  return secret.versions.find((version) => version.labels.includes(label)) ?? null;
}

/** Adds a version and attaches the labels. The id must not be in use. */
export function addVersion(
  secret: SecretRecord,
  version: { readonly id: string; readonly hasValue: boolean; readonly kmsKeyId: string | null },
  labels: readonly string[],
  now: number,
): SecretRecord {
  const added: VersionRecord = { ...version, createdAt: now, labels: [], lastAccessedDay: null };
  return attachLabels({ ...secret, versions: [...secret.versions, added] }, version.id, labels, now);
}

/** Marks an empty version as filled, attaching further labels. */
export function fillVersion(
  secret: SecretRecord,
  versionId: string,
  labels: readonly string[],
  now: number,
): SecretRecord {
  const filled = mapVersions(secret, (version) =>
    version.id === versionId ? { ...version, hasValue: true } : version,
  );
  return attachLabels(filled, versionId, labels, now);
}

export function attachLabels(
  secret: SecretRecord,
  versionId: string,
  labels: readonly string[],
  now: number,
): SecretRecord {
  return labels.reduce((result, label) => attachLabel(result, label, versionId, now), secret);
}

/**
 * Attaches a label, taking it from wherever it was. When *current* moves, the version that loses it gets *previous*
 * and gives up *pending*; its custom labels stay.
 */
export function attachLabel(secret: SecretRecord, label: string, versionId: string, now: number): SecretRecord {
  const holder = findLabelled(secret, label);
  if (holder?.id === versionId) return secret;
  const moved = mapVersions({ ...secret, changedAt: now }, (version) => {
    if (version.id === versionId) return { ...version, labels: [...version.labels, label] };
    return without(version, label);
  });
  return label === CURRENT && holder !== null ? demote(moved, holder.id) : moved;
}

export function detachLabel(secret: SecretRecord, label: string, now: number): SecretRecord {
  if (findLabelled(secret, label) === null) return secret;
  return mapVersions({ ...secret, changedAt: now }, (version) => without(version, label));
}

/** Moves *current* to the version and takes *pending* off it: the end of a rotation. */
export function promote(secret: SecretRecord, versionId: string, now: number): SecretRecord {
  const promoted = attachLabel(secret, CURRENT, versionId, now);
  return mapVersions(promoted, (version) => (version.id === versionId ? without(version, PENDING) : version));
}

/**
 * Drops unlabelled versions beyond {@link KEPT_VERSIONS}, oldest first, never one younger than {@link SAFE_AGE} nor
 * one in `needed` (a rotation may still have to revoke it). Returns the ids whose values go too.
 */
export function prune(
  secret: SecretRecord,
  needed: ReadonlySet<string>,
  now: number,
): { readonly secret: SecretRecord; readonly dropped: readonly string[] } {
  let surplus = secret.versions.length - KEPT_VERSIONS;
  if (surplus <= 0) return { secret, dropped: [] };
  const dropped: string[] = [];
  const versions = secret.versions.filter((version) => {
    const old = now - version.createdAt >= SAFE_AGE || surplus > MOST_VERSIONS - KEPT_VERSIONS;
    const droppable = version.labels.length === 0 && old && !needed.has(version.id);
    if (surplus <= 0 || !droppable) return true;
    surplus -= 1;
    dropped.push(version.id);
    return false;
  });
  return { secret: { ...secret, versions }, dropped };
}

function demote(secret: SecretRecord, versionId: string): SecretRecord {
  return mapVersions(secret, (version) => {
    const stripped = without(version, PREVIOUS);
    if (version.id !== versionId) return stripped;
    return { ...stripped, labels: [...without(stripped, PENDING).labels, PREVIOUS] };
  });
}

function without(version: VersionRecord, label: string): VersionRecord {
  if (!version.labels.includes(label)) return version;
  return { ...version, labels: version.labels.filter((other) => other !== label) };
}

function mapVersions(secret: SecretRecord, change: (version: VersionRecord) => VersionRecord): SecretRecord {
  return { ...secret, versions: secret.versions.map(change) };
}
