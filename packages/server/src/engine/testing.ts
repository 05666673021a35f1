import { createHash } from 'node:crypto';
import {
  type Clock,
  CURRENT,
  DEFAULT_ROTATION_SETTINGS,
  type FindRotationFunction,
  type Logger,
  type RandomSource,
  type RotationRecord,
  type RotationRule,
  type RotationSettings,
  type SecretAccess,
  type SecretRecord,
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
import { planned } from './schedule/plan-next.ts';
import { DEFAULT_WORKER_SETTINGS, Worker, type WorkerSettings } from './schedule/worker.ts';
import { LoginBudget } from './target/login-budget.ts';
import { DEFAULT_LOGIN_LIMIT, type LoginLimit } from './target/login-count.ts';
import { TargetLook } from './target/target-look.ts';
import { addVersion, findLabelled } from './versions.ts';

/**
 * A rotation engine whose clock, randomness, store, target and death are under a test's control. Several may stand
 * over one store: servers of a cluster, or one server before and after a crash.
 */

/** Time that passes only when told to. */
export class FakeClock implements Clock {
  readonly #sleepers = new Set<{ readonly at: number; wake(): void }>();
  #now: number;

  constructor(now: number = Date.UTC(2030, 0, 1)) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const sleeper = {
        at: this.#now + milliseconds,
        wake: () => {
          this.#sleepers.delete(sleeper);
          resolve();
        },
      };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', sleeper.wake, { once: true });
    });
  }

  alarm(milliseconds: number, ring: () => void): () => void {
    const sleeper = {
      at: this.#now + milliseconds,
      wake: () => {
        this.#sleepers.delete(sleeper);
        ring();
      },
    };
    this.#sleepers.add(sleeper);
    return () => this.#sleepers.delete(sleeper);
  }

  /** Time passes while whoever has this clock stands still: it tells the new time before anybody wakes up. */
  skip(milliseconds: number): void {
    this.#now += milliseconds;
  }

  /** Lets time pass, waking each sleeper at its moment and letting it do what it then does. */
  async advance(milliseconds: number): Promise<void> {
    const until = this.#now + milliseconds;
    for (;;) {
      await quiet();
      const next = [...this.#sleepers].sort((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > until) break;
      this.#now = Math.max(this.#now, next.at);
      next.wake();
    }
    this.#now = until;
    await quiet();
  }
}

/** Lets everything that can go on without time passing go on. */
export async function quiet(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise(setImmediate);
}

/** Bytes that look random and are the same for the same seed. */
export function seededRandom(seed: string): RandomSource {
  let drawn = 0;
  const bytes = (length: number): Uint8Array => {
    drawn += 1;
    const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, block) =>
      createHash('sha256').update(`${seed}/${drawn}/${block}`).digest(),
    );
    return Buffer.concat(blocks).subarray(0, length);
  };
  return { bytes, below: (limit) => Buffer.from(bytes(6)).readUIntBE(0, 6) % limit };
}

/** Remembers what people would have been told. */
export class FakeAlerts implements RotationAlerts {
  readonly raised = new Map<string, string>();
  /** Changes of rotations that were about to be committed. */
  readonly changes: { readonly before: RotationRecord | null; readonly after: RotationRecord }[] = [];

  async writesFor(before: RotationRecord | null, after: RotationRecord) {
    this.changes.push({ before, after });
    return [];
  }

  async raise(condition: string, alert: { readonly text: string }): Promise<void> {
    this.raised.set(condition, alert.text);
  }

  async resolve(condition: string): Promise<void> {
    this.raised.delete(condition);
  }

  async standing() {
    return [...this.raised].map(([condition, text]) => {
      const secretId = condition.slice(condition.indexOf('/') + 1);
      return { condition, secretId, since: 0, text };
    });
  }
}

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
  const holders = new Holders(parts);
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

export interface SecretOptions {
  readonly name: string;
  readonly value: string | null;
  readonly functionArn?: string;
  readonly rule?: RotationRule;
  readonly settings?: Partial<RotationSettings>;
}

/** Puts a secret with its rotation into the store, as the service would. Returns its id. */
export async function putSecret(store: Store, now: number, options: SecretOptions): Promise<string> {
  const { name, value } = options;
  const id = `secret-${name}`;
  const bare: SecretRecord = {
    id,
    name,
    arn: `arn:aws:secretsmanager:us-east-1:000000000000:secret:${name}-AbCdEf`,
    description: null,
    kmsKeyId: null,
    tags: null,
    type: null,
    createdAt: now,
    changedAt: now,
    lastAccessedDay: null,
    deletedAt: null,
    purgeAt: null,
    versions: [],
    rotation: {
      enabled: true,
      functionArn: options.functionArn ?? 'rekey-fake',
      rule: options.rule ?? { kind: 'manual' },
      settings: { ...DEFAULT_ROTATION_SETTINGS, ...options.settings },
      number: 0,
      lastRotatedAt: null,
      plannedAt: null,
      deadlineAt: null,
      activeRotationId: null,
      queuedRotationId: null,
    },
  };
  const filled =
    value === null ? bare : addVersion(bare, { id: `${name}-first`, hasValue: true, kmsKeyId: null }, [CURRENT], now);
  const record = { ...filled, rotation: filled.rotation && planned(filled.rotation, id, now) };
  await store.commit([
    { collection: 'secret', id, record, expect: 0 },
    { collection: 'name', id: store.opaque('name', name), record: { secretId: id } },
    ...(value === null
      ? []
      : [{ collection: 'value' as const, id: `${id}/${name}-first`, record: { kind: 'text' as const, text: value } }]),
  ]);
  return id;
}

