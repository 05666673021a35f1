import { randomUUID } from 'node:crypto';
import {
  DEFAULT_ROTATION_SETTINGS,
  type RotationFunction,
  type SecretRecord,
  silentLogger,
  systemRandom,
} from '@rekey/core';
import { randomValue, rotationFunctionFrom } from '@rekey/rotators';
import { Alerts } from '../packages/server/dist/engine/alerts/alerts.js';
import type { BoundaryHook } from '../packages/server/dist/engine/boundary.js';
import { MemoryEscrowJournal } from '../packages/server/dist/engine/escrow/escrow.js';
import { Freezes } from '../packages/server/dist/engine/order/freezes.js';
import { RotationHolds } from '../packages/server/dist/engine/order/rotation-holds.js';
import { HeldSecrets } from '../packages/server/dist/engine/rotation/held-secrets.js';
import { RotationJournal } from '../packages/server/dist/engine/rotation/rotation-journal.js';
import { Rotations } from '../packages/server/dist/engine/rotation/rotations.js';
import { EngineSecretAccess } from '../packages/server/dist/engine/rotation/secret-access.js';
import { planned } from '../packages/server/dist/engine/schedule/plan-next.js';
import { DEFAULT_CAPS } from '../packages/server/dist/engine/schedule/run-slots.js';
import { DEFAULT_WORKER_SETTINGS, Worker } from '../packages/server/dist/engine/schedule/worker.js';
import { LoginBudget } from '../packages/server/dist/engine/target/login-budget.js';
import { DEFAULT_LOGIN_LIMIT } from '../packages/server/dist/engine/target/login-count.js';
import { Keyring } from '../packages/server/dist/seal/keyring.js';
import { MemoryDriver } from '../packages/server/dist/store/memory.js';
import { Store } from '../packages/server/dist/store/store.js';
import { costOfDriving, DrivenClock } from './driven-clock.ts';
import { type Benchmark, type Figure, round } from './figure.ts';
import { sampleSecret } from './sample-folder.ts';

const SECRETS = 10_000;
/** Targets that share them: more than there are places, so that places are what is scarce. */
const TARGETS = 100;
const BATCH = 500;
const RULE = { kind: 'expression', expression: 'cron(0 2 * * ? *)', duration: '4h' } as const;
const HOUR = 3_600_000;
const WINDOW = 4 * HOUR;
const EVENING = Date.UTC(2030, 0, 1, 22);
/** How long a target takes for each of a rotation's calls; milliseconds. */
const TAKES = 1_000;
/** Milliseconds of CPU. */
const CPU_LIMIT = 2;

/**
 * One night of one server: time is driven, a target answers after a second of it, and nothing but the engine and a store in
 * memory takes CPU. Where all come at once the backlog is as long as it can be.
 */
export const benchmark: Benchmark = {
  name: '10,000 secrets on one daily schedule',
  async run() {
    return [...(await night('spread over its window', true)), ...(await night('all due at once', false))];
  },
};

