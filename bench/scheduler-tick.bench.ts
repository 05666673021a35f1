import { existsSync, statfsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, DEFAULT_ROTATION_SETTINGS, type SecretRecord, silentLogger, systemRandom } from '@rekey/core';
import { MemoryEscrowJournal } from '../packages/server/dist/engine/escrow/escrow.js';
import { Freezes } from '../packages/server/dist/engine/order/freezes.js';
import { RotationHolds } from '../packages/server/dist/engine/order/rotation-holds.js';
import { HeldSecrets } from '../packages/server/dist/engine/rotation/held-secrets.js';
import { RotationJournal } from '../packages/server/dist/engine/rotation/rotation-journal.js';
import { Rotations } from '../packages/server/dist/engine/rotation/rotations.js';
import { DEFAULT_WORKER_SETTINGS, Worker } from '../packages/server/dist/engine/schedule/worker.js';
import { LoginBudget } from '../packages/server/dist/engine/target/login-budget.js';
import { DEFAULT_LOGIN_LIMIT } from '../packages/server/dist/engine/target/login-count.js';
import { LocalKeySeal } from '../packages/server/dist/seal/local-key.js';
import { sortable } from '../packages/server/dist/store/collections.js';
import { openStore } from '../packages/server/dist/store/open-store.js';
import { openSqliteDriver, type SqliteDriver } from '../packages/server/dist/store/sqlite.js';
import type { Store } from '../packages/server/dist/store/store.js';
import { type Benchmark, median, round } from './figure.ts';
import { sampleSecret } from './sample-folder.ts';

const SECRETS = 1_000_000;
const DUE = 10;
const TICKS = 25;
/** Between two ticks; then the next ten are due. Milliseconds. */
const STEP = 1_000;
const DAY = 86_400_000;
const BATCH = 2_000;
/** Bytes a million secrets take, with room to spare. */
const ROOM = 4 * 1024 ** 3;
/** Commits under way while the next is being made: sealing here and writing there go on side by side. */
const UNDERWAY = 3;

/**
 * A tick looks what is due, what is overdue and what goes on, and begins what is due. What it
 * begins is not run here: that takes as long as its target does.
 */
export const benchmark: Benchmark = {
  name: 'scheduler tick, 1,000,000 secrets of which 10 are due',
  async run() {
    const folder = await mkdtemp(join(fastFolder(), 'rekey-bench-'));
    const driver = openSqliteDriver({ file: join(folder, 'store.db'), create: true });
    const seal = new LocalKeySeal(join(folder, 'key'));
    const store = await openStore({ driver, seal, create: true, now: Date.now, place: folder });
    try {
      const base = Date.now();
      const seconds = await seed(store, base);
      const ticks = await measureTicks(store, base);
      return [tickFigure(ticks, seconds), scanFigure(driver, base)];
    } finally {
      await store.close();
      await rm(folder, { recursive: true, force: true });
    }
  },
};

/** In memory where there is room: the engine and SQLite are measured, not this machine's disk and who else waits for it. */
function fastFolder(): string {
  const memory = '/dev/shm';
  if (!existsSync(memory)) return tmpdir();
  const { bavail, bsize } = statfsSync(memory);
  return bavail * bsize > ROOM ? memory : tmpdir();
}

async function seed(store: Store, base: number): Promise<number> {
  const begun = performance.now();
  const underway: Promise<number>[] = [];
  for (let from = 0; from < SECRETS; from += BATCH) {
    const secrets = Array.from({ length: BATCH }, (_, at) => plannedSecret(from + at, base));
    underway.push(store.commit(secrets.map((record) => ({ collection: 'secret', id: record.id, record }))));
    if (underway.length >= UNDERWAY) await underway.shift();
  }
  await Promise.all(underway);
  return (performance.now() - begun) / 1000;
}

