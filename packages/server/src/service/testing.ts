import assert from 'node:assert/strict';
import type { Caller, FindRotationFunction, RandomSource, RotationSettings, SecretAccess } from '@rekey/core';
import { rootPrincipal, silentLogger } from '@rekey/core';
import type { AuditEntry, AuditLog } from '../audit/entry.ts';
import { ChangeStream } from '../engine/changes/change-stream.ts';
import { FakeClock } from '../engine/fake-clock.testing.ts';
import { Holders } from '../engine/holders/holders.ts';
import { seededRandom } from '../engine/seeded-random.testing.ts';
import { type Engine, openEngine } from '../engine/testing.ts';
import { AccessUses } from './access/access-uses.ts';
import { AccessDirectory } from './access/directory.ts';
import type { MetricParts } from './metrics.ts';
import { createService, type Service } from './service.ts';
import { Sessions } from './sts/sessions.ts';
import type { StsOptions } from './sts/sts.ts';

/** The use cases over a store in memory and a real engine, with clock, randomness and audit under a test's control. */
export interface TestService {
  readonly service: Service;
  readonly engine: Engine;
  readonly clock: FakeClock;
  readonly holders: Holders;
  readonly directory: AccessDirectory;
  readonly uses: AccessUses;
  readonly sessions: Sessions;
  /** What was audited for requests, oldest first. */
  readonly audited: AuditEntry[];
  /** Makes the audit log fail from now on. */
  breakAudit(): void;
}

export interface TestServiceOptions {
  /** Rotation functions over the engine's secrets; none if left out. */
  readonly functions?: (access: SecretAccess, random: RandomSource) => FindRotationFunction;
  /** Who a web identity token speaks of; none is expected if left out. */
  readonly verifyWebIdentity?: StsOptions['verifyWebIdentity'];
  /** None are told if left out. */
  readonly metrics?: MetricParts;
  /** Two if left out. */
  readonly replicaRegions?: readonly string[];
}

let opened = 0;

export async function openService(options: TestServiceOptions = {}): Promise<TestService> {
  opened += 1;
  const clock = new FakeClock();
  const functions = options.functions ?? (() => () => null);
  let findFunction: FindRotationFunction = () => null;
  const engine = await openEngine({
    clock,
    functions: (access, random) => {
      findFunction = functions(access, random);
      return findFunction;
    },
  });
  const directory = new AccessDirectory(engine.store, '000000000000');
  const uses = new AccessUses({ store: engine.store, clock, log: silentLogger, region: 'us-east-1' });
  const random = seededRandom(`service ${opened}`);
  const sessions = new Sessions({
    store: engine.store,
    directory,
    clock,
    random,
    account: '000000000000',
    rootKeyId: ROOT_KEY_ID,
  });
  const { log: audit, audited, breakAudit } = fakeAudit();
  const holders = new Holders({ store: engine.store, clock, log: silentLogger });
  const service = createService({
    store: engine.store,
    audit,
    escrow: engine.escrow,
    holders,
    changes: new ChangeStream({ store: engine.store, clock }),
    rotations: engine.rotations,
    corrections: engine.corrections,
    unstick: engine.unstick,
    breach: engine.breach,
    look: engine.look,
    findFunction,
    rotators: ['fake'],
    findFunctionUnder: (_: RotationSettings) => findFunction,
    upkeep: {
      backup: async () => new Uint8Array(),
      quarantine: async () => ({ quarantine: null, report: [] }),
      endQuarantine: async () => false,
    },
    freezes: engine.freezes,
    environments: { production: ['prod/*'] },
    holds: engine.holds,
    keys: {
      status: async () => NO_KEY_STATUS,
      rotate: async () => NO_KEY_STATUS,
      addWrap: async () => NO_KEY_STATUS,
      cancelWrap: async () => NO_KEY_STATUS,
      forget: async () => NO_KEY_STATUS,
    },
    metrics: options.metrics ?? { open: false, read: async () => [] },
    access: { directory, uses, providers: { allowHttp: false } },
    sts: {
      sessions,
      rootKeyId: ROOT_KEY_ID,
      verifyWebIdentity: options.verifyWebIdentity ?? (() => assert.fail('no web identity is expected')),
    },
    clock,
    random,
    region: 'us-east-1',
    account: '000000000000',
    replicaRegions: options.replicaRegions ?? ['eu-west-1', 'eu-central-1'],
  });
  return { service, engine, clock, holders, directory, uses, sessions, audited, breakAudit };
}

const NO_KEY_STATUS = {
  ...{ seal: 'the seal', seals: ['local-key'], activeKey: { id: 1, madeAt: 0 }, keys: 1 },
  ...{ rotation: null, rewrap: null, lastRotation: null, servers: [] },
};

const ROOT_KEY_ID = 'AKIAIOSFODNN7EXAMPLE';

export const ROOT: Caller = {
  principal: rootPrincipal('000000000000'),
  accessKeyId: ROOT_KEY_ID,
  address: '127.0.0.1',
  secure: false,
  userAgent: 'test',
  face: 'test',
  requestId: 'request-1',
};

/** Somebody proven, whom nothing allows anything. */
export const STRANGER: Caller = {
  ...ROOT,
  principal: {
    ...rootPrincipal('000000000000'),
    kind: 'user',
    arn: 'arn:aws:iam::000000000000:user/stranger',
    id: 'AIDASTRANGERSTRANGER2',
    name: 'stranger',
  },
};

function fakeAudit(): { log: AuditLog; audited: AuditEntry[]; breakAudit(): void } {
  const audited: AuditEntry[] = [];
  let broken = false;
  const append = async (entry: AuditEntry): Promise<void> => {
    if (broken) throw new Error('disk on fire');
    audited.push(entry);
  };
  return {
    log: { append },
    audited,
    breakAudit: () => {
      broken = true;
    },
  };
}
