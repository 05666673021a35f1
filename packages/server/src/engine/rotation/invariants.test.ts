import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CURRENT, type RandomSource, type Rotator, RotatorError, type SecretAccess, type Strategy } from '@rekey/core';
import { type FakeFault, type FakeOperation, FakeTarget, fake, rotationFunctionFrom } from '@rekey/rotators';
import fc from 'fast-check';
import { Alerts } from '../alerts/alerts.ts';
import { type EscrowEntry, MemoryEscrowJournal } from '../escrow/escrow.ts';
import { FakeClock, quiet } from '../fake-clock.testing.ts';
import { House } from '../house.testing.ts';
import { seededRandom } from '../seeded-random.testing.ts';
import { DEFAULT_LOGIN_LIMIT } from '../target/login-count.ts';
import type { Engine } from '../testing.ts';
import { isTemporary } from './cause.ts';
import { inSwitchWindow } from './rotation-change.ts';

/**
 * Random histories: faults at the target, servers that die or fall asleep at any durable boundary, requests to rotate,
 * roll back, repair and unstick, calls to stop, people who change the target or put it back from a backup, time. After each event and at the end the promises must hold. `REKEY_HISTORIES` sets how many are played per
 * strategy; a failure prints the seed and path that replay it.
 */

const HOUR = 3_600_000;
const OVERLAP = 10 * 60_000;

type Event =
  | { readonly do: 'pass'; readonly milliseconds: number }
  | { readonly do: 'begin' }
  | { readonly do: 'cancel' }
  | { readonly do: 'rollback' }
  | { readonly do: 'repair' }
  | { readonly do: 'unstick' }
  | { readonly do: 'look' }
  | { readonly do: 'change-by-hand' }
  | { readonly do: 'put-target-back' }
  | {
      readonly do: 'fault';
      readonly operation: FakeOperation | 'any';
      readonly fault: FakeFault;
      readonly times: number;
    }
  | { readonly do: 'mend' }
  | { readonly do: 'die'; readonly crossings: number }
  | { readonly do: 'sleep'; readonly crossings: number }
  | { readonly do: 'wake' };

const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      milliseconds: fc.constantFrom(300, 5_000, 60_000, OVERLAP, HOUR),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ do: 'begin' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'cancel' as const }) },
  { weight: 2, arbitrary: fc.constant({ do: 'rollback' as const }) },
  { weight: 2, arbitrary: fc.constant({ do: 'repair' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'unstick' as const }) },
  { weight: 2, arbitrary: fc.constant({ do: 'look' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'change-by-hand' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'put-target-back' as const }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('fault' as const),
      operation: fc.constantFrom<FakeOperation | 'any'>('create', 'set', 'test', 'revoke', 'probe', 'any'),
      fault: fc.constantFrom<FakeFault>(
        'down',
        'hangs',
        'lost-reply',
        'missing-privilege',
        'rejects-value',
        'unclear',
        'crashes',
      ),
      times: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'mend' as const }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('die' as const), crossings: fc.integer({ min: 1, max: 30 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('sleep' as const), crossings: fc.integer({ min: 1, max: 30 }) }),
  },
  { weight: 2, arbitrary: fc.constant({ do: 'wake' as const }) },
);

/** Remembers what is durable, so that the target can tell whether it hears of something that is not. */
class WatchedEscrow extends MemoryEscrowJournal {
  readonly texts: string[] = ['old-password', 'admin-password'];

  override async append(entry: EscrowEntry): Promise<void> {
    await super.append(entry);
    this.texts.push(entry.text);
  }
}

class WatchedTarget extends FakeTarget {
  readonly #escrow: WatchedEscrow;
  readonly #refusedInARow = new Map<string, number>();
  early = 0;
  /** The most logins of one account that were refused in a row within the window of the budget. */
  mostRefused = 0;

  constructor(escrow: WatchedEscrow) {
    super({ app: 'old-password', admin: 'admin-password' });
    this.#escrow = escrow;
  }

  /** People's own passwords need no journal. */
  known(password: string): void {
    this.#escrow.texts.push(password);
  }

  /** As it was at the beginning. */
  putBack(): void {
    this.users.clear();
    this.addUser('app', 'old-password');
    this.addUser('admin', 'admin-password');
  }