/**
 * The first are due ten at a time, a second apart; all others not before next week. Ids grow, so that a million of them
 * are appended instead of strewn: the trees end up as deep either way.
 */
function plannedSecret(number: number, base: number): SecretRecord {
  const tick = Math.floor(number / DUE);
  const plannedAt = tick < TICKS ? base + tick * STEP : base + 7 * DAY + number;
  return {
    ...sampleSecret(number, base),
    id: `bench-${String(number).padStart(12, '0')}`,
    rotation: {
      enabled: true,
      functionArn: 'rekey-random-value',
      rule: { kind: 'days', days: 30, duration: null },
      settings: DEFAULT_ROTATION_SETTINGS,
      number: 1,
      lastRotatedAt: null,
      plannedAt,
      deadlineAt: plannedAt + DAY,
      activeRotationId: null,
      queuedRotationId: null,
    },
  };
}

async function measureTicks(store: Store, base: number): Promise<readonly number[]> {
  let now = base;
  const clock: Clock = { now: () => now, sleep: () => Promise.resolve(), alarm: () => () => {} };
  const { worker, begun } = openWorker(store, clock);
  const ticks: number[] = [];
  for (let tick = 0; tick < TICKS; tick++) {
    now = base + tick * STEP;
    const before = begun();
    const from = performance.now();
    await worker.tick();
    ticks.push(performance.now() - from);
    if (begun() - before !== DUE) throw new Error(`a tick began ${begun() - before} rotations instead of ${DUE}`);
  }
  return ticks;
}

/** The engine without places to run anything. */
function openWorker(store: Store, clock: Clock) {
  let begun = 0;
  const alerts = {
    writesFor: async () => [],
    raise: async () => {},
    resolve: async () => {},
    standing: async () => [],
  };
  const audit = {
    append: async () => {
      begun += 1;
    },
  };
  const holds = new RotationHolds(store, new Freezes(store, []));
  const parts = { store, clock, audit, alerts, holds, log: silentLogger };
  const journal = new RotationJournal(parts);
  const rotations = new Rotations({ ...parts, journal, escrow: new MemoryEscrowJournal(), random: systemRandom });
  const settings = { ...DEFAULT_WORKER_SETTINGS, holder: 'bench', caps: { overall: 0, perTarget: 0 } };
  const held = new HeldSecrets();
  const budget = new LoginBudget({ store, clock, limit: DEFAULT_LOGIN_LIMIT });
  const holders = { list: async () => [], attendance: { since: 0 } };
  const working = { ...parts, journal, rotations, held, budget, holders };
  const worker = new Worker({ ...working, findFunction: () => null, settings });
  return { worker, begun: () => begun };
}

function tickFigure(ticks: readonly number[], seconds: number) {
  const detail = `median of ${TICKS} ticks, ${round(Math.min(...ticks))} to ${round(Math.max(...ticks))} ms, each begins ${DUE} rotations; seeded in ${round(seconds, 0)} s`;
  return {
    name: 'scheduler tick: 10 of 1,000,000 secrets due',
    value: round(median(ticks)),
    unit: 'ms',
    limit: 5,
    must: 'stay below',
    detail,
  } as const;
}

/** The three lists a tick reads, as SQLite plans them. */
function scanFigure(driver: SqliteDriver, now: number) {
  const lists = [
    { collection: 'secret', index: 'planned' },
    { collection: 'secret', index: 'deadline' },
    { collection: 'rotation', index: 'next' },
  ];
  const steps = lists.flatMap((list) => driver.plan({ ...list, until: sortable(now + 1), limit: 100 }));
  const slow = steps.filter((step) => !/^SEARCH .* USING (COVERING )?(INDEX|PRIMARY KEY)/.test(step));
  return {
    name: 'steps of its query plans that scan or sort',
    value: slow.length,
    unit: 'steps',
    limit: 0,
    must: 'stay below',
    detail: [...new Set(steps)].join(' | '),
  } as const;
}
