import type { RotationRecord } from '@rekey/core';
import { inSwitchWindow } from '../rotation/rotation-change.ts';
import type { Act, History, Outcome } from './history.testing.ts';
import { endSchedule, personDoes } from './people.testing.ts';
import { lookThrough, restore } from './restore.testing.ts';
import type { SimulatedServer } from './server.testing.ts';
import { strike } from './strike.testing.ts';
import { World, type WorldOptions } from './world.testing.ts';

/**
 * Looks at the world before it is said that a history comes to no end. A long one takes some forty; one whose server died
 * with a clock that was an hour fast takes three hundred, since nobody takes its claim until that hour is over.
 */
const MOST_TURNS = 600;
/** Looks after which it is looked less often: a claim that a wrong clock made long has to run out. */
const PATIENT_TURNS = 40;
/** Times a person comes by at the end and takes up what needs one. */
const MOST_VISITS = 12;
/** How long it takes until a server is started in the place of one that died. Milliseconds. */
const RESTART = 2_000;

/** Plays a history on the real engine. The same history always comes to the same outcome. */
export async function play(history: History, options: WorldOptions = {}): Promise<Outcome> {
  const world = new World(history, options);
  world.strike = (server, fault, effect) => strike(world, server, fault, effect);
  for (const act of history.acts) {
    world.trace?.(`${act}:`);
    await world.readers.pass(0);
    await perform(world, act);
    await drive(world);
    if (world.promises.broken !== null) break;
  }
  if (world.promises.broken === null) await settle(world);
  world.checkSilent();
  await world.close();
  const records = world.promises.all();
  return {
    broken: world.promises.broken,
    effects: world.servers[0]!.effects.reached,
    struck: world.struck,
    cut: world.cut,
    cases: records.flatMap(({ steps }) => steps.flatMap(({ recovery }) => recovery ?? [])),
    rotations: records.length,
    logins: world.target.logins,
  };
}

async function perform(world: World, act: Act): Promise<void> {
  if (act === 'due') {
    const plannedAt = world.promises.secret.rotation?.plannedAt ?? null;
    if (plannedAt !== null) await world.readers.pass(Math.max(0, plannedAt - world.now) + 1);
    return;
  }
  if (act === 'disaster') return restore(world);
  while (world.awake.length === 0) await standIn(world);
  const server = world.random.pick(world.awake);
  await along(server, personDoes(world, server, act));
}

/** Until nothing is left to do by itself. */
async function drive(world: World): Promise<void> {
  for (let turn = 0; turn < MOST_TURNS; turn += 1) {
    if (turn > 0 || isSomethingToDo(world)) await tick(world);
    if (world.promises.broken !== null) return;
    const pause = pauseBefore(world);
    if (pause === null) return;
    await world.readers.pass(Math.max(pause, turn < PATIENT_TURNS ? 1_000 : 15_000));
    wakeUp(world);
  }
  const [open] = world.promises.open();
  world.promises.break(`it comes to no end: ${JSON.stringify(open)}`);
}

/** A pass of workers that find nothing costs as much as a step of a rotation. */
function isSomethingToDo(world: World): boolean {
  const { promises, servers, disk, now } = world;
  const ahead = Math.max(0, ...servers.map(({ clock }) => clock.offset));
  const { plannedAt, deadlineAt } = promises.secret.rotation ?? { plannedAt: null, deadlineAt: null };
  const isDue = [plannedAt, deadlineAt].some((at) => at !== null && at <= now + ahead);
  const isAtWork = servers.some(({ work }) => work !== null);
  return isDue || isAtWork || promises.open().length > 0 || disk.count('alert') > 0 || isQuarantined(world);
}

/** One pass of every server that is awake, side by side. */
async function tick(world: World): Promise<void> {
  if (world.awake.length === 0) await standIn(world);
  const passes: Promise<void>[] = [];
  for (const server of world.awake) {
    server.work ??= working(server, passOf(world, server));
    passes.push(Promise.race([server.work, server.effects.stopped]));
  }
  await Promise.all(passes);
}

/** A server in the place of one that died; one that only sleeps still holds the store, where it is not shared. */
async function standIn(world: World): Promise<void> {
  const sleeper = world.history.servers > 1 ? undefined : world.servers.find(({ effects }) => effects.isAsleep);
  await world.readers.pass(sleeper === undefined ? RESTART : Math.max(0, sleeper.wakesAt - world.now));
  wakeUp(world);
  if (world.awake.length === 0) world.addServer();
}

async function passOf(world: World, server: SimulatedServer): Promise<void> {
  if (isQuarantined(world)) await lookThrough(world, server).catch((error) => world.refused(error));
  await server.engine.worker.tick();
}

