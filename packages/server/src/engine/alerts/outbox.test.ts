import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { silentLogger, systemRandom } from '@rekey/core';
import type { AuditEntry } from '../../audit/entry.ts';
import type { Store } from '../../store/store.ts';
import { openMemoryStore } from '../../store/testing.ts';
import { FakeClock } from '../fake-clock.testing.ts';
import { Alerts } from './alerts.ts';
import { OUTBOX_AGE, Outbox, SEND_TIME } from './outbox.ts';
import type { Sender } from './sender.ts';

class TestSender implements Sender {
  readonly name: string;
  readonly taken: string[] = [];
  attempts = 0;
  mood: 'well' | 'down' | 'hanging' = 'well';
  constructor(name: string) {
    this.name = name;
  }
  async send(payload: Readonly<Record<string, unknown>>): Promise<void> {
    this.attempts += 1;
    if (this.mood === 'hanging') return new Promise(() => {});
    if (this.mood === 'down') throw new Error('The webhook at example is down.');
    this.taken.push(String(payload.text));
  }
}

let clock: FakeClock;
let store: Store;
let one: TestSender;
let two: TestSender;
let audited: AuditEntry[];
let outbox: Outbox;

const open = (senders: readonly Sender[], holder = 'server-1') =>
  new Outbox({
    store,
    senders,
    clock,
    holder,
    log: silentLogger,
    audit: { append: async (entry) => void audited.push(entry) },
  });
async function raise(text: string): Promise<void> {
  const alerts = new Alerts({ store, clock, random: systemRandom, senders: ['one', 'two'] });
  await alerts.raise(text, { secretId: null, text });
  await clock.advance(1);
}

beforeEach(async () => {
  clock = new FakeClock();
  store = await openMemoryStore({ now: () => clock.now() });
  one = new TestSender('one');
  two = new TestSender('two');
  audited = [];
  outbox = open([one, two]);
});

describe('the outbox', () => {
  it('delivers to every sender, in order, once', async () => {
    for (const text of ['a', 'b', 'c']) await raise(text);
    await outbox.tick();
    await outbox.tick();
    assert.deepEqual(one.taken, ['a', 'b', 'c']);
    assert.deepEqual(two.taken, ['a', 'b', 'c']);
    assert.equal(await store.count('outbox'), 0);
  });

  it('survives a restart', async () => {
    await raise('a');
    await open([one, two], 'server-2').tick();
    assert.deepEqual(one.taken, ['a']);
  });

  it('tries a receiver that is down again, later and later, and keeps the order', async () => {
    one.mood = 'down';
    await raise('a');
    await raise('b');
    const attemptsAfter: number[] = [];
    for (const pause of [0, 500, 500, 5_000, 15_000]) {
      await clock.advance(pause);
      await outbox.tick();
      attemptsAfter.push(one.attempts);
    }
    assert.deepEqual(attemptsAfter, [1, 1, 2, 3, 4]);
    one.mood = 'well';
    await clock.advance(60_000);
    await outbox.tick();
    assert.deepEqual(one.taken, ['a', 'b']);
  });

  it('lets a dead receiver with a thousand messages hold up nobody', async () => {
    one.mood = 'down';
    const writes = Array.from({ length: 1_000 }, (_, index) => {
      const id = `old-${String(index).padStart(5, '0')}`;
      const record = {
        id,
        sender: 'one',
        payload: { text: id },
        createdAt: clock.now(),
        attempts: 0,
        nextAttemptAt: 1,
        lastError: null,
      };
      return { collection: 'outbox' as const, id, record };
    });
    await store.commit(writes);
    await raise('fresh');
    await outbox.tick();
    assert.deepEqual(two.taken, ['fresh']);
    assert.equal(one.attempts, 1);
  });

  it('breaks off a receiver that hangs, while others get theirs', async () => {
    one.mood = 'hanging';
    await raise('a');
    const pass = outbox.tick();
    while (two.taken.length === 0) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(two.taken, ['a']);
    await clock.advance(SEND_TIME);
    await pass;
    const [left] = await store.list('outbox', { index: null, limit: 10 });
    assert.match(left?.record.lastError ?? '', /took longer than 10 s/);
  });

  it('gives a message up after three days, and records that', async () => {
    one.mood = 'down';
    await raise('a');
    await outbox.tick();
    await clock.advance(OUTBOX_AGE);
    await outbox.tick();
    assert.equal(await store.count('outbox'), 0);
    assert.equal(audited[0]?.action, 'rekey:AlertGivenUp');
    assert.match(
      audited[0]?.detail ?? '',
      /^Given up after 3d and 1 attempts by one: The webhook at example is down\.$/,
    );
  });

  it('keeps messages for a sender that is gone from the configuration, for as long', async () => {
    await raise('a');
    const withoutOne = open([two]);
    await withoutOne.tick();
    assert.equal(await store.count('outbox'), 1);
    await clock.advance(OUTBOX_AGE);
    await withoutOne.tick();
    assert.equal(await store.count('outbox'), 0);
    assert.match(audited[0]?.detail ?? '', /no such sender is configured/);
  });

  it('of two servers on one store delivers once', async () => {
    await raise('a');
    await Promise.all([outbox.tick(), open([one, two], 'server-2').tick()]);
    assert.deepEqual([one.taken, two.taken], [['a'], ['a']]);
  });

  it('runs by itself until it is stopped, and stopping breaks off a receiver that hangs', async () => {
    outbox.start();
    await raise('a');
    await clock.advance(1_000);
    while (two.taken.length === 0) await new Promise((resolve) => setImmediate(resolve));
    one.mood = 'hanging';
    await raise('b');
    await clock.advance(1_000);
    while (one.attempts < 2) await new Promise((resolve) => setImmediate(resolve));
    await outbox.stop();
    assert.deepEqual(one.taken, ['a']);
    assert.equal(await store.count('outbox'), 1);
  });
});