  /** Notes a login of ours with what the target said of it. */
  noteLogin(username: string, accepted: boolean): void {
    const row = accepted ? 0 : (this.#refusedInARow.get(username) ?? 0) + 1;
    this.#refusedInARow.set(username, row);
    this.mostRefused = Math.max(this.mostRefused, row);
  }

  /** Long enough after the last refusals a target forgets them. */
  forgetLogins(): void {
    this.#refusedInARow.clear();
  }

  override write(name: string, secret: string, number: number, passwords: readonly string[]): void {
    const durable = (password: string) => this.#escrow.texts.some((text) => text.includes(password));
    if (!passwords.every(durable)) this.early += 1;
    super.write(name, secret, number, passwords);
  }
}

/** The rotator, with each probe and test noted at the target. */
function counted(rotator: Rotator, target: WatchedTarget): Rotator {
  const usernameOf = (credential: string): string => JSON.parse(credential).username;
  return {
    ...rotator,
    probe: async (request) => {
      const seen = await rotator.probe(request);
      if (seen.outcome === 'accepted' || seen.outcome === 'refused')
        target.noteLogin(usernameOf(request.credential), seen.outcome === 'accepted');
      return seen;
    },
    test: async (request) => {
      try {
        const tested = await rotator.test(request);
        target.noteLogin(usernameOf(request.pending), true);
        return tested;
      } catch (error) {
        if (error instanceof RotatorError && error.class === 'refused-login')
          target.noteLogin(usernameOf(request.pending), false);
        throw error;
      }
    },
  };
}

interface Server {
  readonly engine: Engine;
  readonly clock: FakeClock;
  /** Crossings until it stops; infinite while it is well. */
  left: number;
  stops: 'dies' | 'sleeps';
  state: 'awake' | 'asleep' | 'dead';
  wake: () => void;
}

/** Several servers over one store and one target. */
class World {
  readonly house: House<WatchedTarget>;
  readonly servers: Server[] = [];
  readonly everCurrent = new Set<string>();
  /**
   * True from when somebody else changed the target until what is current was seen to log in again, and no rotation is
   * under way that proved its value before the change.
   */
  changedByOthers = false;
  #time: number;

  static async open(strategy: Strategy, scheduled: boolean): Promise<World> {
    const escrow = new WatchedEscrow();
    const target = new WatchedTarget(escrow);
    const functions = (access: SecretAccess, random: RandomSource) => {
      const strategies = [...new Set([strategy, 'single-user' as const])];
      const made = rotationFunctionFrom(counted(fake(target, { strategies }), target), access, { random });
      return () => made;
    };
    const rule = scheduled ? ({ kind: 'every', every: HOUR } as const) : ({ kind: 'manual' } as const);
    const house = await House.open({ target, escrow, rule, settings: { strategy, overlap: OVERLAP }, functions });
    const world = new World(house);
    await world.addServer();
    await world.addServer();
    return world;
  }

  private constructor(house: House<WatchedTarget>) {
    this.house = house;
    this.#time = new FakeClock().now();
  }

  async addServer(): Promise<Server> {
    const clock = new FakeClock(this.#time);
    const server: Omit<Server, 'engine'> & { engine?: Engine } = {
      clock,
      left: Number.POSITIVE_INFINITY,
      stops: 'dies',
      state: 'awake',
      wake: () => {},
    };
    const alerts = new Alerts({ store: this.house.store, clock, random: seededRandom('alerts'), senders: ['webhook'] });
    server.engine = await this.house.server({ clock, alerts, boundary: () => stopIfTime(server as Server) });
    this.servers.push(server as Server);
    return server as Server;
  }

  get awake(): readonly Server[] {
    return this.servers.filter(({ state }) => state === 'awake');
  }

  async play(event: Event): Promise<void> {
    switch (event.do) {
      case 'pass':
        return this.pass(event.milliseconds);
      case 'begin':
        return this.begin();
      case 'cancel':
        return this.#ask(({ rotations }, secretId) => rotations.cancel(secretId, this.#time));
      case 'rollback':
        return this.#ask(({ corrections }, secretId) => corrections.rollback(secretId, 'test'));
      case 'repair':
        return this.repair();
      case 'unstick':
        return this.#ask(({ unstick }, secretId) => unstick.unstick(secretId, 'test'));
      case 'look':
        return this.#ask(({ drift }, secretId) => drift.look(secretId));
      case 'change-by-hand':
        return this.#changeByHand();
      case 'put-target-back':
        return this.#putTargetBack();
      case 'fault':
        return this.house.target.breaks(event.operation, event.fault, event.times);
      case 'mend':
        return this.house.target.mend();
      case 'die':
      case 'sleep': {
        const server = this.awake[0];
        if (server === undefined) return;
        server.left = event.crossings;
        server.stops = event.do === 'die' ? 'dies' : 'sleeps';
        return;
      }
      case 'wake':
        return this.wake();
    }
  }

  begin(): Promise<void> {
    const request = { versionId: null, cause: 'manual', askedBy: 'test' } as const;
    return this.#ask(({ rotations }, secretId) => rotations.begin(secretId, request));
  }

  repair(): Promise<void> {
    return this.#ask(({ corrections }, secretId) => corrections.repair(secretId, 'test'));
  }

  /** What a person asks may be refused; nobody answers while every server is down. */
  async #ask(request: (engine: Engine, secretId: string) => Promise<unknown>): Promise<void> {
    const server = this.awake[0];
    if (server !== undefined) await this.#await(server, request(server.engine, this.house.secretId));
  }

