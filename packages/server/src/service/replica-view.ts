import type { Replica, SecretRecord } from '@rekey/core';

/** Region in an ARN; empty where it has none. */
export function regionIn(arn: string): string {
  return arn.split(':', 4)[3] ?? '';
}

/** The same secret's ARN in another region: everything else stays, the suffix too (AWS). */
export function arnIn(region: string, arn: string): string {
  const parts = arn.split(':');
  parts[3] = region;
  return parts.join(':');
}

export function replicasOf(secret: SecretRecord): readonly Replica[] {
  return secret.replication?.replicas ?? [];
}

/** A secret as it is seen where it has a replica; null where it has none. */
export function replicaView(secret: SecretRecord, region: string): SecretRecord | null {
  const replica = replicasOf(secret).find((candidate) => candidate.region === region);
  if (replica === undefined || replica.failure !== null) return null;
  return { ...secret, arn: arnIn(region, secret.arn), kmsKeyId: replica.kmsKeyId };
}

/** A secret as it is seen in a region: itself at home there, a view where it has a replica; null where it is not. */
export function viewFrom(secret: SecretRecord, region: string, home: string): SecretRecord | null {
  const own = secret.lookupName === undefined ? home : secret.lookupName.slice(0, secret.lookupName.indexOf(':'));
  return own === region ? secret : replicaView(secret, region);
}
