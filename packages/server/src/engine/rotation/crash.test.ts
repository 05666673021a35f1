import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CURRENT, PENDING, PREVIOUS, type Strategy } from '@rekey/core';
import { FakeTarget } from '@rekey/rotators';
import { BOUNDARIES, type Boundary } from '../boundary.ts';
import { FakeClock } from '../fake-clock.testing.ts';
import { fakeFunctions } from '../fake-functions.testing.ts';
import { House } from '../house.testing.ts';
import type { Engine } from '../testing.ts';
import { inSwitchWindow } from './rotation-change.ts';

/**
 * Every durable boundary × strategy × what the target does meanwhile: the process stops there for good (or only sleeps
 * and wakes up late), another takes over. Whatever happens, the rotation ends by itself with the value that was
 * recorded, and applications are let in throughout.
 */

const STRATEGIES: readonly Strategy[] = ['single-user', 'alternating-users', 'dual-password'];
const OVERLAP = 60_000;

const FAULTS = {
  none: () => {},
  'reply to set lost': (target: FakeTarget) => target.breaks('set', 'lost-reply'),
  'reply to revoke lost': (target: FakeTarget) => target.breaks('revoke', 'lost-reply'),
  'value rejected': (target: FakeTarget) => target.breaks('set', 'rejects-value'),
  'down for a while': (target: FakeTarget) => target.breaks('any', 'down', 4),
  'probe unclear': (target: FakeTarget) => target.breaks('probe', 'unclear', 3),
} as const;
type Fault = keyof typeof FAULTS;

async function open(strategy: Strategy) {
  const target = new FakeTarget({ app: 'old-password', admin: 'admin-password' });
  const house = await House.open({
    target,
    settings: { strategy, overlap: OVERLAP },
    functions: fakeFunctions(target, { strategies: [strategy] }),
  });
  return { house, target };
}

type TestHouse = House<FakeTarget>;

const begin = (house: TestHouse, { rotations }: Engine) =>
  rotations.begin(house.secretId, { versionId: null, cause: 'manual', askedBy: 'test' });

/** Passes and lets time pass until nothing is left to do. */
async function drive({ worker, clock, store }: Engine, turns = 200): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) {
    await worker.tick();
    const [first] = await store.list('rotation', { index: 'next', limit: 1 });
    if (first === undefined) return;
    await clock.advance(Math.max(500, (first.record.nextAttemptAt ?? 0) - clock.now()));
  }
  assert.fail('the rotation does not come to an end');
}

/** Applications are let in by what is current, except inside a single user's switch window. */
async function assertLetIn(house: TestHouse, when: string): Promise<void> {
  if (await house.accepts(CURRENT)) return;
  const activeId = (await house.secret()).rotation?.activeRotationId ?? null;
  const active = activeId === null ? null : await house.store.get('rotation', activeId);
  assert.ok(active !== null && inSwitchWindow(active.record), `current is refused ${when}`);
}

/** Runs a server until it reaches the boundary for the given time, or has nothing left to do. */
async function runUntil(
  house: TestHouse,
  at: Boundary,
  visit: number,
): Promise<{ reached: boolean; clock: FakeClock; wake: () => Promise<void> }> {
  let visits = 0;
  let wake = () => {};
  let stopped = () => {};
  const reached = new Promise<boolean>((resolve) => {
    stopped = () => resolve(true);
  });
  const clock = new FakeClock();
  const server = await house.server({
    clock,
    boundary: (boundary) => {
      if (boundary !== at) return undefined;
      visits += 1;
      if (visits !== visit) return undefined;
      stopped();
      return new Promise<void>((resolve) => {
        wake = resolve;
      });
    },
  });
  const life = begin(house, server).then(() => drive(server));
  const ended = life.then(() => false);
  const cut = await Promise.race([reached, ended]);
  return {
    reached: cut,
    clock,
    wake: async () => {
      wake();
      await life.catch(() => {});
    },
  };
}

async function assertEndedWell(house: TestHouse, recorded: string | null, mayBeFresh: boolean): Promise<void> {
  const { rotation, versions } = await house.secret();
  const rotations = await house.store.list('rotation', { index: 'secret', limit: 10 });
  const last = rotations.at(-1)!.record;
  assert.equal(last.state, 'done', JSON.stringify(last, null, 1));
  assert.ok(last.oldRefusedAt !== null, 'the old value is proven refused');
  assert.equal(await house.accepts(CURRENT), true, 'current is accepted');
  assert.equal(await house.accepts(PREVIOUS), false, 'previous is refused');
  assert.equal(await house.textOf(PENDING), null, 'nothing is left pending');
  assert.deepEqual([rotation?.activeRotationId, rotation?.queuedRotationId], [null, null]);
  assert.ok(
    versions.some(({ id }) => id === 'app-first'),
    'what was current is kept',
  );
  if (recorded !== null && !mayBeFresh)
    assert.equal(await house.textOf(CURRENT), recorded, 'the recorded value went on');
  const escrowed: string[] = [];
  for await (const { text } of house.escrow.entries()) escrowed.push(text);
  assert.ok(escrowed.includes((await house.textOf(CURRENT)) ?? ''), 'the escrow journal has it');
}

for (const strategy of STRATEGIES) {
  describe(`killed at each durable boundary (${strategy})`, () => {
    for (const fault of Object.keys(FAULTS) as Fault[]) {
      test(`with ${fault === 'none' ? 'a healthy target' : fault}: the rotation ends by itself`, async () => {
        let reachedAny = 0;
        for (const at of BOUNDARIES) {
          for (const visit of fault === 'none' || strategy === 'dual-password' ? [1] : [1, 2]) {
            const { house, target } = await open(strategy);
            FAULTS[fault](target);
            const { reached, clock } = await runUntil(house, at, visit);
            if (!reached) continue;
            reachedAny += 1;
            await assertLetIn(house, `${at} #${visit}`);
            const recorded = await house.textOf(PENDING);
            const heir = await house.server({ clock: new FakeClock(clock.now()) });
            if ((await heir.rotations.history(house.secretId)).length === 0) await begin(house, heir);
            await drive(heir);
            await assertEndedWell(house, recorded, fault === 'value rejected').catch((error) => {
              throw new Error(`${at} #${visit}: ${error.message}`);
            });
          }
        }
        assert.ok(reachedAny >= 20, `only ${reachedAny} boundaries were reached`);
      });
    }
  });

  describe(`paused at each durable boundary and waking up late (${strategy})`, () => {
    for (const rounds of [0, 1]) {
      test(`after ${rounds === 0 ? 'the same rotation' : 'a newer rotation'} was done by another: nothing is undone`, async () => {
        for (const at of BOUNDARIES) {
          const { house } = await open(strategy);
          const { reached, clock, wake } = await runUntil(house, at, 1);
          if (!reached) continue;
          const heir = await house.server({ clock: new FakeClock(clock.now()) });
          if ((await heir.rotations.history(house.secretId)).length === 0) await begin(house, heir);
          await drive(heir);
          for (let round = 0; round < rounds; round += 1) {
            await begin(house, heir);
            await drive(heir);
          }
          const current = await house.textOf(CURRENT);
          await wake();
          await drive(heir);
          const message = `${at}: ${await house.textOf(CURRENT)}`;
          if (at !== 'before:begin') assert.equal(await house.textOf(CURRENT), current, message);
          assert.equal(await house.accepts(CURRENT), true, message);
          assert.notEqual(await house.accepts(PREVIOUS), true, message);
        }
      });
    }
  });
}
