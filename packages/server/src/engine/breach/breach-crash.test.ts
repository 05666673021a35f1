import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CURRENT, PENDING } from '@rekey/core';
import { FakeTarget } from '@rekey/rotators';
import type { BreachRecord } from '../../store/breach-record.ts';
import type { Store } from '../../store/store.ts';
import { FakeClock } from '../fake-clock.testing.ts';
import { fakeFunctions } from '../fake-functions.testing.ts';
import { House } from '../house.testing.ts';
import { seededRandom } from '../seeded-random.testing.ts';
import { type Engine, openEngine } from '../testing.ts';

/** A server dies before or after every write of a breach's work; another one finds the work and ends it. */

const MINUTE = 60_000;
/** Longer than any claim of the dead one lasts. */
const LATER = 5 * MINUTE;
const WRITES = ['commit', 'claim', 'renew', 'release'] as const;
type Moment = 'before' | 'after';
type Strategy = 'alternating-users' | 'single-user';

/** A store whose caller dies at its nth write: nothing comes back from it, and nothing more is written by the dead. */
function mortal(store: Store, dieAt: number, moment: Moment) {
  let [writes, dead] = [0, false];
  let died = () => {};
  const death = new Promise<true>((resolve) => {
    died = () => resolve(true);
  });
  const never = new Promise<never>(() => {});
  const write =
    (method: (typeof WRITES)[number]) =>
    async (...parameters: unknown[]) => {
      if (dead) return never;
      writes += 1;
      dead = writes === dieAt;
      const isLast = dead;
      const perform = () => (store[method] as (...given: unknown[]) => Promise<unknown>).apply(store, parameters);
      const answer = isLast && moment === 'before' ? never : await perform();
      if (!isLast) return answer;
      died();
      return never;
    };
  const instead = new Map<PropertyKey, unknown>(WRITES.map((method) => [method, write(method)]));
  const proxy = new Proxy(store, {
    get(from, name) {
      const own = instead.get(name) ?? Reflect.get(from, name, from);
      return typeof own === 'function' && !instead.has(name) ? own.bind(from) : own;
    },
  });
  return { store: proxy, death };
}

async function openHouse(strategy: Strategy) {
  const target = new FakeTarget({ app: 'old-password', admin: 'admin-password' });
  return House.open({ target, settings: { strategy, overlap: 10 * MINUTE }, functions: fakeFunctions(target) });
}

/** Lets the work go on until the breach is over. */
async function settle({ breach, worker, clock }: Engine, id: string): Promise<BreachRecord> {
  for (let turn = 0; turn < 400; turn++) {
    await breach.work.pass();
    await worker.tick();
    const found = await breach.breaches.find(id);
    if (found?.state === 'done') return found;
    await clock.advance(500);
  }
  return assert.fail('the breach does not come to an end');
}

async function report({ breach: { breaches, fingerprints } }: Engine): Promise<string> {
  const settings = { overlap: 2_000 };
  const told = {
    source: 'value',
    askedBy: 'test',
    fingerprints: fingerprints.fingerprintsOf('old-password'),
    settings,
  } as const;
  return (await breaches.report([told]))[0]!.id;
}

/** False once the work needs fewer writes than that. */
async function killedAt(strategy: Strategy, dieAt: number, moment: Moment): Promise<boolean> {
  const house = await openHouse(strategy);
  const first = await house.server({ clock: new FakeClock() });
  for (const job of first.breach.fingerprints.jobs) await job.run();
  const id = await report(first);
  const { store, death } = mortal(house.store, dieAt, moment);
  const clock = new FakeClock();
  const doomed = await openEngine({ ...surroundings(house, first), store, clock });
  const life = settle(doomed, id);
  const isCut = await Promise.race([death, life.then(() => false)]);
  if (!isCut) return false;
  const heir = await house.server({ clock: new FakeClock(clock.now() + LATER) });
  const { cases } = await settle(heir, id);
  await assertOver(house, cases, `killed ${moment} write ${dieAt}`);
  return true;
}

function surroundings(house: House<FakeTarget>, { escrow, alerts }: Engine) {
  return { escrow, alerts, random: seededRandom('doomed'), functions: fakeFunctions(house.target) };
}

async function assertOver(house: House<FakeTarget>, cases: BreachRecord['cases'], when: string): Promise<void> {
  assert.deepEqual(
    cases.map(({ state, outcome }) => [state, outcome]),
    [['finished', 'rotated']],
    when,
  );
  assert.notEqual(cases[0]?.refusedAt ?? null, null, `${when}: the refusal is in the report`);
  assert.equal(house.target.accepts('app', 'old-password'), false, `${when}: the leaked value is dead`);
  assert.equal(await house.accepts(CURRENT), true, `${when}: applications are let in`);
  assert.equal(await house.textOf(PENDING), null, `${when}: nothing is left pending`);
  const rotations = await house.store.list('rotation', { index: 'secret', limit: 10 });
  assert.equal(rotations.length, 1, `${when}: it is rotated once`);
}

describe('a breach whose server is killed', () => {
  for (const strategy of ['alternating-users', 'single-user'] as const)
    for (const moment of ['before', 'after'] as const)
      it(`${moment} any of its writes is ended by the next one, with one rotation and the leaked value dead (${strategy})`, async () => {
        let dieAt = 1;
        while (await killedAt(strategy, dieAt, moment)) dieAt += 1;
        assert.ok(dieAt > 15, `only ${dieAt - 1} writes were struck`);
      });
});

/** A store on which `meanwhile` happens right after the next read of a secret: what was read is old when it arrives. */
function overtaken(store: Store, meanwhile: () => Promise<void>): Store {
  let isNext = true;
  const get = async (collection: 'secret', id: string) => {
    const answer = await store.get(collection, id);
    if (collection !== 'secret' || !isNext) return answer;
    isNext = false;
    await meanwhile();
    return answer;
  };
  return new Proxy(store, {
    get(from, name) {
      if (name === 'get') return get;
      const own = Reflect.get(from, name, from);
      return typeof own === 'function' ? own.bind(from) : own;
    },
  });
}

describe('a breach whose rotation is promoted while it looks', () => {
  for (const strategy of ['alternating-users', 'single-user'] as const)
    it(`begins no second one, which would take the new value from those who have just read it (${strategy})`, async () => {
      const house = await openHouse(strategy);
      const clock = new FakeClock();
      const working = await house.server({ clock });
      for (const job of working.breach.fingerprints.jobs) await job.run();
      const id = await report(working);
      await working.breach.work.pass(); // finds the secret
      await working.breach.work.pass(); // begins its rotation
      await clock.advance(1_000);
      const promoted = async () => {
        await working.worker.tick();
        assert.notEqual((await working.rotations.history(house.secretId, 1))[0]?.promotedAt ?? null, null);
      };
      const store = overtaken(house.store, promoted);
      const looking = await openEngine({ ...surroundings(house, working), store, clock });
      await looking.breach.work.pass();
      assert.equal((await working.rotations.history(house.secretId)).length, 1);
      const { cases } = await settle(working, id);
      await assertOver(house, cases, 'promoted meanwhile');
    });
});
