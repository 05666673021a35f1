import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RekeyError } from '@rekey/core';
import { Keyring } from '../../seal/keyring.ts';
import { type CollectionName, INDEXES } from '../../store/collections.ts';
import type { StoreDriver } from '../../store/driver.ts';
import { MemoryDriver } from '../../store/memory.ts';
import type { Store } from '../../store/store.ts';
import { FakeClock } from '../fake-clock.testing.ts';
import { claimKey } from '../rotation/held-secrets.ts';
import { dyingDriver, type KeyedServer, MemorySeal, openKeyedServer } from './keys.testing.ts';

const refusal = (reason: string) => (error: unknown) => error instanceof RekeyError && error.reason === reason;

async function cluster(ids: readonly string[] = ['one']) {
  const [driver, seal, clock] = [new MemoryDriver(), new MemorySeal(), new FakeClock()];
  const servers: KeyedServer[] = [];
  for (const id of ids) servers.push(await openKeyedServer({ driver, seal, clock, id }));
  for (const server of servers) await server.settle();
  return { driver, seal, clock, servers, server: servers[0]! };
}

async function fill(store: Store, count: number): Promise<void> {
  for (let number = 0; number < count; number += 1)
    await store.commit([
      { collection: 'value', id: `s/${number}`, record: { kind: 'text', text: `value ${number}` } },
      { collection: 'setting', id: `kept-${number}`, record: { number } },
    ]);
}

/** Ids of the DEKs by which anything in the store is sealed. */
async function usedKeys(driver: StoreDriver): Promise<readonly number[]> {
  const used = new Set<number>();
  for (const collection of Object.keys(INDEXES) as CollectionName[])
    for (const { body } of await driver.list({ collection, index: null, limit: 10_000 }))
      used.add(Buffer.from(body).readUInt32BE(1));
  return [...used].sort();
}

async function assertWhole(store: Store, count: number): Promise<void> {
  for (let number = 0; number < count; number += 1) {
    assert.deepEqual(await store.getValue('s', String(number)), { kind: 'text', text: `value ${number}` });
    assert.deepEqual((await store.get('setting', `kept-${number}`))?.record, { number });
  }
  assert.deepEqual(await store.check(), []);
}

