import type { PeriodicJob } from '../engine/schedule/worker.ts';
import { type Access, createAccess } from './access/access.ts';
import { BreachCases } from './breach.ts';
import { BreachTellings } from './breach-told.ts';
import { ChangeCases } from './changes.ts';
import { CorrectionCases } from './corrections.ts';
import { Declarations } from './declaration/declarations.ts';
import { FreezeCases } from './freezes.ts';
import { KeyCases } from './keys.ts';
import { MetricCases } from './metrics.ts';
import type { ServiceParts } from './parts.ts';
import { Permissions } from './permit.ts';
import { purgeJob } from './purge.ts';
import { RandomPasswords } from './random-password.ts';
import { Replicas } from './replicas.ts';
import { ResourcePolicies } from './resource-policies.ts';
import { RotationCases } from './rotation.ts';
import { SecretChanges } from './secret-change.ts';
import { Secrets } from './secrets.ts';
import { SimulationCases } from './simulation.ts';
import { StatusCase } from './status.ts';
import { Sts } from './sts/sts.ts';
import { UpkeepCases } from './upkeep.ts';
import { UsageCases } from './usage.ts';
import { UseCases } from './use-case.ts';
import { Values } from './values.ts';

/**
 * Everything rekey does for somebody. Every method takes the caller first, decides whether the caller may, does it,
 * and has audited the outcome before it answers: a face cannot forget either.
 */
export interface Service {
  readonly secrets: Secrets;
  readonly values: Values;
  readonly rotation: RotationCases;
  readonly corrections: CorrectionCases;
  readonly breach: BreachCases;
  readonly breachTellings: BreachTellings;
  readonly freezes: FreezeCases;
  readonly usage: UsageCases;
  readonly changes: ChangeCases;
  readonly replicas: Replicas;
  readonly policies: ResourcePolicies;
  readonly simulation: SimulationCases;
  readonly passwords: RandomPasswords;
  readonly status: StatusCase;
  readonly metrics: MetricCases;
  readonly upkeep: UpkeepCases;
  readonly keys: KeyCases;
  readonly access: Access;
  readonly declarations: Declarations;
  readonly sts: Sts;
  /** For requests that are refused before a use case begins. */
  readonly cases: Pick<UseCases, 'refuse'>;
  /** What is to be done from time to time; for the engine's worker. */
  readonly jobs: readonly PeriodicJob[];
}

export function createService(parts: ServiceParts): Service {
  const { clock, region } = parts;
  const { directory } = parts.access;
  const permissions = new Permissions({ directory, now: () => clock.now(), region });
  const cases = new UseCases(parts, permissions);
  const changes = new SecretChanges(parts.store);
  const access = createAccess(parts, cases, parts.access);
  return {
    secrets: new Secrets(parts, cases, changes),
    values: new Values(parts, cases, changes),
    rotation: new RotationCases(parts, cases, changes),
    corrections: new CorrectionCases(parts, cases),
    breach: new BreachCases(parts, cases),
    breachTellings: new BreachTellings(parts, cases),
    freezes: new FreezeCases(parts, cases),
    usage: new UsageCases(parts, cases),
    changes: new ChangeCases(parts, cases, permissions),
    replicas: new Replicas(parts, cases, changes),
    policies: new ResourcePolicies(parts, cases, changes),
    simulation: new SimulationCases(parts, cases, permissions),
    passwords: new RandomPasswords(parts.random, cases),
    status: new StatusCase(parts, cases),
    metrics: new MetricCases(parts.metrics, cases),
    upkeep: new UpkeepCases(parts.upkeep, cases),
    keys: new KeyCases(parts.keys, cases),
    access,
    declarations: new Declarations(parts, cases, permissions),
    sts: new Sts({ ...parts, ...parts.sts, directory }, cases, access.inline),
    cases,
    jobs: [purgeJob({ ...parts, changes })],
  };
}
