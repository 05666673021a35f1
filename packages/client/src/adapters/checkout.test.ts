import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PoolClient } from 'pg';
import { sharedAbort } from '../clock.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { Checkout, type CheckoutHost } from './checkout.ts';

type Outcome = Error | PoolClient;

/** A client that only remembers how it was released. */
class FakeClient {
  readonly releases: unknown[] = [];
  release = (problem?: unknown) => void this.releases.push(problem);
}

/** A host whose pool answers when the test says so. */
function stage(options: Partial<CheckoutHost> = {}) {
  const clock = new FakeClock();
  const ending = sharedAbort();
  const attempts: ((error: Error | undefined, client: PoolClient | undefined) => void)[] = [];
  const spent = new Set<unknown>();
  let wake = () => {};
  const host: CheckoutHost = {
    secretId: 'shop/db',
    clock,
    ending: ending.signal,
    refusalBudget: 1_000,
    timeout: 0,
    acquire: (done) => attempts.push(done),
    isSpent: (client) => spent.has(client),
    lend: () => {},
    refusedVersion: (error) => (error.message === 'refused' ? 'v1' : null),
    untilNextLogin: () =>
      new Promise<void>((resolve) => {
        wake = resolve;
      }),
    ...options,
  };
  const outcomes: Outcome[] = [];
  new Checkout(host, (error, client) => outcomes.push((error ?? client)!)).attempt();
  const client = () => new FakeClient() as FakeClient & PoolClient;
  return { clock, ending, attempts, spent, outcomes, client, wake: () => wake() };
}

test('a client that was used with a version replaced since is closed, and another one is taken', () => {
  const { attempts, spent, outcomes, client } = stage();
  const [old, fresh] = [client(), client()];
  spent.add(old);
  attempts[0]!(undefined, old);
  assert.deepEqual(old.releases, [true]);
  attempts[1]!(undefined, fresh);
  assert.deepEqual(outcomes, [fresh]);
});

test('after a refusal the next attempt waits until it makes sense', async () => {
  const { attempts, outcomes, client, wake, clock } = stage();
  attempts[0]!(new Error('refused'), undefined);
  await clock.advance(500);
  assert.equal(attempts.length, 1);
  wake();
  await clock.advance(0);
  const fresh = client();
  attempts[1]!(undefined, fresh);
  assert.deepEqual(outcomes, [fresh]);
  assert.equal(clock.waiting, 0);
});

test('when the budget is over the refusal is told, with the last one as the cause', async () => {
  const { attempts, outcomes, clock } = stage();
  const refusal = new Error('refused');
  attempts[0]!(refusal, undefined);
  await clock.advance(999);
  assert.equal(outcomes.length, 0);
  await clock.advance(1);
  const { code, cause } = outcomes[0] as Error & { code?: string };
  assert.deepEqual([code, cause], ['refused', refusal]);
  assert.equal(clock.waiting, 0);
});

test('a client that comes after the time limit goes back to the pool, and the caller is told once', async () => {
  const { attempts, outcomes, client, wake, clock } = stage({ timeout: 300 });
  attempts[0]!(new Error('refused'), undefined);
  await clock.advance(100);
  wake();
  await clock.advance(0);
  await clock.advance(200);
  assert.match((outcomes[0] as Error).message, /timeout exceeded/);
  const late = client();
  attempts[1]!(undefined, late);
  assert.deepEqual(late.releases, [undefined]);
  assert.equal(outcomes.length, 1);
});

test('a failure after the time limit, and an end of the pool after it, tell nobody twice', async () => {
  const { attempts, outcomes, ending, clock } = stage({ timeout: 300 });
  attempts[0]!(new Error('refused'), undefined);
  await clock.advance(300);
  ending.abort();
  await clock.advance(2_000);
  assert.equal(outcomes.length, 1);
});

test('the end of the pool wakes a checkout that waits', async () => {
  const { attempts, outcomes, ending, clock } = stage();
  attempts[0]!(new Error('refused'), undefined);
  ending.abort();
  await clock.advance(0);
  assert.match((outcomes[0] as Error).message, /after calling end/);
});

test('any other failure is passed on as it is', () => {
  const { attempts, outcomes } = stage();
  const broken = new Error('ECONNREFUSED');
  attempts[0]!(broken, undefined);
  assert.deepEqual(outcomes, [broken]);
});
