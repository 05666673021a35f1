import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CURRENT } from '@rekey/core';
import { FakeTarget } from '@rekey/rotators';
import { openMemoryStore } from '../../store/testing.ts';
import type { Boundary, BoundaryHook } from '../boundary.ts';
import { FakeClock } from '../fake-clock.testing.ts';
import { fakeFunctions } from '../fake-functions.testing.ts';
import { type HouseOptions, openBench, putSecret } from '../house.testing.ts';

import { LoginBudget } from './login-budget.ts';
import type { LoginOutcome } from './login-count.ts';

const MINUTE = 60_000;
const LIMIT = { logins: 3, window: 10 * MINUTE };

async function open() {
  const clock = new FakeClock();
  const store = await openMemoryStore({ now: () => clock.now() });
  const server = () => new LoginBudget({ store, clock, limit: LIMIT });
  const budget = server();
  const login = async (outcome: LoginOutcome | 'dies', account = 'app') => {
    const charged = await budget.charge(account);
    if ('spentUntil' in charged) return charged.spentUntil;
    if (outcome !== 'dies') await budget.settle(charged.charge, outcome);
    return null;
  };
  return { clock, budget, server, login, store };
}

describe('the budget of logins', () => {
  test('lets three be refused within ten minutes, and says when the next is allowed', async () => {
    const { clock, login } = await open();
    const began = clock.now();
    for (let round = 0; round < 3; round += 1) {
      assert.equal(await login('refused'), null);
      await clock.advance(MINUTE);
    }
    assert.equal(await login('refused'), began + 10 * MINUTE);
    await clock.advance(7 * MINUTE);
    assert.equal(await login('refused'), null);
    assert.equal(await login('refused'), began + 11 * MINUTE);
  });

  test('counts a login whose server died before it was answered from when it was judged at the latest, and is shared by all servers', async () => {
    const { login, server, clock } = await open();
    for (let round = 0; round < 3; round += 1) await login('dies');
    assert.equal(await server().spentUntil('app'), clock.now() + 12 * MINUTE);
  });

  test('lets one more be made where that may end an outage, and counts it as well', async () => {
    const { budget, login } = await open();
    for (let round = 0; round < 3; round += 1) await login('refused');
    assert.ok('charge' in (await budget.charge('app', 1)));
    assert.ok('spentUntil' in (await budget.charge('app', 1)));
  });

  test('counts a login again whose server was paused meanwhile, since it is made only now', async () => {
    const { clock, store } = await open();
    let wake = () => {};
    const boundary = (reached: Boundary) => {
      if (reached !== 'before:login' || clock.now() !== asked) return undefined;
      return new Promise<void>((resolve) => {
        wake = resolve;
      });
    };
    const asked = clock.now();
    const charging = new LoginBudget({ store, clock, limit: LIMIT, boundary }).charge('app');
    await clock.advance(LIMIT.window);
    wake();
    const charged = await charging;
    assert.ok('charge' in charged);
    assert.equal(charged.charge.at, clock.now() + 2 * MINUTE);
  });

  test('never counts a target that could not be looked at, for however long', async () => {
    const { login, store } = await open();
    for (let round = 0; round < 50; round += 1) assert.equal(await login('could-not-look'), null);
    assert.equal(await store.count('login'), 0);
  });

  test('begins anew after a login that was accepted, as the target does', async () => {
    const { login } = await open();
    for (let round = 0; round < 20; round += 1) {
      for (const outcome of ['refused', 'refused', 'accepted'] as const) assert.equal(await login(outcome), null);
    }
  });

  test('is each account’s own', async () => {
    const { login } = await open();
    for (let round = 0; round < 3; round += 1) await login('refused');
    assert.notEqual(await login('refused'), null);
    assert.equal(await login('refused', 'admin'), null);
  });

  test('holds among servers that log in side by side', async () => {
    const { server } = await open();
    const charges = await Promise.all(Array.from({ length: 12 }, () => server().charge('app')));
    assert.equal(charges.filter((charged) => 'charge' in charged).length, 3);
  });
});

function openRotation({ strategy = 'single-user', boundary = () => {} }: RotationWish = {}) {
  const target = new FakeTarget({ app: 'old-password', admin: 'admin-password' });
  const functions: HouseOptions<FakeTarget>['functions'] = fakeFunctions(target, { strategies: [strategy] });
  return openBench({ target, settings: { strategy, overlap: 0 }, functions }, { boundary });
}

interface RotationWish {
  readonly strategy?: 'single-user' | 'alternating-users';
  readonly boundary?: BoundaryHook;
}

