import type { Fault, PersonAct, PlannedFault } from './fault.testing.ts';
import type { Act, History, ReaderPlan } from './history.testing.ts';
import { play } from './play.testing.ts';
import { SeededRandom } from './random.testing.ts';

/** A history without faults, into which the sweep puts one at each of its effects in turn. */
type Scenario = Omit<History, 'seed' | 'faults'>;

/** One fault at one effect of one scenario. */
interface SweepPlace {
  readonly scenario: Scenario;
  readonly faults: readonly PlannedFault[];
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const STRATEGIES: readonly Pick<History, 'strategy' | 'admin'>[] = [
  { strategy: 'single-user', admin: true },
  { strategy: 'single-user', admin: false },
  { strategy: 'alternating-users', admin: true },
  { strategy: 'dual-password', admin: true },
];

/** What the sweep does in every strategy. The disaster's second half comes after the last act. */
const ACTS: readonly (readonly Act[])[] = [
  ['rotate'],
  ['rotate', 'rollback'],
  ['put-target-back', 'repair'],
  ['adopt'],
];

/** What the sweep lets happen at every effect of every scenario. */
const SWEPT: readonly Fault[] = [
  { kind: 'dies' },
  { kind: 'sleeps', milliseconds: 20 * SECOND },
  { kind: 'sleeps', milliseconds: 30 * MINUTE },
  { kind: 'store-fails', times: 1 },
  { kind: 'store-reply-lost', times: 1 },
  { kind: 'target', operation: 'any', fault: 'lost-reply', times: 1 },
  { kind: 'target', operation: 'any', fault: 'down', times: 3 },
  { kind: 'target-hangs', times: 1 },
  { kind: 'target-late', milliseconds: 5 * MINUTE },
  { kind: 'clock-jumps', milliseconds: MINUTE },
  { kind: 'person', act: 'put-by-hand' },
  { kind: 'person', act: 'hand-over' },
  { kind: 'person', act: 'cancel' },
  { kind: 'backup' },
];

/** Which histories are played: the n-th of a seed is always the same one. */
export class Plan {
  readonly #seed: number;
  readonly #places: readonly SweepPlace[];

  private constructor(seed: number, places: readonly SweepPlace[]) {
    this.#seed = seed;
    this.#places = places;
  }

  /** Plays each scenario once without a fault, to know its effects. */
  static async open(seed: number): Promise<Plan> {
    const places: SweepPlace[] = [];
    for (const scenario of scenarios()) {
      const { effects, broken } = await play({ ...scenario, seed: 1, faults: [] });
      if (broken !== null) throw new Error(`Without any fault: ${broken}`);
      for (const fault of SWEPT)
        for (let at = 1; at <= effects; at += 1) places.push({ scenario, faults: [{ server: 0, at, fault }] });
    }
    return new Plan(seed, places);
  }

  /** Histories after which every fault has struck at every effect. */
  get lap(): number {
    return 2 * this.#places.length;
  }

