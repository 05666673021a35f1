import type { ReplicaWish } from '../../../service/replication.ts';
import { replicationStatus } from '../answers.ts';
import { readSecretId } from '../identifiers.ts';
import { type InputTo, operation } from '../operation.ts';
import { invalidParameter } from '../refusal.ts';

/** Operations on replicas of secrets in further regions. */

export const replicateSecretToRegions = operation({
  name: 'ReplicateSecretToRegions',
  read: ({ SecretId, ...wish }) => ({ secretId: readSecretId(SecretId), wish: readReplicas(wish) }),
  run: async (service, caller, { secretId, wish }) => {
    const secret = await service.replicas.add(caller, secretId, wish);
    return { ARN: secret.arn, ReplicationStatus: replicationStatus(secret) };
  },
});

export const removeRegionsFromReplication = operation({
  name: 'RemoveRegionsFromReplication',
  read: ({ SecretId, RemoveReplicaRegions }) => ({ secretId: readSecretId(SecretId), regions: RemoveReplicaRegions }),
  run: async (service, caller, { secretId, regions }) => {
    const secret = await service.replicas.remove(caller, secretId, regions);
    return { ARN: secret.arn, ReplicationStatus: replicationStatus(secret) };
  },
});

export const stopReplicationToReplica = operation({
  name: 'StopReplicationToReplica',
  read: ({ SecretId }) => readSecretId(SecretId),
  run: async (service, caller, secretId) => ({ ARN: (await service.replicas.promote(caller, secretId)).arn }),
});

/** The regions of a request, and whether they may overwrite. */
export function readReplicas({
  AddReplicaRegions,
  ForceOverwriteReplicaSecret,
}: Pick<InputTo<'ReplicateSecretToRegions'>, 'AddReplicaRegions' | 'ForceOverwriteReplicaSecret'>): ReplicaWish {
  const regions = AddReplicaRegions.map(({ Region, KmsKeyId }) => {
    if (Region === undefined) throw invalidParameter('You must provide a Region for each replica.');
    return { region: Region, kmsKeyId: KmsKeyId ?? null };
  });
  return { regions, overwrite: ForceOverwriteReplicaSecret ?? false };
}