describe('a rotation', () => {
  test('has each login on record before it is made, with the step it belongs to, and forgets it with what came of it', async () => {
    const counted: Record<string, number> = {};
    const { begin, latest, worker, target, house } = await openRotation({
      strategy: 'alternating-users',
      boundary: async (boundary) => {
        counted[boundary] = await house.store.count('login');
      },
    });
    await begin();
    await worker.tick();
    assert.equal((await latest()).state, 'done');
    assert.deepEqual([counted['before:set-outcome'], counted['after:set-outcome']], [1, 2], 'the test');
    assert.deepEqual([counted['before:test-outcome'], counted['after:test-outcome']], [2, 1], 'it was accepted');
    assert.deepEqual([counted['before:revocation'], counted['before:end']], [1, 1], 'the proof of refusal');
    assert.equal(target.calls.at(-1), 'probe app');
  });

  test('gives a login back that was counted and is not made after all', async () => {
    const byHand = JSON.stringify({ host: 'db', username: 'app', password: 'old-password', masterarn: 'admin' });
    const { begin, worker, house, clock } = await openRotation({
      strategy: 'alternating-users',
      boundary: async (boundary) => {
        if (boundary === 'after:set-outcome') await house.putByHand('b'.repeat(32), byHand, clock.now());
      },
    });
    await begin();
    await worker.tick();
    assert.equal(await house.textOf(CURRENT), byHand);
    assert.equal(await house.store.count('login'), 1, 'only the one that proved that the target checks passwords');
  });
});

describe('a rotation whose budget is spent', () => {
  test('waits and says so instead of logging in, and goes on by itself', async () => {
    const { engine, begin, latest, worker, target, pass, house, clock } = await openRotation();
    for (let round = 0; round < 3; round += 1) await engine.budget.charge('fake://db app');
    await begin();
    await worker.tick();
    assert.match((await latest()).waitingFor ?? '', /3 logins of this credential were refused or went unanswered/);
    assert.deepEqual(target.calls, []);
    assert.equal((await latest()).nextAttemptAt, clock.now() + 12 * MINUTE);
    await pass(13 * MINUTE);
    assert.equal((await latest()).state, 'done');
    assert.equal(await house.accepts(CURRENT), true);
  });

  test('stops before the admin credential is locked, whichever secret it was refused for', async () => {
    const { engine, begin, latest, worker, target, pass, house } = await openRotation();
    for (let round = 0; round < 3; round += 1) await engine.budget.note('fake://db admin', 'refused');
    await begin();
    await worker.tick();
    assert.match((await latest()).waitingFor ?? '', /might make its target lock it/);
    assert.deepEqual(target.calls, ['probe app', 'create app']);
    await pass(11 * MINUTE);
    assert.equal(await house.accepts(CURRENT), true);
    assert.equal((await latest()).state, 'done');
  });

  test('after the admin credential was refused for one secret, does not try it for another', async () => {
    const { house, begin, latest, worker, target, pass, engine, clock } = await openRotation();
    target.changeByHand('admin', 'other');
    await begin();
    await worker.tick();
    await pass(8 * MINUTE);
    const tried = target.calls.filter((call) => call.startsWith('set')).length;
    target.addUser('second', 'old-password');
    const value = JSON.stringify({ host: 'db', username: 'second', password: 'old-password', masterarn: 'admin' });
    const secretId = await putSecret(house.store, clock.now(), { name: 'second', value });
    await engine.rotations.begin(secretId, { versionId: null, cause: 'manual', askedBy: 'test' });
    await worker.tick();
    await pass(MINUTE);
    assert.ok(tried + target.calls.filter((call) => call === 'set second').length <= 3);
    assert.notEqual((await latest()).state, 'done');
  });

  test('wrong passwords of some secrets do not use up the logins of the admin credential they share', async () => {
    const { house, begin, latest, worker, target, pass, engine, clock } = await openRotation();
    for (const name of ['one', 'two', 'three', 'four']) {
      target.addUser(name, 'changed by hand');
      target.breaks('set', 'refuses-login', 1);
      const value = JSON.stringify({ host: 'db', username: name, password: 'stored', masterarn: 'admin' });
      const secretId = await putSecret(house.store, clock.now(), { name, value });
      await engine.rotations.begin(secretId, { versionId: null, cause: 'manual', askedBy: 'test' });
      await worker.tick();
    }
    await begin();
    await worker.tick();
    await pass(MINUTE);
    assert.equal((await latest()).state, 'done');
  });
});
