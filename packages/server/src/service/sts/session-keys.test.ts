import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Session } from '../../auth/session/session.ts';
import { envelopeOf, openSession, sealSession } from '../../auth/session/session-token.ts';
import { FakeClock } from '../../engine/fake-clock.testing.ts';
import { type KeyedServer, MemorySeal, openKeyedServer } from '../../engine/keys/keys.testing.ts';
import { seededRandom } from '../../engine/seeded-random.testing.ts';
import { envelopeKeyId } from '../../seal/envelope.ts';
import { MemoryDriver } from '../../store/memory.ts';
import { SessionKeys } from './session-keys.ts';

const ID = 'ASIAAAAAAAAAAAAAAAAA';
const SESSION: Session = {
  ...{ accessKeyId: ID, secretAccessKey: 'the secret', issuedAt: 0, expiresAt: 1 },
  holder: { kind: 'role', roleId: 'AROAAAAAAAAAAAAAAAAAA', sessionName: 'pod' },
  ...{ sourceIdentity: null, federatedProvider: null, tags: [], transitiveTagKeys: [], policies: [] },
};
const DAY = 86_400_000;

/** Two servers over one store. */
async function open() {
  const [driver, seal, clock] = [new MemoryDriver(), new MemorySeal(), new FakeClock()];
  const [one, other] = await Promise.all(['one', 'other'].map((id) => openKeyedServer({ driver, seal, clock, id })));
  const rotate = async () => {
    for (const server of [one!, other!]) await server.settle();
    await one!.upkeep.rotate('root');
    for (let pass = 0; pass < 10; pass += 1) for (const server of [one!, other!]) await server.settle(3);
    assert.equal((await one!.upkeep.status()).keys, 1, 'the old DEK was dropped');
  };
  return { one: one!, other: other!, clock, rotate };
}

/** The keys as a server has them that was just started. */
function keysOf({ store }: KeyedServer, clock: FakeClock): SessionKeys {
  return new SessionKeys({ store, clock, random: seededRandom(store.storeId) });
}

const tokenOf = async (keys: SessionKeys) => sealSession(SESSION, await keys.sealing());
const keyIdOf = (token: string) => envelopeKeyId(envelopeOf(token)!);

async function opened(keys: SessionKeys, token: string): Promise<Session | null> {
  const envelope = envelopeOf(token)!;
  const seal = await keys.opening(envelope);
  return seal === null ? null : openSession(ID, envelope, seal);
}

test('a session goes on after its DEK was dropped, on servers started since too', async () => {
  const { one, other, clock, rotate } = await open();
  const keys = keysOf(one, clock);
  const token = await tokenOf(keys);
  await rotate();
  for (const server of [keys, keysOf(one, clock), keysOf(other, clock)])
    assert.deepEqual(await opened(server, token), SESSION);
});

test('a new DEK brings a new key for sessions, and the one before goes when no session of it can be left', async () => {
  const { one, other, clock, rotate } = await open();
  const keys = keysOf(one, clock);
  const tokens = [await tokenOf(keys)];
  for (const after of [0, DAY, DAY]) {
    await clock.advance(after);
    await rotate();
    tokens.push(await tokenOf(keys));
  }
  assert.deepEqual(tokens.map(keyIdOf), [1, 2, 3, 4]);
  const alive = await Promise.all(tokens.map((token) => opened(keysOf(other, clock), token)));
  assert.deepEqual(
    alive.map((session) => session !== null),
    [false, true, true, true],
  );
});

test('servers that want the first key at the same time make one, and open what the others sealed', async () => {
  const { one, other, clock } = await open();
  const all = [keysOf(one, clock), keysOf(other, clock)];
  const tokens = await Promise.all(all.map(tokenOf));
  assert.deepEqual(tokens.map(keyIdOf), [1, 1]);
  for (const keys of all) for (const token of tokens) assert.deepEqual(await opened(keys, token), SESSION);
});

test('what another store sealed is no session here', async () => {
  const [here, elsewhere] = [await open(), await open()];
  const keys = keysOf(here.one, here.clock);
  const token = await tokenOf(keysOf(elsewhere.one, elsewhere.clock));
  assert.equal(await opened(keys, token), null);
  await tokenOf(keys);
  assert.equal(await opened(keys, token), null);
});
