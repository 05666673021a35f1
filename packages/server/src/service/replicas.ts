import type { Caller, SecretRecord } from '@rekey/core';
import { regionOf } from './names.ts';
import type { ServiceParts } from './parts.ts';
import { markedForDeletion, notReplica } from './refusals.ts';
import { promoteReplica } from './replica-promotion.ts';
import { viewFrom } from './replica-view.ts';
import { type Replicated, type ReplicaWish, replicate, unreplicate } from './replication.ts';
import type { SecretChanges } from './secret-change.ts';
import type { Ask, UseCases } from './use-case.ts';

/** Use cases about replicas: secrets that can be read in further regions of this server. */
export class Replicas {
  readonly #parts: ServiceParts;
  readonly #cases: UseCases;
  readonly #changes: SecretChanges;

  constructor(parts: ServiceParts, cases: UseCases, changes: SecretChanges) {
    this.#parts = parts;
    this.#cases = cases;
    this.#changes = changes;
  }

  /** Makes a secret readable in further regions. */
  add(caller: Caller, secretId: string, wish: ReplicaWish): Promise<SecretRecord> {
    const keys = replicaKeys(wish);
    const ask = { caller, action: 'secretsmanager:ReplicateSecretToRegions', secretId, keys };
    return this.#change(ask, (secret) => replicate(this.#parts, secret, wish));
  }

  remove(caller: Caller, secretId: string, regions: readonly string[]): Promise<SecretRecord> {
    const ask = { caller, action: 'secretsmanager:RemoveRegionsFromReplication', secretId };
    return this.#change(ask, (secret) => unreplicate(this.#parts, secret, regions));
  }

  /** Makes a secret of its own out of the replica in the region of the request, or of the ARN. */
  promote(caller: Caller, secretId: string): Promise<SecretRecord> {
    const action = 'secretsmanager:StopReplicationToReplica';
    return this.#cases.onSecret({ caller, action, secretId, alsoReplicas: true }, (found) => {
      if (found.isReplica !== true) throw notReplica(found.record);
      const region = found.record.arn.split(':')[3] ?? regionOf(caller, this.#parts);
      const id = Buffer.from(this.#parts.random.bytes(16)).toString('base64url');
      return this.#changes.change(found.id, async (primary) => {
        const view = viewFrom(primary, region, this.#parts.region);
        if (view === null) throw notReplica(primary);
        const promotion = { id, region, home: this.#parts.region, now: this.#parts.clock.now() };
        return { ...(await promoteReplica(this.#parts.store, primary, view, promotion)), answer: view };
      });
    });
  }

  #change(
    ask: Ask & { readonly secretId: string },
    decide: (secret: SecretRecord) => Promise<Replicated>,
  ): Promise<SecretRecord> {
    return this.#cases.onSecret(ask, ({ id }) =>
      this.#changes.change(id, async (secret) => {
        if (secret.deletedAt !== null) throw markedForDeletion(secret.name);
        const changed = await decide(secret);
        return { ...changed, answer: changed.secret };
      }),
    );
  }
}

/** Condition keys of a request that makes replicas. */
export function replicaKeys({ regions, overwrite }: ReplicaWish): NonNullable<Ask['keys']> {
  return {
    'secretsmanager:AddReplicaRegions': regions.map(({ region }) => region),
    'secretsmanager:ForceOverwriteReplicaSecret': String(overwrite),
  };
}
