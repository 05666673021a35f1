import {
  type Clock,
  type FindRotationFunction,
  type Logger,
  type RandomSource,
  type SecretAccess,
  silentLogger,
} from '@rekey/core';
import type { AuditEntry } from '../audit/entry.ts';
import type { Store } from '../store/store.ts';
import { openMemoryStore } from '../store/testing.ts';
import type { BoundaryHook } from './boundary.ts';
import { type BreachEngine, createBreachEngine, DEFAULT_BREACH_SETTINGS } from './breach/breach-engine.ts';
import type { FetchLeaked } from './breach/breach-work.ts';
import { Corrections } from './correction/corrections.ts';
import { Unstick } from './correction/unstick.ts';
import { DriftLook } from './drift/drift-look.ts';
import { DEFAULT_DRIFT_INTERVAL } from './drift/drift-state.ts';
import { DriftWatch } from './drift/drift-watch.ts';
import { type EscrowJournal, MemoryEscrowJournal } from './escrow/escrow.ts';
import { FakeAlerts } from './fake-alerts.testing.ts';
import { FakeClock } from './fake-clock.testing.ts';
import { Holders } from './holders/holders.ts';
import { type FreezeText, parseFreeze } from './order/freeze.ts';
import { FreezeWatch } from './order/freeze-watch.ts';
import { Freezes } from './order/freezes.ts';
import type { Holds } from './order/hold.ts';
import { RotationHolds } from './order/rotation-holds.ts';
import { HeldSecrets } from './rotation/held-secrets.ts';
import { RotationCounts } from './rotation/rotation-counts.ts';
import { type RotationAlerts, RotationJournal } from './rotation/rotation-journal.ts';
import { Rotations } from './rotation/rotations.ts';
import { EngineSecretAccess } from './rotation/secret-access.ts';
import { DEFAULT_WORKER_SETTINGS, Worker, type WorkerSettings } from './schedule/worker.ts';
import { seededRandom } from './seeded-random.testing.ts';
import { LoginBudget } from './target/login-budget.ts';
import { DEFAULT_LOGIN_LIMIT, type LoginLimit } from './target/login-count.ts';
import { TargetLook } from './target/target-look.ts';

/**
 * A rotation engine whose clock, randomness, store, target and death are under a test's control. Several may stand
 * over one store: servers of a cluster, or one server before and after a crash.
 */

export interface EngineOptions extends Partial<EngineSurroundings<FakeClock>>, EngineWishes {}

/** What an engine stands on. */
export interface EngineSurroundings<C extends Clock> {
  readonly store: Store;
  readonly clock: C;
  readonly escrow: EscrowJournal;
  readonly random: RandomSource;
  readonly alerts: RotationAlerts;
}

export interface EngineWishes {
  readonly boundary?: BoundaryHook;
  readonly log?: Logger;
  readonly settings?: Partial<WorkerSettings>;
  readonly loginLimit?: LoginLimit;
  /** Since when holders can come by; from the beginning, if left out. */
  readonly attendance?: { readonly since: number };
  readonly freezes?: readonly FreezeText[];
  /** What GitHub says has leaked; nothing is expected to be fetched if left out. */
  readonly fetchLeaked?: FetchLeaked;
  /** Makes the rotation functions over this engine's secrets; rotators are imported by the test. */
  readonly functions: (access: SecretAccess, random: RandomSource) => FindRotationFunction;
}

/** One server's engine. */
export interface Engine<C extends Clock = FakeClock> {
  readonly store: Store;
  readonly clock: C;
  readonly escrow: EscrowJournal;
  readonly alerts: RotationAlerts;
  readonly audited: AuditEntry[];
  readonly rotations: Rotations;
  readonly corrections: Corrections;
  readonly unstick: Unstick;
  readonly drift: DriftLook;
  readonly watch: DriftWatch;
  readonly look: TargetLook;
  readonly worker: Worker;
  readonly access: SecretAccess;
  readonly budget: LoginBudget;
  readonly counts: RotationCounts;
  readonly holders: Holders;
  readonly freezes: Freezes;
  readonly holds: Holds;
  readonly breach: BreachEngine;
  readonly findFunction: FindRotationFunction;
}

let engines = 0;

export async function openEngine(options: EngineOptions): Promise<Engine> {
  engines += 1;
  const clock = options.clock ?? new FakeClock();
  const store = options.store ?? (await openMemoryStore({ now: () => clock.now() }));
  const escrow = options.escrow ?? new MemoryEscrowJournal();
  const alerts = options.alerts ?? new FakeAlerts();
  const random = options.random ?? seededRandom(`engine ${engines}`);
  return assembleEngine({ store, clock, escrow, alerts, random }, options, `worker ${engines}`);
}

/** Puts the parts of one server's engine together. */
export function assembleEngine<C extends Clock>(
  surroundings: EngineSurroundings<C>,
  options: EngineWishes,
  holder: string,
): Engine<C> {
  const { store, clock, escrow, alerts, random } = surroundings;
  const audited: AuditEntry[] = [];
  const audit = { append: async (entry: AuditEntry) => void audited.push(entry) };
  const boundary = options.boundary === undefined ? {} : { boundary: options.boundary };
  const parts = { store, clock, audit, alerts, log: options.log ?? silentLogger, ...boundary };
  const counts = new RotationCounts();
  const journal = new RotationJournal({ ...parts, counts });
  const held = new HeldSecrets();
  const access = new EngineSecretAccess({ ...parts, escrow, held, journal });
  const freezes = new Freezes(store, (options.freezes ?? []).map(parseFreeze));
  const holds = new RotationHolds(store, freezes);
  const freezeWatch = new FreezeWatch({ store, clock, freezes, holds });
  const rotations = new Rotations({ ...parts, journal, escrow, random, holds });
  const corrections = new Corrections({ ...parts, random, rotations });
  const settings = { ...DEFAULT_WORKER_SETTINGS, holder, ...options.settings };
  const findFunction = options.functions(access, random);
  const budget = new LoginBudget({ ...parts, limit: options.loginLimit ?? DEFAULT_LOGIN_LIMIT });
  const look = new TargetLook({ clock, budget });
  const looking = { ...parts, look, findFunction, holder: settings.holder };
  const drift = new DriftLook(looking);
  const watch = new DriftWatch({ ...looking, every: DEFAULT_DRIFT_INTERVAL });
  const unstick = new Unstick({ ...looking, rotations });
  const onProven = (secretId: string) => drift.proven(secretId);
  const holders = new Holders({ ...parts, ...(options.attendance && { attendance: options.attendance }) });
  const breach = createBreachEngine({
    ...{ ...looking, random, journal, rotations, unstick, holders, holdings: holders.history },
    breachSettings: DEFAULT_BREACH_SETTINGS,
    fetchLeaked: options.fetchLeaked ?? (() => Promise.reject(new Error('nothing is expected to be fetched'))),
    onHastened: () => {},
  });
  const working = { ...parts, journal, rotations, held, findFunction, budget, holders, holds };
  const worker = new Worker({ ...working, settings, jobs: [freezeWatch.job], onProven });
  return {
    store,
    clock,
    escrow,
    alerts,
    audited,
    rotations,
    corrections,
    unstick,
    drift,
    watch,
    look,
    worker,
    access,
    budget,
    counts,
    holders,
    freezes,
    holds,
    breach,
    findFunction,
  };
}