describe('a rotation of keys', () => {
  it('seals everything anew, then drops the old DEK; what is found by keyed hash is still found', async () => {
    const { driver, server } = await cluster();
    await fill(server.store, 250);
    const name = server.store.opaque('name', 'app/db');
    await server.upkeep.rotate('arn:aws:iam::000000000000:root');
    assert.match((await server.upkeep.status()).rotation!, /about to be used|waits/);
    await server.settle();
    assert.deepEqual(await usedKeys(driver), [2]);
    const status = await server.upkeep.status();
    assert.deepEqual([status.keys, status.activeKey.id, status.rotation], [1, 2, null]);
    assert.equal(status.lastRotation?.to, 2);
    assert.ok(status.lastRotation?.finishedAt);
    assert.equal(server.store.opaque('name', 'app/db'), name);
    await assertWhole(server.store, 250);
    const actions = server.audited.map(({ action }) => action);
    assert.deepEqual(actions, ['rekey:ActivateKey', 'rekey:DropKeys']);
  });

  it('is refused while one is under way', async () => {
    const { server } = await cluster();
    await server.upkeep.rotate('root');
    await assert.rejects(server.upkeep.rotate('root'), refusal('key-rotation-unfinished'));
  });

  it('changes nothing where the KEK is away, and reads go on', async () => {
    const { server, seal } = await cluster();
    await fill(server.store, 1);
    seal.isAway = true;
    await assert.rejects(server.upkeep.rotate('root'), refusal('seal-unavailable'));
    await assertWhole(server.store, 1);
    assert.equal((await server.upkeep.status()).keys, 1);
  });

  it('is carried to its end by the next process wherever the first one dies', async () => {
    let walked = 0;
    for (const when of ['before', 'after'] as const)
      for (let at = 1; ; at += 1) {
        const { driver, seal, clock, server } = await cluster();
        await fill(server.store, 5);
        const dying = dyingDriver(driver, at, when);
        const first = await openKeyedServer({ driver: dying.driver, seal, clock });
        const end = await first.upkeep
          .rotate('root')
          .then(() => first.settle())
          .catch((error: unknown) => error);
        if (!dying.isDead()) {
          assert.equal(end, undefined);
          walked += at - 1;
          break;
        }
        assert.ok(refusal('dead')(end), String(end));
        await clock.advance(20_000);
        const next = await openKeyedServer({ driver, seal, clock });
        await assertWhole(next.store, 5);
        await next.settle();
        const { keys, activeKey } = await next.upkeep.status();
        assert.equal(keys, 1, `killed ${when} write ${at}`);
        assert.deepEqual(await usedKeys(driver), [activeKey.id]);
        await assertWhole(next.store, 5);
      }
    assert.ok(walked > 40, `killed at ${walked} places`);
  });

  it('leaves a secret that is being rotated alone, and comes back for it', async () => {
    const { driver, server, clock } = await cluster();
    const { store } = server;
    const secret = { id: 'busy', name: 'busy', createdAt: 0, deletedAt: null, rotation: null, purgeAt: null };
    await store.commit([{ collection: 'secret', id: 'busy', record: secret as never }]);
    const revision = (await store.get('secret', 'busy'))!.revision;
    const key = claimKey('busy');
    const claim = await store.claim({ key, holder: 'one', now: clock.now(), milliseconds: 600_000 });
    await server.upkeep.rotate('root');
    await server.settle(5);
    assert.equal((await store.get('secret', 'busy'))!.revision, revision, 'the worker finds it as it left it');
    assert.ok((await usedKeys(driver)).includes(1));
    await store.release(claim!);
    await server.settle();
    assert.deepEqual(await usedKeys(driver), [2]);
  });

  it('waits until every server has the new DEK before any record is sealed with it', async () => {
    const { driver, servers, clock } = await cluster(['one', 'two']);
    const [one, two] = servers as [KeyedServer, KeyedServer];
    await one.upkeep.rotate('root');
    await one.upkeep.pass();
    assert.match((await one.upkeep.status()).rotation!, /waits for server two to have the new key/);
    await fill(one.store, 3);
    assert.deepEqual(await usedKeys(driver), [1]);
    await two.upkeep.pass();
    for (let round = 0; round < 6; round += 1) for (const server of servers) await server.settle(1);
    assert.deepEqual(await usedKeys(driver), [2]);
    await assertWhole(two.store, 3);
    await clock.advance(1);
  });

  it('does not wait for a server that is off before it seals, but before it drops the old DEK', async () => {
    const { driver, servers, clock, seal } = await cluster(['one', 'two']);
    const [one, two] = servers as [KeyedServer, KeyedServer];
    await fill(one.store, 3);
    await one.upkeep.rotate('root');
    await clock.advance(61_000);
    await one.settle(6);
    assert.deepEqual(await usedKeys(driver), [2]);
    assert.match((await one.upkeep.status()).rotation!, /waits for server two to seal its escrow journal anew/);
    // It was paused all the while: what it reads and writes is right at once.
    await assertWhole(two.store, 3);
    await two.store.commit([{ collection: 'setting', id: 'late', record: { by: 'two' } }]);
    assert.deepEqual(await usedKeys(driver), [2]);
    const again = await openKeyedServer({ driver, seal, clock, id: 'two' });
    await again.settle(2);
    await one.settle();
    assert.equal((await one.upkeep.status()).keys, 1);
    assert.deepEqual((await again.store.get('setting', 'late'))?.record, { by: 'two' });
  });

  it('refuses a write that a paused server sealed with a dropped DEK, which then seals it with the new one', async () => {
    const { driver, servers } = await cluster(['one', 'two']);
    const [one, two] = servers as [KeyedServer, KeyedServer];
    const later = one.store.keyring.renewed(1);
    await one.store.keys!.replace(later);
    await one.store.keys!.replace(later.withoutOlder());
    assert.equal(two.store.keyring.activeId, 1, 'it has not heard of it');
    await two.store.commit([{ collection: 'setting', id: 'late', record: { by: 'two' } }]);
    assert.deepEqual((await one.store.get('setting', 'late'))?.record, { by: 'two' });
    const late = await driver.get('setting', 'late');
    assert.equal(Buffer.from(late!.body).readUInt32BE(1), 2);
  });

  it('forgets a server that will not come back when it is told to', async () => {
    const { servers, clock } = await cluster(['one', 'two']);
    const [one] = servers as [KeyedServer];
    await one.upkeep.rotate('root');
    await clock.advance(61_000);
    await one.settle(6);
    assert.equal((await one.upkeep.status()).keys, 2);
    await assert.rejects(one.upkeep.forget('one'), refusal('invalid-state'));
    await assert.rejects(one.upkeep.forget('nobody'), refusal('not-found'));
    await one.upkeep.forget('two');
    await one.settle();
    assert.equal((await one.upkeep.status()).keys, 1);
  });
});

