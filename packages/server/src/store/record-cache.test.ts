import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RecordCache } from './record-cache.ts';

const readNothing = () => assert.fail('it should have been in the cache');
const numbers = () => new RecordCache<number>({ entries: 3, size: 100 }, () => 1);
const cached = (cache: RecordCache<number>, among: string) =>
  [...among].filter((id) => cache.find(id) !== undefined).join('');

describe('the read-through cache', () => {
  it('keeps what was read, and nothing about the absent', async () => {
    const cache = numbers();
    assert.equal(await cache.load('a', async () => 1), 1);
    assert.equal(cache.find('a') ?? readNothing(), 1);
    assert.equal(await cache.load('b', async () => null), null);
    assert.equal(await cache.load('b', async () => 2), 2);
  });

  it('forgets one record, and all', async () => {
    const cache = numbers();
    for (const id of 'abc') await cache.load(id, async () => 1);
    cache.forget('a');
    assert.equal(cached(cache, 'abc'), 'bc');
    cache.forgetAll();
    assert.equal(cached(cache, 'abc'), '');
  });

  it('does not keep a read that was under way when its record, or everything, was forgotten', async () => {
    for (const forget of ['forget', 'forgetAll'] as const) {
      const cache = numbers();
      const { promise, resolve } = Promise.withResolvers<number>();
      const early = cache.load('a', () => promise);
      cache[forget]('a');
      const late = cache.load('a', async () => 2);
      resolve(1);
      assert.deepEqual([await early, await late], [1, 2]);
      assert.equal(cache.find('a'), 2);
    }
  });

  it('passes a failed read on and remembers nothing of it', async () => {
    const cache = numbers();
    await assert.rejects(
      cache.load('a', () => Promise.reject(new Error('no'))),
      /no/,
    );
    assert.equal(await cache.load('a', async () => 1), 1);
  });

  it('once full, lets a record in when it is read for the second time', async () => {
    const cache = numbers();
    for (const id of 'abcdefgh') await cache.load(id, async () => 1);
    assert.equal(cached(cache, 'abcdefgh'), 'abc');
    await cache.load('h', async () => 1);
    assert.notEqual(cache.find('h'), undefined);
    assert.equal(cached(cache, 'abcdefgh').length, 3);
  });
});
