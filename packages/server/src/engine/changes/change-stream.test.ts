import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { CURRENT } from '@rekey/core';
import { Keyring } from '../../seal/keyring.ts';
import { changesForgotten } from '../../store/driver-errors.ts';
import { MemoryDriver } from '../../store/memory.ts';
import { Store } from '../../store/store.ts';
import { FakeClock, quiet } from '../fake-clock.testing.ts';
import { putSecret } from '../house.testing.ts';
import { addVersion } from '../versions.ts';
import { ChangeStream } from './change-stream.ts';

class SharedMemory extends MemoryDriver {
  override readonly shared = true;
}

let clock: FakeClock;
let store: Store;
let stream: ChangeStream;

beforeEach(async () => {
  clock = new FakeClock();
  store = new Store({ driver: new MemoryDriver(), keyring: Keyring.create('store-1', clock.now()) });
  stream = new ChangeStream({ store, clock });
});

async function put(name: string, in_: Store = store): Promise<string> {
  return putSecret(in_, clock.now(), { name, value: 'v' });
}

async function promote(secretId: string, versionId: string, in_: Store = store): Promise<void> {
  const { record, revision } = (await in_.get('secret', secretId))!;
  const changed = addVersion(record, { id: versionId, hasValue: true, kmsKeyId: null }, [CURRENT], clock.now());
  await in_.commit([{ collection: 'secret', id: secretId, record: changed, expect: revision }]);
}

async function touch(secretId: string): Promise<void> {
  const { record, revision } = (await store.get('secret', secretId))!;
  await store.commit([
    { collection: 'secret', id: secretId, record: { ...record, description: 'other' }, expect: revision },
  ]);
}

const told = async (after: number) =>
  (await stream.read(after)).changes.map(({ name, versionId }) => [name, versionId]);

describe('the stream of changes', () => {
  it('tells of every new current version after a position, the latest of each secret, in order', async () => {
    const [a, b] = [await put('a'), await put('b')];
    const from = await stream.position();
    await stream.read(from);
    await promote(a, 'a-2');
    await promote(b, 'b-2');
    await promote(a, 'a-3');
    assert.deepEqual(await told(from), [
      ['b', 'b-2'],
      ['a', 'a-3'],
    ]);
    assert.deepEqual(await told((await stream.read(from)).reached), []);
  });

  it('does not tell again when something else of the secret changes', async () => {
    const a = await put('a');
    const from = await stream.position();
    await stream.read(from);
    await promote(a, 'a-2');
    const { reached } = await stream.read(from);
    await touch(a);
    assert.deepEqual(await told(reached), []);
  });

  it('goes on from the same position after a restart', async () => {
    const a = await put('a');
    const from = await stream.position();
    stream.close();
    await promote(a, 'a-2');
    stream = new ChangeStream({ store, clock });
    assert.deepEqual(await told(from), [['a', 'a-2']]);
  });

  it('says that it cannot know when a position is of another store, or too old', async () => {
    const a = await put('a');
    const from = await stream.position();
    assert.equal((await stream.read(from + 1_000)).reset, true);
    await promote(a, 'a-2');
    store.changes = () => Promise.reject(changesForgotten(from));
    const page = await new ChangeStream({ store, clock }).read(from);
    assert.deepEqual([page.reset, page.reached], [true, await stream.position()]);
  });

  it('wakes all who wait when there is something to tell, and nobody for what is no news', async () => {
    const a = await put('a');
    const from = await stream.position();
    await stream.read(from);
    let woken = 0;
    const waits = Array.from({ length: 1_000 }, () => stream.next(from, 30_000).then(() => (woken += 1)));
    await clock.advance(1_000);
    await promote(a, 'a-1');
    for (let turn = 0; turn < 50 && woken < 1_000; turn += 1) await quiet();
    assert.equal(woken, 1_000);
    await Promise.all(waits);
    const { reached } = await stream.read(from);
    const again = stream.next(reached, 30_000).then(() => (woken += 1));
    await touch(a);
    await clock.advance(29_000);
    assert.equal(woken, 1_000);
    await clock.advance(1_001);
    await again;
    assert.equal(stream.waiting, 0);
  });

  it('misses nothing that is committed between reading and waiting', async () => {
    const a = await put('a');
    const from = await stream.position();
    await stream.read(from);
    await promote(a, 'a-2');
    await stream.next(from, 30_000);
    assert.deepEqual(await told(from), [['a', 'a-2']]);
  });

  it('lets go of those who wait when the server stops', async () => {
    await put('a');
    const from = await stream.position();
    await stream.read(from);
    const wait = stream.next(from, 30_000);
    await quiet();
    stream.close();
    await wait;
    await stream.next(from, 30_000);
  });

  it('tells what another server of the same store committed, also where nobody told this one', async () => {
    const driver = new SharedMemory();
    const keyring = Keyring.create('store-1', clock.now());
    store = new Store({ driver, keyring });
    const other = new Store({ driver, keyring });
    const a = await put('a', other);
    driver.watch = () => () => {};
    stream = new ChangeStream({ store, clock });
    const from = await stream.position();
    await stream.read(from);
    let woken = false;
    const wait = stream.next(from, 30_000).then(() => (woken = true));
    await quiet();
    await promote(a, 'a-2', other);
    await clock.advance(1_100);
    await wait;
    assert.ok(woken);
    assert.deepEqual(await told(from), [['a', 'a-2']]);
    stream.close();
    await Promise.all([store.close(), other.close()]);
  });
});