describe('the hand-over to another seal', () => {
  async function begun() {
    const made = await cluster(['one', 'two']);
    const next = new MemorySeal('other-seal');
    const { store, upkeep } = made.server;
    await fill(store, 2);
    const { seal: name, wrapped } = await store.keyring.wrap(next);
    await upkeep.addWrap({ seal: name, wrapped }, store.keys!.revision);
    return { ...made, next };
  }

  it('lets either seal open the store, until every server has opened it with the new one', async () => {
    const { driver, seal, next, clock, servers } = await begun();
    assert.match(
      (await servers[0]!.upkeep.status()).rewrap!,
      /either memory-seal or other-seal opens .* servers one, two/,
    );
    const one = await openKeyedServer({ driver, seal: next, clock, id: 'one' });
    await one.settle(2);
    assert.match((await one.upkeep.status()).rewrap!, /waits for server two/);
    await assertWhole((await openKeyedServer({ driver, seal, clock, id: 'two' })).store, 2);
    const two = await openKeyedServer({ driver, seal: next, clock, id: 'two' });
    await two.settle(2);
    assert.equal((await two.upkeep.status()).rewrap, null);
    assert.deepEqual((await one.upkeep.status()).seals, ['other-seal']);
    await assert.rejects(openKeyedServer({ driver, seal, clock }), refusal('other-seal'));
    await assertWhole((await openKeyedServer({ driver, seal: next, clock })).store, 2);
    await one.upkeep.rotate('root');
  });

  it('can be cancelled while no server has opened the store with the new seal', async () => {
    const { driver, seal, next, clock, server } = await begun();
    await server.upkeep.cancelWrap();
    await assert.rejects(server.upkeep.cancelWrap(), refusal('rewrap-none'));
    await assert.rejects(openKeyedServer({ driver, seal: next, clock }), refusal('other-seal'));
    await assertWhole((await openKeyedServer({ driver, seal, clock })).store, 2);
  });

  it('is not cancelled under a server that needs it', async () => {
    const { driver, next, clock, server } = await begun();
    await (await openKeyedServer({ driver, seal: next, clock, id: 'two' })).settle(2);
    await assert.rejects(server.upkeep.cancelWrap(), refusal('rewrap-in-use'));
  });

  it('keeps a rotation of keys waiting, whose new keyring the old seal could not wrap for the new one', async () => {
    const { server } = await begun();
    await assert.rejects(server.upkeep.rotate('root'), refusal('rewrap-unfinished'));
    const wrap = { seal: 'third', wrapped: 'AAAA' };
    await assert.rejects(server.upkeep.addWrap(wrap, server.store.keys!.revision), refusal('rewrap-unfinished'));
  });

  it('refuses a wrap of a keyring that is no longer the one in the store', async () => {
    const { server } = await cluster();
    const { revision } = server.store.keys!;
    const { seal, wrapped } = await server.store.keyring.wrap(new MemorySeal('other-seal'));
    await server.upkeep.rotate('root');
    await assert.rejects(server.upkeep.addWrap({ seal, wrapped }, revision), refusal('conflict'));
  });

  it('is carried on wherever a process dies in it: the store opens with one of the two at any time', async () => {
    for (const when of ['before', 'after'] as const)
      for (let at = 1; ; at += 1) {
        const { driver, seal, clock, server } = await cluster();
        await fill(server.store, 2);
        const next = new MemorySeal('other-seal');
        const { seal: name, wrapped } = await server.store.keyring.wrap(next);
        await server.upkeep.addWrap({ seal: name, wrapped }, server.store.keys!.revision);
        const dying = dyingDriver(driver, at, when);
        const first = await openKeyedServer({ driver: dying.driver, seal: next, clock });
        await first.settle().catch(() => {});
        if (!dying.isDead()) break;
        const again = await openKeyedServer({ driver, seal: next, clock });
        await again.settle();
        await assertWhole(again.store, 2);
        assert.deepEqual((await again.upkeep.status()).seals, ['other-seal']);
        await assert.rejects(openKeyedServer({ driver, seal, clock }), refusal('other-seal'));
      }
  });
});

describe('a keyring', () => {
  it('takes over a later state of itself only', () => {
    const keyring = Keyring.create('store', 0);
    assert.throws(() => keyring.become(Keyring.create('store', 0)), refusal('keyring-malformed'));
    keyring.become(keyring.renewed(1));
    assert.equal(keyring.activeId, 2);
  });
});
