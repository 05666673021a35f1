import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CURRENT, PENDING, PREVIOUS, type Strategy } from '@rekey/core';
import { FakeTarget } from '@rekey/rotators';
import { BOUNDARIES, type Boundary } from '../boundary.ts';
import { FakeClock } from '../fake-clock.testing.ts';
import { fakeFunctions } from '../fake-functions.testing.ts';
import { House } from '../house.testing.ts';
import type { Engine } from '../testing.ts';

/**
 * A server stops for good at each durable boundary of a rollback and of a repair, another takes over: each ends by
 * itself where it was meant to, and nothing that was ever current is lost.
 */

const STRATEGIES: readonly Strategy[] = ['single-user', 'alternating-users', 'dual-password'];
const OVERLAP = 60_000;

const CORRECTIONS = {
  rollback: {
    begin: ({ corrections }: Engine, secretId: string) => corrections.rollback(secretId, 'test'),
    spoil: () => {},
    /** Label under which the value lies that must be current in the end. */
    wanted: PREVIOUS,
  },
  repair: {
    begin: ({ corrections }: Engine, secretId: string) => corrections.repair(secretId, 'test'),
    spoil: (target: FakeTarget, username: string) => target.changeByHand(username, 'by hand'),
    wanted: CURRENT,
  },
} as const;

async function open(strategy: Strategy) {
  const target = new FakeTarget({ app: 'old-password', admin: 'admin-password' });
  const strategies = [...new Set([strategy, 'single-user' as const])];
  const house = await House.open({
    target,
    settings: { strategy, overlap: OVERLAP },
    functions: fakeFunctions(target, { strategies }),
  });
  const server = await house.server({ clock: new FakeClock() });
  await server.rotations.begin(house.secretId, { versionId: null, cause: 'manual', askedBy: 'test' });
  await drive(server);
  return { house, target, clock: server.clock };
}

async function drive({ worker, clock, store }: Engine, turns = 200): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) {
    await worker.tick();
    const [first] = await store.list('rotation', { index: 'next', limit: 1 });
    if (first === undefined) return;
    await clock.advance(Math.max(500, (first.record.nextAttemptAt ?? 0) - clock.now()));
  }
  assert.fail('it does not come to an end');
}

/** Lives until it reaches the boundary, and never goes on from there; true if it did. */
async function diesAt(
  house: House<FakeTarget>,
  clock: FakeClock,
  at: Boundary,
  life: (engine: Engine) => Promise<void>,
) {
  let stopped = () => {};
  const reached = new Promise<boolean>((resolve) => {
    stopped = () => resolve(true);
  });
  const server = await house.server({
    clock,
    boundary: (boundary) => {
      if (boundary !== at) return undefined;
      stopped();
      return new Promise<void>(() => {});
    },
  });
  return Promise.race([reached, life(server).then(() => false)]);
}

for (const [name, correction] of Object.entries(CORRECTIONS)) {
  describe(`a ${name} whose server is killed at each durable boundary`, () => {
    for (const strategy of STRATEGIES)
      for (const lost of [false, true])
        test(`(${strategy}${lost ? ', the reply to set lost' : ''}) ends by itself where it was meant to`, async () => {
          let reached = 0;
          for (const at of BOUNDARIES) {
            const { house, target, clock } = await open(strategy);
            const wanted = await house.textOf(correction.wanted);
            const known = (await house.secret()).versions.map(({ id }) => id);
            correction.spoil(target, JSON.parse((await house.textOf(CURRENT)) ?? '').username);
            if (lost) target.breaks('set', 'lost-reply');
            const begin = (engine: Engine) => correction.begin(engine, house.secretId);
            const died = await diesAt(house, new FakeClock(clock.now()), at, async (engine) => {
              await begin(engine);
              await drive(engine);
            });
            if (!died) continue;
            reached += 1;
            const heir = await house.server({ clock: new FakeClock(clock.now()) });
            const before = await heir.rotations.history(house.secretId);
            if (before.length === 1) await begin(heir);
            await drive(heir);
            const [last] = await heir.rotations.history(house.secretId);
            const versions = (await house.secret()).versions.map(({ id }) => id);
            assert.equal(last?.state, 'done', `${at}: ${JSON.stringify(last, null, 1)}`);
            assert.equal(await house.textOf(CURRENT), wanted, at);
            assert.equal(await house.accepts(CURRENT), true, at);
            assert.equal(await house.textOf(PENDING), null, at);
            assert.deepEqual(versions, known, at);
          }
          assert.ok(reached >= 12, `only ${reached} boundaries were reached`);
        });
  });
}
