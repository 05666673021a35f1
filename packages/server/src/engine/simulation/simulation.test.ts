import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { History } from './history.testing.ts';
import { Plan } from './plan.testing.ts';
import { play } from './play.testing.ts';
import { World, type WorldOptions } from './world.testing.ts';

/** The seed of every run here; the nightly run takes others (CONTRIBUTING). */
const SEED = 1;
/** Enough to strike with every fault in every scenario, at every n-th effect. */
const HISTORIES = Number(process.env.REKEY_SIMULATED ?? 130);
/** What strikes, people's own acts aside. */
const FAULTS = [
  ...['dies', 'sleeps', 'store-fails', 'store-reply-lost', 'escrow-fails', 'clock-jumps', 'backup', 'pooler-stale'],
  ...['target down', 'target lost-reply', 'target-hangs', 'target-slow', 'target-flaps', 'target-late'],
];
/** Where a server can be cut short: at every write to the store or the journal, and at every call of the target. */
const PLACES = [
  ...['commit', 'claim', 'release', 'escrow'].flatMap((write) => [`before:${write}`, `after:${write}`]),
  ...['set', 'test', 'revoke', 'probe'].flatMap((call) => [`before:${call}`, `amid:${call}`, `after:${call}`]),
];
/** Effects of the first server while two rotate twice, as many as matter. */
const EFFECTS_OF_TWO = 75;

const rotation: History = {
  seed: 7,
  strategy: 'alternating-users',
  admin: true,
  servers: 2,
  scheduled: false,
  acts: ['rotate'],
  faults: [{ server: 0, at: 20, fault: { kind: 'dies' } }],
};

/** A rotation by each strategy, and a worker that falls asleep at one of its effects while others rotate again. */
function* latecomers(): Iterable<History> {
  for (const strategy of ['single-user', 'alternating-users'] as const)
    for (let at = 3; at <= 60; at += 1) {
      const fault = { kind: 'sleeps', milliseconds: 60 * 60_000 } as const;
      yield { ...rotation, strategy, acts: ['rotate', 'rotate'], faults: [{ server: at % 2, at, fault }] };
    }
}

/** Workers that sleep for a little longer than a claim lasts: whoever took it over is in the middle of the same step. */
function* overtaken(): Iterable<History> {
  for (let at = 2; at <= 30; at += 1) {
    const fault = { kind: 'sleeps', milliseconds: 10_000 } as const;
    yield { ...rotation, faults: [0, 1].map((server) => ({ server, at, fault })) };
  }
}

/** The first histories of the plan. */
async function* planned(histories: number): AsyncIterable<History> {
  const plan = await Plan.open(SEED);
  for (let n = 0; n < histories; n += 1) yield plan.history(n);
}

/** The first sentence about the promise that one of the histories breaks; null if none breaks it. */
async function findBroken(
  promise: string,
  histories: Iterable<History> | AsyncIterable<History>,
  options: WorldOptions,
): Promise<string | null> {
  for await (const history of histories) {
    const { broken } = await play(history, options);
    if (broken?.startsWith(promise)) return broken;
  }
  return null;
}