function isQuarantined({ disk }: World): boolean {
  return disk.record('setting', 'quarantine') !== null;
}

function working(server: SimulatedServer, work: Promise<void>): Promise<void> {
  return work.finally(() => {
    server.work = null;
  });
}

/** Goes along with what a server does, as long as it lives. */
async function along(server: SimulatedServer, work: Promise<void>): Promise<void> {
  await Promise.race([work, server.effects.stopped]);
}

function wakeUp(world: World): void {
  for (const server of world.servers) {
    if (!server.effects.isAsleep || server.wakesAt > world.now) continue;
    server.clock.stopped = false;
    server.attendance.since = server.clock.now();
    server.wakesAt = Number.POSITIVE_INFINITY;
    server.effects.wake();
  }
}

/** How long until something happens by itself; null for never. What nobody does although it is time waits for a claim to expire. */
function pauseBefore(world: World): number | null {
  let at = Number.POSITIVE_INFINITY;
  const ahead = world.awake.length === 0 ? 0 : Math.min(...world.awake.map(({ clock }) => clock.offset));
  for (const { nextAttemptAt } of world.promises.pressing())
    if (nextAttemptAt !== null) at = Math.min(at, nextAttemptAt - ahead);
  const isWaited = world.awake.length === 0 || world.isEnding;
  if (isWaited) for (const { wakesAt } of world.servers) at = Math.min(at, wakesAt);
  for (const { work, effects } of world.servers) if (work !== null && effects.standing === 'awake') at = world.now;
  if (isQuarantined(world)) at = world.now;
  if (at === Number.POSITIVE_INFINITY) return null;
  return at - world.now;
}

/** The end: the target is well, a person takes up what needs one, and everything must have come right. */
async function settle(world: World): Promise<void> {
  world.isEnding = true;
  world.target.reloadPooler();
  for (const { connection, effects } of world.servers) {
    connection.mend();
    effects.storeFails = 0;
    effects.storeRepliesLost = 0;
    effects.escrowFails = 0;
  }
  await unschedule(world);
  for (let visit = 0; visit < MOST_VISITS; visit += 1) {
    await drive(world);
    if (world.promises.broken !== null) return;
    if (wanted(world, visit) === null) await lastLook(world);
    if (world.promises.broken !== null) return;
    // A fault may strike in the last look, too, or something happen before it is told: then there is another.
    const act = wanted(world, visit);
    if (act === null) {
      if (visit + 1 === MOST_VISITS || !isTold(world)) return checkEnd(world);
      // The claim of a server that died runs out, and so does what a pooler remembers.
      await world.readers.pass(15 * 60_000);
      continue;
    }
    await world.readers.pass(15 * 60_000);
    world.trace?.(`${act} (somebody mends it):`);
    await perform(world, act);
  }
  world.promises.break(
    `no person can mend it: ${JSON.stringify(world.promises.open()[0] ?? world.promises.all().at(-1))}`,
  );
}

async function lastLook(world: World): Promise<void> {
  await perform(world, 'look');
  await drive(world);
}

/** What a person would do now. Where a repair does not help, because nobody here may set a value, they bring one. */
function wanted(world: World, visit: number): Act | null {
  const open = world.promises.open();
  const isRefused = !world.promises.isCurrentAccepted;
  if (isRefused && !open.some(inSwitchWindow)) return visit < 3 ? 'repair' : 'hand-over';
  return open.some(({ state }) => state === 'blocked') ? 'rotate' : null;
}

/** So that the end is an end. */
async function unschedule(world: World): Promise<void> {
  for (let asked = 0; asked < MOST_VISITS && world.promises.secret.rotation?.rule.kind !== 'manual'; asked += 1) {
    while (world.awake.length === 0) await standIn(world);
    const server = world.awake[0]!;
    await along(
      server,
      endSchedule(world, server).catch((error) => world.refused(error)),
    );
  }
}

function isTold(world: World): boolean {
  return standingAlerts(world).length > 0;
}

/** Who was left behind is told until the next rotation: nothing that happens by itself, or here by a person, ends it. */
function standingAlerts({ disk }: Pick<World, 'disk'>): readonly string[] {
  const conditions = [...disk.all('alert')].map(([, { condition }]) => condition);
  return conditions.filter((condition) => !condition.startsWith('holders-left-behind/'));
}

function checkEnd({ promises, disk }: World): void {
  promises.checkKept();
  const ended = promises.all();
  for (const record of ended) if (!isEnded(record)) promises.break(`it did not end: ${JSON.stringify(record)}`);
  for (const condition of standingAlerts({ disk })) promises.break(`an alert is left standing: ${condition}`);
}

function isEnded({ endedAt }: RotationRecord): boolean {
  return endedAt !== null;
}
