import type { Caller, Clock, FindRotationFunction, RandomSource, RotationSettings } from '@rekey/core';
import type { AuditLog } from '../audit/entry.ts';
import type { BreachEngine } from '../engine/breach/breach-engine.ts';
import type { ChangeStream } from '../engine/changes/change-stream.ts';
import type { Corrections } from '../engine/correction/corrections.ts';
import type { Unstick } from '../engine/correction/unstick.ts';
import type { EscrowJournal } from '../engine/escrow/escrow.ts';
import type { Acknowledgement } from '../engine/holders/holders.ts';
import type { Environments } from '../engine/order/environments.ts';
import type { Freezes } from '../engine/order/freezes.ts';
import type { Holds } from '../engine/order/hold.ts';
import type { Rotations } from '../engine/rotation/rotations.ts';
import type { TargetLook } from '../engine/target/target-look.ts';
import type { HolderRecord } from '../store/collections.ts';
import type { Store } from '../store/store.ts';
import type { AccessOptions } from './access/access.ts';
import type { KeyParts } from './keys.ts';
import type { MetricParts } from './metrics.ts';
import type { StsOptions } from './sts/sts.ts';
import type { UpkeepParts } from './upkeep.ts';

/** What the use cases stand on; `compose.ts` puts it together. */
export interface ServiceParts {
  readonly store: Store;
  readonly audit: AuditLog;
  readonly escrow: EscrowJournal;
  readonly holders: HolderSightings;
  readonly changes: ChangeStream;
  readonly rotations: Rotations;
  readonly corrections: Corrections;
  readonly unstick: Unstick;
  readonly breach: Pick<BreachEngine, 'breaches' | 'fingerprints'>;
  readonly look: TargetLook;
  readonly findFunction: FindRotationFunction;
  /** Names of the built-in rotators. */
  readonly rotators: readonly string[];
  /** The same functions as they would be under other settings: for plans of what is not configured yet. */
  readonly findFunctionUnder: (settings: RotationSettings) => FindRotationFunction;
  readonly upkeep: UpkeepParts;
  readonly freezes: Freezes;
  readonly environments: Environments;
  readonly holds: Holds;
  readonly keys: KeyParts;
  readonly metrics: MetricParts;
  readonly access: AccessOptions;
  readonly sts: StsOptions;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: RandomSource;
  /** AWS region and account that ARNs are made with. */
  readonly region: string;
  readonly account: string;
  /** Further regions this server answers for: where secrets can have replicas. */
  readonly replicaRegions: readonly string[];
}

/** Remembers who was handed which version, in batches. */
export interface HolderSightings {
  /** Since when holders could come by. */
  readonly attendance: { readonly since: number };
  saw(caller: Caller, secretId: string, versionId: string): void;
  acknowledged(caller: Caller, secretId: string, acknowledgement: Acknowledgement): Promise<void>;
  released(caller: Caller, secretId: string, instance: string): Promise<void>;
  list(secretId: string): Promise<readonly HolderRecord[]>;
}