describe('the simulated engine', () => {
  test('keeps its promises in every history, with each kind of fault among them', async () => {
    const plan = await Plan.open(SEED);
    const struck = new Set<string>();
    for (let n = 0; n < HISTORIES; n += 1) {
      const outcome = await play(plan.history(n));
      assert.equal(outcome.broken, null, `npm run simulation -- --seed ${SEED} --history ${n}`);
      for (const kind of outcome.struck) struck.add(kind);
    }
    assert.deepEqual(
      FAULTS.filter((kind) => !struck.has(kind)),
      [],
    );
  });

  test('keeps them where a server dies or falls asleep before, amid and after whatever outlives it', async () => {
    const cut = new Set<string>();
    for (const kind of ['dies', 'sleeps'] as const)
      for (let at = 1; at <= EFFECTS_OF_TWO; at += 1) {
        const faults = [{ server: 0, at, fault: { kind, milliseconds: 60 * 60_000 } }];
        const outcome = await play({ ...rotation, acts: ['rotate', 'rotate'], faults });
        assert.equal(outcome.broken, null, `${kind} at effect ${at}`);
        for (const place of outcome.cut) cut.add(place);
      }
    const places = ['dies', 'sleeps'].flatMap((kind) => PLACES.map((place) => `${kind} ${place}`));
    assert.deepEqual(
      places.filter((place) => !cut.has(place)),
      [],
    );
  });

  test('plays the same history twice the same, effect by effect', async () => {
    const plan = await Plan.open(SEED);
    for (const history of [rotation, ...[1, 2, 3, 4, 5, 6].map((n) => plan.history(n))]) {
      const traces = [[], []] as [string[], string[]];
      for (const lines of traces) await play(history, { trace: (line) => lines.push(line) });
      assert.ok(traces[0].length > 20);
      assert.deepEqual(traces[0], traces[1]);
    }
  });

  test('plays every history the same, whether records are handed over or become bytes on their way to the disk', async () => {
    const plan = await Plan.open(SEED);
    for (let n = 0; n < 30; n += 1) {
      const traces = [[], []] as [string[], string[]];
      await play(plan.history(n), { trace: (line) => traces[0].push(line) });
      await play(plan.history(n), { trace: (line) => traces[1].push(line), written: true });
      assert.deepEqual(traces[0], traces[1], `history ${n}`);
    }
  });

  test('says so when a history comes to no end', async () => {
    const world = new World({ ...rotation, faults: [] });
    await world.time.pass(365 * 86_400_000);
    assert.match(world.promises.broken ?? '', /^it comes to no end/);
    assert.deepEqual(world.awake, []);
  });
});

