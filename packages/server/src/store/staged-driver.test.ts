import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openMemoryStore } from './testing.ts';

const setting = (id: string, value: number, expect?: number) =>
  ({ collection: 'setting', id, record: { value }, ...(expect === undefined ? {} : { expect }) }) as const;

describe('staged changes', () => {
  test('are seen by who staged them, and by nobody else before they land', async () => {
    const store = await openMemoryStore();
    await store.commit([setting('a', 1)]);
    const staging = store.stage();
    await staging.store.commit([setting('a', 2), setting('b', 3)]);
    assert.deepEqual((await staging.store.get('setting', 'a'))?.record, { value: 2 });
    assert.equal(await staging.store.count('setting'), 2);
    assert.deepEqual([(await store.get('setting', 'a'))?.record, await store.count('setting')], [{ value: 1 }, 1]);
    const revision = await staging.land();
    const [a, b] = [await store.get('setting', 'a'), await store.get('setting', 'b')];
    assert.deepEqual([a?.record, b?.record], [{ value: 2 }, { value: 3 }]);
    assert.deepEqual([a?.revision, b?.revision], [revision, revision]);
  });

  test('hold each other to their expectations', async () => {
    const { store } = (await openMemoryStore()).stage();
    const revision = await store.commit([setting('a', 1, 0)]);
    await assert.rejects(store.commit([setting('a', 2, 0)]), { code: 'conflict' });
    await store.commit([setting('a', 2, revision)]);
    await assert.rejects(store.commit([setting('b', 1)], { checks: [{ collection: 'setting', id: 'a', revision }] }), {
      code: 'conflict',
    });
    assert.equal(await store.get('setting', 'b'), null);
  });

  test('do not land when a record they write was written beneath since it was read', async () => {
    const store = await openMemoryStore();
    await store.commit([setting('a', 1)]);
    const staging = store.stage();
    await staging.store.get('setting', 'a');
    await store.commit([setting('a', 5)]);
    await staging.store.commit([setting('a', 2), setting('b', 3)]);
    await assert.rejects(staging.land(), { code: 'conflict' });
    assert.deepEqual(
      [(await store.get('setting', 'a'))?.record, await store.get('setting', 'b')],
      [{ value: 5 }, null],
    );
  });

  test('that come to nothing write nothing', async () => {
    const store = await openMemoryStore();
    const staging = store.stage();
    await staging.store.commit([setting('a', 1)]);
    await staging.store.commit([{ collection: 'setting', id: 'a', record: null }]);
    assert.equal(await staging.store.count('setting'), 0);
    assert.equal(await staging.land(), null);
  });

  test('delete what is there', async () => {
    const store = await openMemoryStore();
    await store.commit([setting('a', 1)]);
    const staging = store.stage();
    await staging.store.commit([{ collection: 'setting', id: 'a', record: null }]);
    assert.equal(await staging.store.get('setting', 'a'), null);
    await staging.land();
    assert.equal(await store.get('setting', 'a'), null);
  });
});
