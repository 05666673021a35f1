import { randomUUID } from 'node:crypto';
import { DEFAULT_ROTATION_SETTINGS, type RotationFunction, type SecretRecord, systemRandom } from '@rekey/core';
import { randomValue, rotationFunctionFrom } from '@rekey/rotators';
import { Alerts } from '../packages/server/src/engine/alerts/alerts.ts';
import { MemoryEscrowJournal } from '../packages/server/src/engine/escrow/escrow.ts';
import { planned } from '../packages/server/src/engine/schedule/plan-next.ts';
import { DEFAULT_CAPS } from '../packages/server/src/engine/schedule/run-slots.ts';
import { assembleEngine, FakeClock } from '../packages/server/src/engine/testing.ts';
import type { Store } from '../packages/server/src/store/store.ts';
import { openMemoryStore } from '../packages/server/src/store/testing.ts';
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
  const clock = new FakeClock(EVENING);
  const store = await openMemoryStore({ now: () => clock.now() });
  await seed(store, spread);
  const ends: number[] = [];
  const { worker } = openEngine(store, clock, () => ends.push(clock.now()));
  await clock.advance(4 * HOUR - 1);
  const before = process.cpuUsage();
  worker.start();
  while (ends.length < SECRETS && clock.now() < EVENING + 4 * HOUR + 2 * WINDOW) await clock.advance(HOUR / 60);
  const { user, system } = process.cpuUsage(before);
  await worker.stop();
  await store.close();
  const opened = EVENING + 4 * HOUR;
  const inTime = ends.filter((end) => end <= opened + WINDOW).length;
  const cpu = (user + system) / 1_000 / ends.length;
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
      detail: `${ends.length} rotations in ${round((cpu * ends.length) / 1_000, 1)} s of CPU: the whole process, its garbage and the driven clock included`,
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

function openEngine(store: Store, clock: FakeClock, onEnd: () => void) {
  const alerts = new Alerts({ store, clock, random: systemRandom, senders: [] });
  const surroundings = { store, clock, escrow: new MemoryEscrowJournal(), random: systemRandom, alerts };
  const wishes = {
    boundary: (boundary: string) => {
      if (boundary === 'after:end') onEnd();
    },
    functions: (access: Parameters<typeof rotationFunctionFrom>[1]) => {
      const made = rotationFunctionFrom(randomValue(), access, { random: systemRandom });
      return (functionArn: string | null) => slow(made, functionArn ?? '', clock);
    },
  };
  return assembleEngine(surroundings, wishes, 'bench');
}

/** The same function at a target of its own that takes its time. */
function slow(made: RotationFunction, target: string, clock: FakeClock): RotationFunction {
  return {
    ...made,
    target: async () => target,
    invoke: async (event, options) => {
      await clock.sleep(TAKES);
      return made.invoke(event, options);
    },
  };
}
