import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { silentLogger } from '@rekey/core';
import { FakeClock } from '../../engine/fake-clock.testing.ts';
import { openMemoryStore } from '../../store/testing.ts';
import { AccessUses } from './access-uses.ts';

async function openUses() {
  const clock = new FakeClock();
  const store = await openMemoryStore({ now: () => clock.now() });
  const uses = new AccessUses({ store, clock, log: silentLogger, region: 'us-east-1' });
  return { clock, store, uses };
}

describe('the uses of access keys', () => {
  test('are told at once, and written within a minute, however many there are', async () => {
    const { clock, store, uses } = await openUses();
    for (let use = 0; use < 1_000; use += 1) uses.saw('AKIAONE', 'secretsmanager');
    uses.saw('AKIAONE', 'sts');
    const expected = { at: clock.now(), service: 'sts', region: 'us-east-1' };
    assert.deepEqual(await uses.find('AKIAONE'), expected);
    assert.equal(await store.get('access-use', 'AKIAONE'), null);
    await clock.advance(60_000);
    assert.deepEqual((await store.get('access-use', 'AKIAONE'))?.record, expected);
    assert.deepEqual(await uses.find('AKIAONE'), expected);
  });

  test('are written when the server stops, and not after', async () => {
    const { store, uses } = await openUses();
    uses.saw('AKIAONE', 'iam');
    await uses.close();
    assert.equal((await store.get('access-use', 'AKIAONE'))?.record.service, 'iam');
    assert.equal(await uses.find('AKIATWO'), null);
  });

  test('that could not be written are tried again a minute later', async () => {
    const { clock, store, uses } = await openUses();
    const commit = store.commit.bind(store);
    let failures = 1;
    store.commit = async (...parts) => {
      if (failures-- > 0) throw new Error('no room');
      return commit(...parts);
    };
    uses.saw('AKIAONE', 'iam');
    await clock.advance(60_000);
    assert.equal(await store.get('access-use', 'AKIAONE'), null);
    await clock.advance(60_000);
    assert.equal((await store.get('access-use', 'AKIAONE'))?.record.service, 'iam');
  });
});
