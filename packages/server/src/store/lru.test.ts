import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Lru } from './lru.ts';

const keys = (lru: Lru<string>, among: string) => [...among].filter((key) => lru.get(key) !== undefined).join('');

describe('the bounded cache', () => {
  it('keeps no more entries than it may, dropping first what was never used', () => {
    const lru = new Lru<string>({ entries: 3, size: 100 });
    for (const key of 'abc') lru.set(key, key, 1);
    lru.get('a');
    lru.set('d', 'd', 1);
    assert.equal(keys(lru, 'abcd'), 'acd');
  });

  it('keeps no more bytes than it may', () => {
    const lru = new Lru<string>({ entries: 100, size: 10 });
    for (const key of 'abc') lru.set(key, key, 4);
    assert.equal(keys(lru, 'abc'), 'bc');
    assert.equal(lru.size, 8);
    lru.set('big', 'big', 11);
    assert.equal(lru.get('big'), undefined);
    assert.equal(keys(lru, 'abc'), 'bc');
  });

  it('makes room also when everything was used', () => {
    const lru = new Lru<string>({ entries: 2, size: 100 });
    for (const key of 'abcdef') {
      lru.set(key, key, 1);
      lru.get(key);
    }
    assert.equal(keys(lru, 'abcdef').length, 2);
  });

  it('counts a replaced entry once, and nothing after it was cleared', () => {
    const lru = new Lru<string>({ entries: 2, size: 10 });
    lru.set('a', 'old', 4);
    lru.set('a', 'new', 6);
    assert.deepEqual([lru.get('a'), lru.size], ['new', 6]);
    lru.delete('a');
    lru.delete('a');
    assert.equal(lru.size, 0);
    lru.set('a', 'a', 1);
    lru.clear();
    assert.deepEqual([lru.get('a'), lru.size], [undefined, 0]);
  });
});