/** Histories in which a promise was broken once, as they were found. */
const FOUND: Readonly<Record<string, History>> = {
  'a rollback to a value of the same user, after one was put by hand': {
    ...{ seed: 804_487_602, strategy: 'alternating-users', admin: true, servers: 1, scheduled: false },
    acts: ['rotate', 'rollback'],
    faults: [{ server: 0, at: 10, fault: { kind: 'person', act: 'hand-over' } }],
  },
  'a rotation left pending in a backup, whose value belongs to the other user since': {
    ...{ seed: 1_451_479_326, strategy: 'alternating-users', admin: true, servers: 1, scheduled: false },
    acts: ['rotate', 'rollback', 'rotate', 'disaster', 'rotate'],
    faults: [{ server: 0, at: 9, fault: { kind: 'backup' } }],
  },
  'a look through a restored store that is cut short and starts over': {
    ...{ seed: 2_014_257_830, strategy: 'single-user', admin: false, servers: 1, scheduled: false },
    acts: ['rotate', 'rotate', 'disaster', 'rotate'],
    faults: [
      { server: 0, at: 7, fault: { kind: 'backup' } },
      { server: 1, at: 18, fault: { kind: 'store-fails', times: 2 } },
    ],
  },
  'a server that sleeps when its store is lost, and never wakes up': {
    ...{ seed: 745_487_294, strategy: 'single-user', admin: true, servers: 2, scheduled: true },
    acts: ['due', 'due', 'due', 'disaster', 'rotate'],
    faults: [
      { server: 1, at: 5, fault: { kind: 'sleeps', milliseconds: 30 * 60_000 } },
      { server: 0, at: 46, fault: { kind: 'backup' } },
      { server: 0, at: 55, fault: { kind: 'store-reply-lost', times: 3 } },
    ],
  },
  'a value that was set with its reply lost, is refused by a pooler that is behind, and then rejected by the target': {
    ...{ seed: 947_220_091, strategy: 'dual-password', admin: true, servers: 1, scheduled: false },
    acts: ['rotate'],
    faults: [
      { server: 0, at: 22, fault: { kind: 'pooler-stale', milliseconds: 60_000 } },
      { server: 0, at: 25, fault: { kind: 'store-fails', times: 1 } },
      { server: 0, at: 41, fault: { kind: 'target', operation: 'set', fault: 'rejects-value', times: 2 } },
    ],
  },
  'a server that dies as it ends a repair, so that its claim holds up the last look': {
    ...{ seed: 1_964_658_047, strategy: 'alternating-users', admin: true, servers: 1, scheduled: false },
    acts: ['hand-over', 'put-target-back', 'look'],
    faults: [{ server: 0, at: 53, fault: { kind: 'dies' } }],
  },
  'refusals of a target that is slow to tell them, and a pooler that is behind': {
    ...{ seed: 476_814_090, strategy: 'single-user', admin: false, servers: 1, scheduled: false },
    acts: ['rotate', 'rotate', 'repair'],
    faults: [
      { server: 0, at: 35, fault: { kind: 'target-slow', milliseconds: 9_000, times: 3 } },
      { server: 0, at: 56, fault: { kind: 'pooler-stale', milliseconds: 20 * 60_000 } },
    ],
  },
  'a value put by hand just as the last look begins': {
    ...{ seed: 1_250_823_645, strategy: 'single-user', admin: true, servers: 1, scheduled: false },
    acts: ['put-target-back', 'repair'],
    faults: [{ server: 0, at: 37, fault: { kind: 'person', act: 'put-by-hand' } }],
  },
  'a rotation just before its promotion in a backup, whose value died since': {
    ...{ seed: 1_234_417_879, strategy: 'alternating-users', admin: true, servers: 1, scheduled: false },
    acts: ['rotate', 'rollback', 'disaster', 'rotate', 'rotate'],
    faults: [{ server: 0, at: 40, fault: { kind: 'backup' } }],
  },
  'a value that was set late, was refused by a pooler, and whose rotation goes on from a value put by hand': {
    ...{ seed: 538_596_403, strategy: 'alternating-users', admin: true, servers: 1, scheduled: true },
    acts: ['due', 'hand-over'],
    faults: [
      { server: 1, at: 25, fault: { kind: 'pooler-stale', milliseconds: 20 * 60_000 } },
      { server: 0, at: 15, fault: { kind: 'target-late', milliseconds: 1_000 } },
      { server: 0, at: 45, fault: { kind: 'dies' } },
    ],
  },
  'a rollback while the target holds, beside the current value, one of a rotation that was given up': {
    ...{ seed: 655_893_502, strategy: 'dual-password', admin: true, servers: 1, scheduled: false },
    acts: ['rotate', 'rotate', 'rollback'],
    faults: [{ server: 0, at: 60, fault: { kind: 'target', operation: 'test', fault: 'refuses-login', times: 3 } }],
  },
  'a verification that waits behind a rotation whose old value could not be revoked': {
    ...{ seed: 550_212_638, strategy: 'dual-password', admin: true, servers: 2, scheduled: false },
    acts: ['rotate', 'adopt'],
    faults: [{ server: 0, at: 46, fault: { kind: 'target', operation: 'revoke', fault: 'rejects-value', times: 4 } }],
  },
  'a server that falls asleep as it looks through a restored store, and wakes up when that is long in use': {
    ...{ seed: 1_520_676_485, strategy: 'single-user', admin: true, servers: 2, scheduled: false },
    acts: ['rotate', 'disaster', 'rotate', 'rotate', 'rotate'],
    faults: [
      { server: 2, at: 21, fault: { kind: 'sleeps', milliseconds: 30 * 60_000 } },
      { server: 0, at: 12, fault: { kind: 'backup' } },
    ],
  },
  'a value given up as rejected, which a restored store still has': {
    ...{ seed: 1_422_266_555, strategy: 'dual-password', admin: true, servers: 1, scheduled: false },
    acts: ['cancel', 'rotate', 'rotate', 'disaster', 'rotate'],
    faults: [
      { server: 0, at: 27, fault: { kind: 'target', operation: 'any', fault: 'rejects-value', times: 4 } },
      { server: 0, at: 59, fault: { kind: 'backup' } },
    ],
  },
  'a store lost just after it saw an old value refused, and a target that somebody changed': {
    ...{ seed: 2_048_702_340, strategy: 'dual-password', admin: true, servers: 1, scheduled: false },
    acts: ['rotate', 'rotate', 'change-target', 'disaster', 'rotate'],
    faults: [{ server: 0, at: 9, fault: { kind: 'backup' } }],
  },
  'a store lost when it had been refused as often as it may, by a pooler that is behind': {
    ...{ seed: 1_951_249_836, strategy: 'alternating-users', admin: true, servers: 2, scheduled: true },
    acts: ['rotate', 'disaster', 'due', 'rotate'],
    faults: [
      { server: 0, at: 21, fault: { kind: 'pooler-stale', milliseconds: 20 * 60_000 } },
      { server: 0, at: 29, fault: { kind: 'backup' } },
    ],
  },
  'a server that dies while its target is slow to judge a login, and a pooler that is behind': {
    ...{ seed: 1_588_726_319, strategy: 'single-user', admin: false, servers: 1, scheduled: false },
    acts: ['rotate', 'look', 'cancel'],
    faults: [
      { server: 0, at: 5, fault: { kind: 'pooler-stale', milliseconds: 20 * 60_000 } },
      { server: 0, at: 4, fault: { kind: 'target-slow', milliseconds: 9_000, times: 3 } },
      { server: 0, at: 15, fault: { kind: 'dies' } },
    ],
  },
  'a store lost in the middle of a rotation, whose clock had been set back by an hour': {
    ...{ seed: 2_017_629_886, strategy: 'single-user', admin: false, servers: 1, scheduled: true },
    acts: ['due', 'rotate', 'disaster', 'rotate', 'rotate'],
    faults: [
      { server: 0, at: 26, fault: { kind: 'clock-jumps', milliseconds: -60 * 60_000 } },
      { server: 0, at: 55, fault: { kind: 'backup' } },
    ],
  },
  'a server paused in the middle of set, and a target that was put back and then changed by hand': {
    ...{ seed: 1_219_691_174, strategy: 'single-user', admin: true, servers: 2, scheduled: false },
    acts: ['rotate', 'put-target-back', 'hand-over'],
    faults: [
      { server: 1, at: 17, fault: { kind: 'target-hangs', times: 4 } },
      { server: 1, at: 9, fault: { kind: 'dies' } },
      { server: 0, at: 27, fault: { kind: 'sleeps', milliseconds: 180 * 60_000 } },
    ],
  },
  'a server paused before set, and a target changed by hand when another had ended the rotation': {
    ...{ seed: 7, strategy: 'single-user', admin: true, servers: 2, scheduled: false },
    acts: ['rotate', 'hand-over'],
    faults: [{ server: 0, at: 24, fault: { kind: 'sleeps', milliseconds: 180 * 60_000 } }],
  },
  'a server that tells people of a quarantine as another ends it': {
    ...{ seed: 1_426_920_974, strategy: 'alternating-users', admin: true, servers: 2, scheduled: false },
    acts: ['rotate', 'disaster', 'repair', 'put-by-hand', 'rotate'],
    faults: [
      { server: 2, at: 27, fault: { kind: 'sleeps', milliseconds: 5_000 } },
      { server: 0, at: 68, fault: { kind: 'sleeps', milliseconds: 5_000 } },
      { server: 0, at: 20, fault: { kind: 'backup' } },
    ],
  },
  'a value put by hand while the one of a rotation at work is found to log in after a restore': {
    ...{ seed: 1_058_581_803, strategy: 'single-user', admin: false, servers: 1, scheduled: false },
    acts: ['cancel', 'rotate', 'unstick', 'disaster', 'rotate'],
    faults: [
      { server: 1, at: 27, fault: { kind: 'person', act: 'put-by-hand' } },
      { server: 0, at: 28, fault: { kind: 'escrow-fails', times: 4 } },
      { server: 0, at: 11, fault: { kind: 'backup' } },
    ],
  },
  'a store that fails as the quarantine ends': {
    ...{ seed: 2_103_215_451, strategy: 'dual-password', admin: true, servers: 2, scheduled: false },
    acts: ['rotate', 'rotate', 'disaster', 'rotate', 'rotate'],
    faults: [
      { server: 0, at: 1, fault: { kind: 'backup' } },
      { server: 2, at: 30, fault: { kind: 'store-fails', times: 4 } },
    ],
  },
};

