import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CURRENT, PENDING } from '@rekey/core';
import { FakeTarget, type FakeUser } from '@rekey/rotators';
import { fakeFunctions } from '../fake-functions.testing.ts';
import { credential, openBench } from '../house.testing.ts';

const MINUTE = 60_000;
const OVERLAP = 10 * MINUTE;

/** Logins go through a pooler that, while it is behind, judges by the passwords it read last. */
class PooledTarget extends FakeTarget {
  #read: ReadonlyMap<string, FakeUser> | null = null;

  fallBehind(): void {
    this.#read = new Map(this.users);
  }

  catchUp(): void {
    this.#read = null;
  }

  holds(name: string, password: string): boolean {
    return this.users.get(name)?.passwords.includes(password) ?? false;
  }

  override accepts(name: string, password: string): boolean {
    return (this.#read ?? this.users).get(name)?.passwords.includes(password) ?? false;
  }
}

/** A rotation of two users whose value the target has taken, while a pooler that is behind refuses it. */
async function refusedByPooler(passes: number) {
  const target = new PooledTarget({ app: 'old-password', admin: 'admin-password' });
  const bench = await openBench({
    target,
    settings: { strategy: 'alternating-users', overlap: OVERLAP },
    functions: fakeFunctions(target),
  });
  await bench.begin();
  target.breaks('create', 'down');
  await bench.worker.tick();
  target.fallBehind();
  await bench.pass(passes);
  const value = await bench.house.textOf(PENDING);
  const { username, password } = JSON.parse(value ?? '{}');
  const isHeld = () => target.holds(username, password);
  assert.equal(isHeld(), true, 'the target has taken the value');
  assert.equal((await bench.latest()).lastErrorClass, 'refused-login');
  return { ...bench, value, isHeld };
}

describe('a value that its target was given and that a login refused', () => {
  it('is kept when somebody puts another value and asks again: the refusal may be that of a pooler', async () => {
    const { house, target, clock, begin, latest, value, pass } = await refusedByPooler(20 * MINUTE);
    assert.equal((await latest()).state, 'blocked');
    target.catchUp();
    target.changeByHand('app', 'by-hand');
    await house.putByHand('b'.repeat(32), credential('app', 'by-hand'), clock.now());
    await begin();
    assert.equal(await house.textOf(PENDING), value);
    await pass(MINUTE);
    assert.equal(await house.textOf(CURRENT), value);
    assert.equal(await house.accepts(CURRENT), true);
  });

  it('is revoked at the target once its rotation was given up', async () => {
    const { house, rotations, clock, latest, target, pass, isHeld } = await refusedByPooler(20 * MINUTE);
    await rotations.cancel(house.secretId, clock.now());
    target.catchUp();
    await pass(2 * OVERLAP);
    assert.equal(isHeld(), false);
    assert.deepEqual([(await latest()).state, (await latest()).leftover], ['abandoned', 'revoked']);
    assert.equal(await house.accepts(CURRENT), true);
  });

  it('is kept by the rotation that took it up from one that was cancelled, though that never set it itself', async () => {
    const target = new FakeTarget({ app: 'old-password', admin: 'admin-password' });
    const acts: (() => Promise<void>)[] = [];
    const bench = await openBench(
      {
        target,
        settings: { strategy: 'dual-password', overlap: OVERLAP },
        functions: fakeFunctions(target, { strategies: ['dual-password'] }),
      },
      {
        boundary: async (at) =>
          at === 'before:set-outcome' || at === 'after:create-intent' ? acts.shift()?.() : undefined,
      },
    );
    const { house, begin, worker, clock, latest } = bench;
    const nothing = async () => {};
    const cancel = async () => void (await bench.rotations.cancel(house.secretId, clock.now()));
    const handOver = async () => {
      target.changeByHand('app', 'by-hand');
      await house.putByHand('b'.repeat(32), credential('app', 'by-hand'), clock.now());
    };
    acts.push(nothing, cancel, handOver);
    await begin();
    await worker.tick();
    const value = await house.textOf(PENDING);
    await begin();
    await worker.tick();
    assert.equal((await latest()).state, 'blocked');
    await begin();
    assert.equal(await house.textOf(PENDING), value, 'the target was given it by the one that was cancelled');
  });

  it('is not given up with one password either, while the value before logs in: that may be the pooler, too', async () => {
    const target = new PooledTarget({ app: 'old-password', admin: 'admin-password' });
    const { house, begin, pass } = await openBench({
      target,
      settings: { strategy: 'single-user' },
      functions: fakeFunctions(target),
    });
    await begin();
    target.breaks('test', 'rejects-value');
    target.fallBehind();
    await pass(20 * MINUTE);
    const value = (await house.textOf(PENDING)) ?? '{}';
    assert.equal(target.holds('app', JSON.parse(value).password), true, 'the value that the target holds is kept');
    target.catchUp();
    await pass(2 * MINUTE);
    assert.equal(await house.textOf(CURRENT), value, 'and current within minutes of the moment when it logs in');
  });

  it('is not given up for another when the target then rejects it, until the pooler has had time', async () => {
    const { house, target, latest, value, pass, isHeld } = await refusedByPooler(MINUTE);
    target.breaks('set', 'rejects-value');
    await pass(10 * MINUTE);
    assert.equal(isHeld(), true);
    assert.equal(await house.textOf(PENDING), value);
    assert.match((await latest()).waitingFor ?? '', /rejected the new value, and an earlier attempt may have set it/);
    target.catchUp();
    await pass(60 * MINUTE);
    assert.equal(await house.textOf(CURRENT), value, 'the value that the target held all the while');
    assert.equal(await house.accepts(CURRENT), true);
  });
});
