import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MemoryDriver } from '../../store/memory.ts';
import type { Store } from '../../store/store.ts';
import { openMemoryStore } from '../../store/testing.ts';
import { FINGERPRINT_RETENTION, FingerprintIndex } from './fingerprint-index.ts';

const text = (given: string) => ({ kind: 'text', text: given }) as const;

/** A store whose values came before the index did. */
async function oldStore(values: number): Promise<{ store: Store; driver: MemoryDriver }> {
  const driver = new MemoryDriver();
  const store = await openMemoryStore({ driver });
  for (let at = 0; at < values; at += 1)
    await store.commit([{ collection: 'value', id: `s${at}/v`, record: text(`leaked-${at}`) }]);
  const indexed = await driver.list({ collection: 'fingerprint', index: null, limit: 10_000 });
  await driver.commit({ writes: indexed.map(({ id }) => ({ collection: 'fingerprint', id, body: null })) });
  return { store, driver };
}

const run = (index: FingerprintIndex, job: 0 | 1) => index.jobs[job]!.run();

describe('the index of fingerprints', () => {
  it('is made for a store that was there before, page by page, and goes on where another process stopped', async () => {
    const { store } = await oldStore(450);
    const clock = { now: () => 1_000 };
    await run(new FingerprintIndex({ store, clock }), 0);
    assert.equal(await store.count('fingerprint'), 200);
    const later = new FingerprintIndex({ store, clock });
    await run(later, 0);
    await run(later, 0);
    assert.equal(await store.count('fingerprint'), 450);
    const revision = (await store.get('setting', 'fingerprint-index'))?.revision;
    await run(later, 0);
    assert.equal((await store.get('setting', 'fingerprint-index'))?.revision, revision);
  });

  it('finds a value before it is whole', async () => {
    const { store } = await oldStore(250);
    const index = new FingerprintIndex({ store, clock: { now: () => 1_000 } });
    const found = await index.find(index.fingerprintsOf('leaked-249\n'));
    assert.deepEqual(
      found.map(({ secretId }) => secretId),
      ['s249'],
    );
    assert.deepEqual(await index.find(index.fingerprintsOf('never seen')), []);
  });

  it('finds every place of a value that stands in more secrets than one record keeps', async () => {
    const store = await openMemoryStore();
    for (let at = 0; at < 100; at += 1)
      await store.commit([{ collection: 'value', id: `s${at}/v`, record: text('changeme') }]);
    const index = new FingerprintIndex({ store, clock: { now: () => 1_000 } });
    await run(index, 0);
    assert.equal((await index.find(index.fingerprintsOf('changeme'))).length, 100);
  });

  it('forgets what stands nowhere any more after the retention, and nothing that still stands', async () => {
    const store = await openMemoryStore();
    await store.commit([
      { collection: 'value', id: 's1/old', record: text('long gone') },
      { collection: 'value', id: 's1/new', record: text('still there') },
    ]);
    await store.commit([{ collection: 'value', id: 's1/old', record: null }]);
    let now = Date.now();
    const index = new FingerprintIndex({ store, clock: { now: () => now } });
    await run(index, 0);
    const gone = index.fingerprintsOf('long gone');
    await run(index, 1);
    assert.equal((await index.find(gone)).length, 1);
    now += FINGERPRINT_RETENTION + 1_000;
    await run(index, 1);
    assert.deepEqual(await index.find(gone), []);
    assert.equal((await index.find(index.fingerprintsOf('still there'))).length, 1);
  });
});