async function night(how: string, spread: boolean): Promise<readonly Figure[]> {
  const clock = new DrivenClock(EVENING);
  const store = new Store({
    driver: new MemoryDriver(),
    keyring: Keyring.create('bench', EVENING),
    now: () => clock.now(),
  });
  await seed(store, spread);
  const ends: number[] = [];
  const worker = openWorker(store, clock, () => ends.push(clock.now()));
  await clock.advance(4 * HOUR - 1);
  const wakes = clock.wakes;
  const before = process.cpuUsage();
  worker.start();
  while (ends.length < SECRETS && clock.now() < EVENING + 4 * HOUR + 2 * WINDOW) await clock.advance(HOUR / 60);
  const { user, system } = process.cpuUsage(before);
  await worker.stop();
  await store.close();
  const opened = EVENING + 4 * HOUR;
  const inTime = ends.filter((end) => end <= opened + WINDOW).length;
  const cpu = (user + system) / 1_000 / ends.length;
  const driving = (await costOfDriving(clock.wakes - wakes, DEFAULT_CAPS.overall, TAKES)) / ends.length;
  const last = (Math.max(...ends) - opened) / HOUR;
  return [
    {
      name: `rotated within the window of 4 h, ${how}`,
      value: inTime,
      unit: 'secrets',
      limit: SECRETS,
      must: 'stay above',
      detail: `the last after ${round(last)} h; ${DEFAULT_CAPS.overall} at a time, ${DEFAULT_CAPS.perTarget} at each of ${TARGETS} targets, each call takes ${TAKES} ms of the driven clock`,
    },
    {
      name: `CPU of the engine per rotation, ${how}`,
      value: round(cpu),
      unit: 'ms',
      limit: CPU_LIMIT,
      must: 'stay below',
      detail: `${ends.length} rotations in ${round((cpu * ends.length) / 1_000, 1)} s of CPU: the whole process and its garbage, with ${round(driving)} ms for each to drive the clock`,
    },
  ];
}

async function seed(store: Store, spread: boolean): Promise<void> {
  for (let from = 0; from < SECRETS; from += BATCH) {
    const secrets = Array.from({ length: BATCH }, (_, at) => plannedSecret(from + at, spread));
    await store.commit(
      secrets.flatMap((record) => [
        { collection: 'secret', id: record.id, record },
        { collection: 'name', id: store.opaque('name', record.name), record: { secretId: record.id } },
        {
          collection: 'value',
          id: `${record.id}/${record.versions[0]?.id}`,
          record: { kind: 'text', text: randomUUID() },
        },
      ]),
    );
  }
}

function plannedSecret(number: number, spread: boolean): SecretRecord {
  const secret = sampleSecret(number, EVENING);
  const rotation = {
    ...{ enabled: true, functionArn: `target-${number % TARGETS}`, rule: RULE, settings: DEFAULT_ROTATION_SETTINGS },
    ...{ number: 0, lastRotatedAt: null, plannedAt: null, deadlineAt: null },
    ...{ activeRotationId: null, queuedRotationId: null },
  };
  const next = planned(rotation, secret.id, EVENING);
  return { ...secret, rotation: spread ? next : { ...next, plannedAt: EVENING + 4 * HOUR } };
}

function openWorker(store: Store, clock: DrivenClock, onEnd: () => void): Worker {
  const alerts = new Alerts({ store, clock, random: systemRandom, senders: [] });
  const boundary: BoundaryHook = (reached) => {
    if (reached === 'after:end') onEnd();
  };
  const parts = { store, clock, audit: { append: async () => {} }, alerts, log: silentLogger, boundary };
  const holds = new RotationHolds(store, new Freezes(store, []));
  const journal = new RotationJournal(parts);
  const escrow = new MemoryEscrowJournal();
  const held = new HeldSecrets();
  const access = new EngineSecretAccess({ ...parts, escrow, held, journal });
  const made = rotationFunctionFrom(randomValue(), access, { random: systemRandom });
  return new Worker({
    ...{ ...parts, journal, held, holds },
    rotations: new Rotations({ ...parts, journal, escrow, random: systemRandom, holds }),
    findFunction: (functionArn) => slow(made, functionArn ?? '', clock),
    budget: new LoginBudget({ ...parts, limit: DEFAULT_LOGIN_LIMIT }),
    holders: { list: async () => [], attendance: { since: 0 } },
    settings: { ...DEFAULT_WORKER_SETTINGS, holder: 'bench' },
  });
}

/** The same function at a target of its own that takes its time. */
function slow(made: RotationFunction, target: string, clock: DrivenClock): RotationFunction {
  return {
    ...made,
    target: async () => target,
    invoke: async (event, options) => {
      await clock.sleep(TAKES);
      return made.invoke(event, options);
    },
  };
}