/** Text of the value under a label; null if there is none. */
export async function textOf(store: Store, secretId: string, label: string): Promise<string | null> {
  const secret = await store.get('secret', secretId);
  const version = secret === null ? null : findLabelled(secret.record, label);
  const value = version === null ? null : await store.getValue(secretId, version.id);
  return value?.kind === 'text' ? value.text : null;
}

/** What a house needs to know of its target: the fakes of the rotators' package have it. */
export interface HouseTarget {
  accepts(username: string, password: string): boolean;
}

export interface HouseOptions<T extends HouseTarget> {
  /** Holds the users `app` (password `old-password`) and `admin` (`admin-password`). */
  readonly target: T;
  readonly functions: EngineOptions['functions'];
  readonly settings?: Partial<RotationSettings>;
  readonly rule?: RotationRule;
  readonly escrow?: EscrowJournal;
}

/** One secret `app` at one target, with its admin credential, and any number of engines over it. */
export class House<T extends HouseTarget> {
  readonly target: T;
  readonly store: Store;
  readonly secretId: string;
  readonly escrow: EscrowJournal;
  readonly alerts = new FakeAlerts();
  readonly #functions: EngineOptions['functions'];
  #servers = 0;

  static async open<T extends HouseTarget>(options: HouseOptions<T>): Promise<House<T>> {
    const now = new FakeClock().now();
    const store = await openMemoryStore({ now: () => now });
    await putSecret(store, now, { name: 'admin', value: credential('admin', 'admin-password') });
    const { settings = {}, rule = { kind: 'manual' } } = options;
    const value = credential('app', 'old-password');
    return new House(options, store, await putSecret(store, now, { name: 'app', value, rule, settings }));
  }

  private constructor(options: HouseOptions<T>, store: Store, secretId: string) {
    this.target = options.target;
    this.escrow = options.escrow ?? new MemoryEscrowJournal();
    this.store = store;
    this.secretId = secretId;
    this.#functions = options.functions;
  }

  /** A server. One that is to die gets a clock of its own, which then stands still. */
  server(options: Omit<Partial<EngineOptions>, 'store' | 'escrow'> = {}): Promise<Engine> {
    const { store, escrow, alerts } = this;
    this.#servers += 1;
    const random = seededRandom(`server ${this.#servers}`);
    return openEngine({ alerts, random, functions: this.#functions, ...options, store, escrow });
  }

  async secret(): Promise<SecretRecord> {
    const secret = await this.store.get('secret', this.secretId);
    if (secret === null) throw new Error('the secret is gone');
    return secret.record;
  }

  textOf(label: string): Promise<string | null> {
    return textOf(this.store, this.secretId, label);
  }

  /** Whether the target lets in whoever has the value under the label; null if there is none. */
  async accepts(label: string): Promise<boolean | null> {
    const text = await this.textOf(label);
    if (text === null) return null;
    const { username, password } = JSON.parse(text);
    return this.target.accepts(username, password);
  }

  /** A person puts a value by hand, as PutSecretValue does. */
  async putByHand(versionId: string, text: string, now: number): Promise<void> {
    const secret = await this.store.get('secret', this.secretId);
    if (secret === null) throw new Error('the secret is gone');
    const record = addVersion(secret.record, { id: versionId, hasValue: true, kmsKeyId: null }, [CURRENT], now);
    await this.store.commit([
      { collection: 'secret', id: this.secretId, record, expect: secret.revision },
      { collection: 'value', id: `${this.secretId}/${versionId}`, record: { kind: 'text', text } },
    ]);
  }
}

/** A credential as the fake rotator takes it. */
export function credential(username: string, password: string): string {
  return JSON.stringify({ engine: 'fake', host: 'db', username, password, masterarn: 'admin' });
}

/** A house with one server and its clock, and the words tests use of it. */
export interface Bench<T extends HouseTarget> extends Pick<Engine, 'rotations' | 'worker'> {
  readonly house: House<T>;
  readonly target: T;
  readonly engine: Engine;
  readonly clock: FakeClock;
  /** Asks for a rotation of the secret. */
  begin(versionId?: string | null): Promise<RotationRecord>;
  /** The newest rotation's record. */
  latest(): Promise<RotationRecord>;
  /** Lets time pass in steps (default one minute), with a pass of the worker after each. */
  pass(milliseconds: number, step?: number): Promise<void>;
}

export async function openBench<T extends HouseTarget>(
  options: HouseOptions<T>,
  server: Omit<Partial<EngineOptions>, 'store' | 'escrow' | 'clock'> = {},
): Promise<Bench<T>> {
  const house = await House.open(options);
  const clock = new FakeClock();
  const engine = await house.server({ ...server, clock });
  const { rotations, worker } = engine;
  const { secretId, target } = house;
  return {
    house,
    target,
    engine,
    clock,
    rotations,
    worker,
    begin: (versionId = null) => rotations.begin(secretId, { versionId, cause: 'manual', askedBy: 'test' }),
    latest: async () => (await rotations.history(secretId, 1))[0]!,
    pass: async (milliseconds, step = 60_000) => {
      for (let passed = 0; passed < milliseconds; passed += step) {
        await clock.advance(Math.min(step, milliseconds - passed));
        await worker.tick();
      }
    },
  };
}