  /** A person changes the password that is in use, behind rekey's back: current may be refused, and that is no fault. */
  async #changeByHand(): Promise<void> {
    const text = (await this.house.textOf(CURRENT)) ?? '{}';
    const { username } = JSON.parse(text);
    this.house.target.changeByHand(username, 'by hand');
    this.house.target.known('by hand');
    this.changedByOthers = true;
  }

  /** The target as it was before anything was rotated, with last month's password. */
  async #putTargetBack(): Promise<void> {
    this.house.target.putBack();
    this.changedByOthers = true;
  }

  /** Time passes for everybody who is awake, with a pass of each server at the beginning and at the end. */
  async pass(milliseconds: number): Promise<void> {
    await this.#tick();
    this.#time += milliseconds;
    if (milliseconds >= DEFAULT_LOGIN_LIMIT.window) this.house.target.forgetLogins();
    for (const { clock } of this.awake) await clock.advance(this.#time - clock.now());
    await this.#tick();
  }

  async wake(): Promise<void> {
    for (const server of this.servers) {
      if (server.state !== 'asleep') continue;
      server.state = 'awake';
      server.left = Number.POSITIVE_INFINITY;
      server.clock.skip(this.#time - server.clock.now());
      server.wake();
      await quiet();
      await server.clock.advance(0);
    }
  }

  /** Until nothing is left to do; a person takes up what is blocked. */
  async settle(): Promise<void> {
    this.house.target.mend();
    await this.wake();
    for (const server of this.servers) server.left = Number.POSITIVE_INFINITY;
    await this.addServer();
    for (let turn = 0; turn < 60; turn += 1) {
      await this.pass(turn % 3 === 2 ? OVERLAP : 15_000);
      const records = await this.records();
      const refused = !(await this.house.accepts(CURRENT));
      if (refused && !records.some((record) => inSwitchWindow(record))) await this.repair();
      else if (records.some(({ state }) => state === 'blocked')) await this.begin();
      else if (turn > 3 && records.every(({ nextAttemptAt }) => nextAttemptAt === null)) return;
    }
    assert.fail(`it does not come to an end: ${JSON.stringify((await this.records()).at(0), null, 1)}`);
  }

  async records() {
    return (await this.house.store.list('rotation', { index: 'secret', descending: true, limit: 100 })).map(
      ({ record }) => record,
    );
  }

  async check(when: string): Promise<void> {
    const { house } = this;
    const current = await house.textOf(CURRENT);
    assert.ok(current !== null, `there is a current value ${when}`);
    this.everCurrent.add(current);
    const open = (await this.records()).filter(({ startedAt, endedAt }) => startedAt !== null && endedAt === null);
    assert.ok(open.filter(({ cause }) => cause !== 'drift').length <= 1, `rotations do not overlap ${when}`);
    assert.ok(open.filter(({ promotedAt }) => promotedAt === null).length <= 1, `one at a time ${when}`);
    assert.equal(house.target.early, 0, `the target heard of a value that was not durable ${when}`);
    assert.ok(house.target.mostRefused <= DEFAULT_LOGIN_LIMIT.logins, `the target was asked too often ${when}`);
    const accepted = await house.accepts(CURRENT);
    if (accepted && open.length === 0) this.changedByOthers = false;
    if (accepted || this.changedByOthers) return;
    const isOpen = (await this.records()).some((record) => inSwitchWindow(record));
    assert.ok(
      isOpen,
      `current is refused outside a switch window ${when}: ${JSON.stringify((await this.records())[0], null, 1)}`,
    );
  }

  async checkEnd(): Promise<void> {
    const { house } = this;
    assert.equal(await house.accepts(CURRENT), true, 'what is current logs in');
    await this.#ask(({ drift }, secretId) => drift.look(secretId));
    const { versions } = await house.secret();
    const kept = await Promise.all(versions.map(({ id }) => house.store.getValue(house.secretId, id)));
    const texts = new Set(kept.map((value) => (value?.kind === 'text' ? value.text : '')));
    for (const text of this.everCurrent) assert.ok(texts.has(text), 'nothing that was ever current is lost');
    const scheduled = (await this.records()).filter(({ cause }) => cause === 'schedule');
    const elapsed = this.#time - new FakeClock().now();
    assert.ok(
      scheduled.length <= elapsed / HOUR,
      `each due rotation runs once, not ${scheduled.length} times in ${elapsed}`,
    );
    assert.deepEqual(await this.#standing(), [], 'no alert is left standing');
    for (const record of await this.records()) {
      assert.ok(['done', 'abandoned', 'rolled-back'].includes(record.state), `ended: ${record.state}`);
      const retires = record.state === 'done' && !isTemporary(record);
      if (retires) assert.ok(record.oldRefusedAt !== null, 'the old value was proven refused');
    }
  }

  /** Nobody is left with an alert of something that is over. */
  async #standing(): Promise<readonly string[]> {
    return (await this.house.store.list('alert', { index: 'since', limit: 10 })).map(({ record }) => record.condition);
  }

  async #tick(): Promise<void> {
    for (const server of this.awake) await this.#await(server, server.engine.worker.tick());
    if (this.awake.length === 0) await this.addServer();
  }

  /** Waits for what a server does, as long as it lives; what hangs at the target is given time to be given up. */
  async #await(server: Server, work: Promise<unknown>): Promise<void> {
    let settled = false;
    const done = work
      .then(
        () => true,
        () => true,
      )
      .then(() => {
        settled = true;
      });
    for (let turn = 0; turn < 40 && !settled && server.state === 'awake'; turn += 1) {
      await Promise.race([done, quiet()]);
      if (settled || server.state !== 'awake') break;
      if (turn < 5) continue;
      this.#time += 5_000;
      for (const { clock } of this.awake) await clock.advance(this.#time - clock.now());
    }
  }
}