  /** Every second one is of the sweep, from the second lap on with another fault on top; those between are random. */
  history(n: number): History {
    const random = new SeededRandom(this.#seed * 1_000_003 + n);
    const seed = random.below(2 ** 31);
    if (n % 2 === 1) return randomHistory(random, seed);
    const turn = n / 2;
    const { scenario, faults } = this.#places[(turn * STRIDE) % this.#places.length]!;
    const isDisaster = faults[0]?.fault.kind === 'backup';
    const further = turn < this.#places.length ? [] : [randomFault(random, 1)];
    const acts: readonly Act[] = isDisaster ? [...scenario.acts, 'rotate', 'disaster', 'rotate'] : scenario.acts;
    return { ...scenario, seed, acts, faults: [...faults, ...further] };
  }
}

/** A prime, so that a short run meets places far apart and a full lap meets all of them once. */
const STRIDE = 7_919;

function scenarios(): readonly Scenario[] {
  const base = { servers: 1, scheduled: false };
  const alone = STRATEGIES.flatMap((by) => ACTS.map((acts) => ({ ...base, ...by, acts })));
  const pairs = STRATEGIES.map((by) => ({ ...by, servers: 2, scheduled: false, acts: ['rotate', 'rotate'] as const }));
  return [...alone, ...pairs];
}

const PERSON: readonly PersonAct[] = [
  ...(['rotate', 'cancel', 'rollback', 'repair', 'unstick', 'adopt', 'look'] as const),
  ...(['put-by-hand', 'change-target', 'hand-over', 'put-target-back'] as const),
];

function randomHistory(random: SeededRandom, seed: number): History {
  const { strategy, admin } = random.pick(STRATEGIES);
  const scheduled = random.once(4);
  const servers = random.once(3) ? 2 : 1;
  const acts = Array.from({ length: 1 + random.below(3) }, (): Act => {
    if (scheduled && random.once(2)) return 'due';
    return random.once(2) ? 'rotate' : random.pick(PERSON);
  });
  const faults = Array.from({ length: 1 + random.below(4) }, () => randomFault(random, servers));
  const base = { seed, strategy, admin, servers, scheduled };
  if (!random.once(8)) return { ...base, acts, faults, readers: readersOf(random) };
  const backup: PlannedFault = { server: 0, at: 1 + random.below(60), fault: { kind: 'backup' } };
  const disaster = random.below(acts.length + 1);
  const withDisaster: readonly Act[] = [...acts.slice(0, disaster), 'disaster', ...acts.slice(disaster), 'rotate'];
  return { ...base, acts: withDisaster, faults: [...faults, backup], readers: readersOf(random) };
}

/** More often than any history is long. */
const FOR_GOOD = 1_000_000;

/** In one history of twelve. Some come by for as long as it lasts, some fall silent, some are seen once. */
function readersOf(random: SeededRandom): readonly ReaderPlan[] {
  if (!random.once(12)) return [];
  return Array.from({ length: 1 + random.below(3) }, () => ({
    every: random.pick([9, 15, 40] as const) * MINUTE,
    reads: random.pick([1, 4, FOR_GOOD]),
    acknowledges: random.once(3),
  }));
}

/** Early effects are met by most histories, late ones by long ones. */
function randomFault(random: SeededRandom, servers: number): PlannedFault {
  const at = 1 + random.below(random.once(3) ? 200 : 70);
  return { server: random.below(servers + 1), at, fault: anyFault(random) };
}

function anyFault(random: SeededRandom): Fault {
  const times = 1 + random.below(4);
  switch (random.below(16)) {
    case 0:
    case 1:
    case 2:
      return { kind: 'dies' };
    case 3:
    case 4:
      return {
        kind: 'sleeps',
        milliseconds: random.pick([5 * SECOND, 20 * SECOND, 2 * MINUTE, 30 * MINUTE, 180 * MINUTE]),
      };
    case 5:
      return { kind: 'store-fails', times };
    case 6:
      return { kind: 'store-reply-lost', times };
    case 7:
      return { kind: 'escrow-fails', times };
    case 8:
      return { kind: 'target-hangs', times };
    case 9:
      return { kind: 'target-flaps', times: 4 + random.below(8) };
    case 10:
      return { kind: 'target-slow', milliseconds: random.pick([2 * SECOND, 9 * SECOND, 50 * SECOND]), times };
    case 11:
      return { kind: 'target-late', milliseconds: random.pick([SECOND, MINUTE, 30 * MINUTE]) };
    case 12:
      return random.once(2)
        ? { kind: 'pooler-stale', milliseconds: random.pick([5 * SECOND, MINUTE, 20 * MINUTE]) }
        : { kind: 'clock-jumps', milliseconds: random.pick([-60, -5, 5, 60]) * MINUTE };
    case 13:
      return { kind: 'person', act: random.pick(PERSON) };
    default:
      return targetFault(random, times);
  }
}

function targetFault(random: SeededRandom, times: number): Fault {
  const operation = random.pick(['create', 'set', 'test', 'revoke', 'probe', 'any'] as const);
  const fault = random.pick([
    'down',
    'lost-reply',
    'missing-privilege',
    'rejects-value',
    'refuses-login',
    'unclear',
    'crashes',
  ] as const);
  return { kind: 'target', operation, fault, times };
}