describe('what the simulation found once', () => {
  for (const [name, history] of Object.entries(FOUND))
    test(name, async () => {
      assert.equal((await play(history)).broken, null);
    });
});

interface Defect {
  /** How what breaks with it begins: with the promise's number; '' where people are called for ever. */
  readonly promise: string;
  readonly options: WorldOptions;
  /** Where it shows; by default among the first of the plan. */
  readonly histories?: () => Iterable<History> | AsyncIterable<History>;
}

/** Histories of the plan in which a defect has to show. */
const FEW = 60;
/** The same for one that shows once in a hundred. */
const MANY = 300;

describe('the simulation can fail', () => {
  const DEFECTS: Readonly<Record<string, Defect>> = {
    'a store that overwrites what was written meanwhile': {
      promise: '1:',
      options: { disk: { ignoresExpectations: true } },
    },
    'an escrow journal that forgets': { promise: '2:', options: { forgetsEscrow: true } },
    'a value given up before the target was seen to refuse it': {
      ...{
        promise: '2: a value that the target had been told of was given up',
        options: { disk: { losesValues: true } },
      },
      histories: () => planned(MANY),
    },
    'a store that loses values': { promise: '3:', options: { disk: { losesValues: true } } },
    'an overlap that is cut short': { promise: '4:', options: { overlap: 60_000 } },
    'a gate that lets the old value die under those who hold it': {
      ...{ promise: '4: 10.0.0.1, who holds', options: { ignoresHolders: true } },
      histories: held,
    },
    'a target whose revoked passwords live on': { promise: '', options: { target: { keepsRevoked: true } } },
    'a store that takes what is written under a lost claim': {
      ...{ promise: '5:', options: { disk: { ignoresFences: true } } },
      histories: overtaken,
    },
    'a target that takes the writes of older rotations': {
      ...{ promise: '5:', options: { target: { lacksFence: true } } },
      histories: latecomers,
    },
    'a probe that takes a silent target for a wrong password': {
      promise: '6:',
      options: { target: { callsUnreachableRefused: true } },
    },
    'a rotation function that quotes a password': { promise: '7:', options: { target: { quotesPasswords: true } } },
  };
  for (const [name, { promise, options, histories = () => planned(FEW) }] of Object.entries(DEFECTS))
    test(`it catches ${name}`, async () => {
      assert.notEqual(await findBroken(promise, histories(), options), null);
    });

  test('without a defect holders are waited for, also by a server that stood still or was started anew', async () => {
    assert.equal(await findBroken('', held(), {}), null);
  });

  test('without a defect those who come late undo nothing', async () => {
    assert.equal(await findBroken('', latecomers(), {}), null);
    assert.equal(await findBroken('', overtaken(), {}), null);
  });
});

/**
 * Applications that hold what a rotation replaces, while its server is cut short at each of its effects: one that says how
 * soon it comes back, and one of which nobody knows.
 */
function* held(): Iterable<History> {
  const known = { every: 11 * 60_000, reads: 1_000_000, acknowledges: true };
  const unknown = { ...known, acknowledges: false };
  const base = { seed: 1, servers: 1, scheduled: false, admin: true, acts: ['look', 'rotate'] as const };
  for (const strategy of ['alternating-users', 'dual-password'] as const)
    for (const reader of [known, unknown])
      for (let at = 40; at <= 60; at += 1)
        for (const fault of [{ kind: 'dies' }, { kind: 'sleeps', milliseconds: 45 * 60_000 }] as const)
          yield { ...base, strategy, readers: [reader], faults: [{ server: 0, at, fault }] };
}