function stopIfTime(server: Server): void | Promise<void> {
  server.left -= 1;
  if (server.state === 'dead') return new Promise(() => {});
  if (server.left > 0) return undefined;
  server.state = server.stops === 'dies' ? 'dead' : 'asleep';
  return new Promise((resolve) => {
    if (server.state === 'asleep') server.wake = resolve;
  });
}

describe('whatever happens', () => {
  for (const strategy of ['single-user', 'alternating-users', 'dual-password'] as const) {
    test(`(${strategy}) current logs in, nothing is lost, each due rotation runs once and ends proven`, async () => {
      const histories = fc.record({
        scheduled: fc.boolean(),
        events: fc.array(event, { minLength: 3, maxLength: 25 }),
      });
      await fc.assert(
        fc.asyncProperty(histories, async ({ scheduled, events }) => {
          const world = await World.open(strategy, scheduled);
          for (const [position, happening] of events.entries()) {
            await world.play(happening);
            await world.check(`after event ${position} (${JSON.stringify(happening)})`);
          }
          await stopSchedule(world);
          await world.settle();
          await world.check('at the end');
          await world.checkEnd();
        }),
        { numRuns: Number(process.env.REKEY_HISTORIES ?? 60) },
      );
    });
  }
});

/** So that the end is an end. */
async function stopSchedule({ house }: World): Promise<void> {
  const secret = (await house.store.get('secret', house.secretId))!;
  const rotation = secret.record.rotation && {
    ...secret.record.rotation,
    rule: { kind: 'manual' as const },
    plannedAt: null,
    deadlineAt: null,
  };
  await house.store.commit([
    { collection: 'secret', id: secret.id, record: { ...secret.record, rotation }, expect: secret.revision },
  ]);
}
