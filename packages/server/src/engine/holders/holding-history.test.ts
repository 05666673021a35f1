import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Caller, rootPrincipal, silentLogger } from '@rekey/core';
import { openMemoryStore } from '../../store/testing.ts';
import { FakeClock } from '../fake-clock.testing.ts';
import { Holders } from './holders.ts';
import { HOLDING_KEPT } from './holding-history.ts';

const DAY = 86_400_000;

const caller = (address: string): Caller => ({
  ...{ principal: rootPrincipal('000000000000'), accessKeyId: 'AKIAAPP', address, secure: true },
  ...{ userAgent: null, face: 'test', requestId: 'r' },
});

async function open() {
  const clock = new FakeClock(0);
  const store = await openMemoryStore({ now: () => clock.now() });
  const server = () => new Holders({ store, clock, log: silentLogger });
  const seen = async (holders: Holders) =>
    (await holders.history.list('s')).map(({ address, versionId, firstSeenAt, lastSeenAt }) => [
      ...[address, versionId, firstSeenAt, lastSeenAt],
    ]);
  return { clock, store, server, seen };
}

describe('the history of holders', () => {
  it('tells who held a version from when to when, once they have moved on', async () => {
    const { clock, server, seen } = await open();
    const holders = server();
    holders.saw(caller('a'), 's', 'v1');
    await clock.advance(100);
    holders.saw(caller('a'), 's', 'v1');
    assert.deepEqual(await seen(holders), []);
    await clock.advance(100);
    holders.saw(caller('a'), 's', 'v2');
    await clock.advance(1_000);
    assert.deepEqual(await seen(holders), [['a', 'v1', 0, 100]]);
  });

  it('misses no version of one that goes to and fro within a second', async () => {
    const { clock, server, seen } = await open();
    const holders = server();
    for (const version of ['v1', 'v2', 'v1', 'v3']) {
      holders.saw(caller('a'), 's', version);
      await clock.advance(10);
    }
    assert.deepEqual(await seen(holders), [
      ['a', 'v1', 0, 20],
      ['a', 'v2', 10, 10],
    ]);
  });

  it('goes on where a server that stopped left off', async () => {
    const { clock, server, seen } = await open();
    const before = server();
    before.saw(caller('a'), 's', 'v1');
    await before.close();
    await clock.advance(DAY);
    const after = server();
    after.saw(caller('a'), 's', 'v2');
    await after.flush();
    assert.deepEqual(await seen(after), [['a', 'v1', 0, 0]]);
  });

  it('is bounded in time', async () => {
    const { clock, store, server, seen } = await open();
    const holders = server();
    holders.saw(caller('a'), 's', 'v1');
    holders.saw(caller('a'), 's', 'v2');
    await holders.flush();
    await clock.advance(HOLDING_KEPT + DAY);
    holders.saw(caller('b'), 's', 'v1');
    holders.saw(caller('b'), 's', 'v2');
    await holders.flush();
    assert.equal(await store.count('holding'), 1);
    assert.equal((await seen(holders))[0]?.[0], 'b');
  });
});
