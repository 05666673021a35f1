import {
  CURRENT,
  DEFAULT_ROTATION_SETTINGS,
  type RotationRecord,
  type RotationRule,
  type RotationSettings,
  type SecretRecord,
} from '@rekey/core';
import type { Store } from '../store/store.ts';
import { openMemoryStore } from '../store/testing.ts';
import { type EscrowJournal, MemoryEscrowJournal } from './escrow/escrow.ts';
import { FakeAlerts } from './fake-alerts.testing.ts';
import { FakeClock } from './fake-clock.testing.ts';
import { planned } from './schedule/plan-next.ts';
import { seededRandom } from './seeded-random.testing.ts';
import { type Engine, type EngineOptions, openEngine } from './testing.ts';
import { addVersion, findLabelled } from './versions.ts';

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
