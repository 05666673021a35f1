import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { type Caller, CURRENT, type RekeyError, rootPrincipal, silentLogger } from '@rekey/core';
import fc from 'fast-check';
import { MemoryDriver } from '../../store/memory.ts';
import type { Store } from '../../store/store.ts';
import { openMemoryStore } from '../../store/testing.ts';
import { FakeClock } from '../fake-clock.testing.ts';
import { putSecret } from '../house.testing.ts';
import { addVersion } from '../versions.ts';
import { intervalOf, stateOf, UNWRITTEN } from './holder-state.ts';
import { HOLDER_FORGOTTEN, HOLDER_REPEAT, HOLDERS_OF_SECRET, HOLDERS_REMEMBERED, Holders } from './holders.ts';

const DAY = 86_400_000;
let clock: FakeClock;
let store: Store;
let holders: Holders;
let secretId: string;

beforeEach(async () => {
  clock = new FakeClock();
  store = await openMemoryStore({ now: () => clock.now() });
  holders = new Holders({ store, clock, log: silentLogger });
  secretId = await putSecret(store, clock.now(), { name: 'app', value: 'v' });
});

const caller = (accessKeyId: string, address = '10.0.0.1'): Caller => ({
  principal: {
    ...rootPrincipal('000000000000'),
    kind: 'user',
    arn: `arn:aws:iam::000000000000:user/${accessKeyId}`,
    id: `AIDA${accessKeyId}`,
    name: accessKeyId,
  },
  accessKeyId,
  address,
  secure: true,
  userAgent: 'aws-sdk-js/3',
  face: 'aws-secretsmanager',
  requestId: 'request-1',
});
const written = async () => (await store.list('holder', { index: null, limit: 100_000 })).map(({ record }) => record);

describe('who holds which version', () => {
  it('is in the store a second after a read, by access key and address', async () => {
    for (const address of ['10.0.0.1', '10.0.0.2']) holders.saw(caller('AKIA1', address), secretId, 'app-first');
    assert.equal((await written()).length, 0);
    await clock.advance(1_000);
    const found = await written();
    assert.deepEqual(found.map(({ address }) => address).sort(), ['10.0.0.1', '10.0.0.2']);
    assert.deepEqual(found[0]?.versionId, 'app-first');
  });

  it('is in the store a second after a holder moved to another version, and since when', async () => {
    holders.saw(caller('AKIA1'), secretId, 'one');
    await clock.advance(5_000);
    holders.saw(caller('AKIA1'), secretId, 'two');
    const moved = clock.now();
    await clock.advance(1_000);
    assert.deepEqual(
      (await written()).map(({ versionId, versionSince }) => ({ versionId, versionSince })),
      [{ versionId: 'two', versionSince: moved }],
    );
  });

  it('is not written again for each further read of the same version, but no later than half a minute after', async () => {
    const commits = countCommits(store);
    for (let second = 0; second < HOLDER_REPEAT / 1_000 + 2; second += 1) {
      holders.saw(caller('AKIA1'), secretId, 'one');
      await clock.advance(1_000);
    }
    assert.equal(commits.holder, 2);
    assert.ok((await written())[0]!.reads >= 30);
  });

  it('is listed with what is not written yet, last seen first, and for this secret only', async () => {
    const other = await putSecret(store, clock.now(), { name: 'other', value: 'v' });
    holders.saw(caller('AKIA1'), secretId, 'one');
    holders.saw(caller('AKIA1'), other, 'one');
    await clock.advance(10);
    holders.saw(caller('AKIA2'), secretId, 'one');
    assert.deepEqual(
      (await holders.list(secretId)).map(({ accessKeyId }) => accessKeyId),
      ['AKIA2', 'AKIA1'],
    );
  });

  it('is not lost when the server stops', async () => {
    holders.saw(caller('AKIA1'), secretId, 'one');
    await holders.close();
    assert.equal((await written()).length, 1);
  });

  it('adds up across restarts and across servers that see the same holder at the same time', async () => {
    const driver = new MemoryDriver();
    store = await openMemoryStore({ driver });
    const servers = [1, 2, 3].map(() => new Holders({ store, clock, log: silentLogger }));
    for (const server of servers) for (let read = 0; read < 4; read += 1) server.saw(caller('AKIA1'), secretId, 'one');
    await Promise.all(servers.map((server) => server.flush()));
    assert.deepEqual(
      (await written()).map(({ reads }) => reads),
      [12],
    );
  });

  it('tells how often a holder reads', async () => {
    for (let read = 0; read < 40; read += 1) {
      holders.saw(caller('AKIA1'), secretId, 'one');
      await clock.advance(60_000);
    }
    assert.equal((await holders.list(secretId))[0]?.interval, 60_000);
  });

  it('loses no read, whatever comes between reads and flushes', async () => {
    const step = fc.record({
      key: fc.constantFrom('A', 'B'),
      version: fc.constantFrom('1', '2'),
      pause: fc.nat(40_000),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        store = await openMemoryStore();
        const tested = new Holders({ store, clock, log: silentLogger });
        for (const { key, version, pause } of steps) {
          tested.saw(caller(key), 'secret-1', version);
          await clock.advance(pause);
        }
        await tested.close();
        const found = await written();
        for (const key of ['A', 'B']) {
          const reads = steps.filter((read) => read.key === key);
          const record = found.find(({ accessKeyId }) => accessKeyId === key);
          assert.equal(record?.reads ?? 0, reads.length);
          assert.equal(record?.versionId, reads.at(-1)?.version);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('survives a store that cannot be written for a while', async () => {
    const commit = store.commit.bind(store);
    store.commit = () => Promise.reject(new Error('disk full'));
    holders.saw(caller('AKIA1'), secretId, 'one');
    await clock.advance(5_000);
    store.commit = commit;
    await clock.advance(1_000);
    assert.equal((await written()).length, 1);
  });

  it('is forgotten a month after a holder was last seen, when another one turns up', async () => {
    holders.saw(caller('AKIA1'), secretId, 'one');
    await clock.advance(HOLDER_FORGOTTEN + 2_000);
    holders.saw(caller('AKIA2'), secretId, 'one');
    assert.deepEqual(
      (await holders.list(secretId)).map(({ accessKeyId }) => accessKeyId),
      ['AKIA2'],
    );
  });
});

describe('noting a read', () => {
  it('takes bounded memory, however many addresses come by, and goes on when the store does not keep up', async () => {
    for (let index = 0; index < HOLDERS_REMEMBERED + 50; index += 1)
      holders.saw(caller('AKIA1', `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`), secretId, 'one');
    await holders.flush();
    assert.equal((await written()).length, HOLDERS_REMEMBERED);
    holders.saw(caller('AKIA2'), secretId, 'one');
    await holders.flush();
    assert.equal((await written()).length, HOLDERS_REMEMBERED + 1);
  });
});

describe('the day of last access', () => {
  const days = async () => {
    const secret = (await store.get('secret', secretId))!.record;
    return [secret.lastAccessedDay, ...secret.versions.map(({ lastAccessedDay }) => lastAccessedDay)];
  };

  it('is written once a day on secret and version, and changes nothing else', async () => {
    const { record: before } = (await store.get('secret', secretId))!;
    const midnight = Math.floor(clock.now() / DAY) * DAY;
    const commits = countCommits(store);
    for (let hour = 0; hour < 23; hour += 1) {
      holders.saw(caller('AKIA1'), secretId, 'app-first');
      await clock.advance(3_600_000);
    }
    assert.equal(commits.secret, 1);
    assert.deepEqual(await days(), [midnight, midnight]);
    assert.equal((await store.get('secret', secretId))!.record.changedAt, before.changedAt);
    await clock.advance(DAY);
    holders.saw(caller('AKIA1'), secretId, 'app-first');
    await clock.advance(1_000);
    assert.deepEqual(await days(), [midnight + DAY, midnight + DAY]);
  });

  it('gives way to somebody who changes the secret at the same moment, and is written all the same', async () => {
    holders.saw(caller('AKIA1'), secretId, 'app-first');
    const get = store.get.bind(store);
    let interfered = false;
    store.get = async (collection, id) => {
      const found = await get(collection, id);
      if (collection !== 'secret' || interfered) return found;
      interfered = true;
      const { record, revision } = (await get('secret', secretId))!;
      const changed = addVersion(record, { id: 'by-hand', hasValue: true, kmsKeyId: null }, [CURRENT], clock.now());
      await store.commit([{ collection: 'secret', id: secretId, record: changed, expect: revision }]);
      return found;
    };
    await clock.advance(1_000);
    assert.equal(interfered, true);
    assert.deepEqual(
      (await get('secret', secretId))!.record.versions.map(({ id, labels, lastAccessedDay }) => [
        id,
        labels[0],
        lastAccessedDay !== null,
      ]),
      [
        ['app-first', 'previous', true],
        ['by-hand', 'current', false],
      ],
    );
  });

  it('of a secret that is gone is nobody’s concern', async () => {
    holders.saw(caller('AKIA1'), 'gone', 'one');
    await holders.flush();
  });
});

/** Counts commits by the collection they write to. */
function countCommits(counted: Store): Record<string, number> {
  const counts: Record<string, number> = {};
  const commit = counted.commit.bind(counted);
  counted.commit = (writes, options) => {
    for (const name of new Set(writes.map(({ collection }) => collection))) counts[name] = (counts[name] ?? 0) + 1;
    return commit(writes, options);
  };
  return counts;
}

describe('who says itself which version it uses', () => {
  const says = (versionId: string, instance: string, every: number | null = null) =>
    holders.acknowledged(caller('AKIA1'), secretId, { versionId, instance, every });

  it('is a holder of its own, also behind one access key and address, apart from what that reads', async () => {
    holders.saw(caller('AKIA1'), secretId, 'new');
    for (let instance = 1; instance <= 20; instance += 1) await says(instance === 7 ? 'old' : 'new', `pod-${instance}`);
    const found = await holders.list(secretId);
    assert.equal(found.length, 21);
    assert.deepEqual(
      found.filter(({ versionId }) => versionId === 'old').map(({ instance, signal }) => [instance, signal]),
      [['pod-7', 'acknowledged']],
    );
    assert.equal(found.filter(({ signal }) => signal === undefined).length, 1);
  });

  it('counts as gone after three of the intervals it says, though it was seen once', async () => {
    await says('old', 'pod-1', 60_000);
    const [found] = await holders.list(secretId);
    assert.equal(stateOf(found!, 'new', clock.now() + 3 * 60_000 + UNWRITTEN - 1), 'behind');
    assert.equal(stateOf(found!, 'new', clock.now() + 3 * 60_000 + UNWRITTEN), 'gone');
  });

  it('is no holder any more once it says that it uses none', async () => {
    await says('old', 'pod-1');
    await holders.flush();
    await says('old', 'pod-2');
    await holders.released(caller('AKIA1'), secretId, 'pod-1');
    await holders.released(caller('AKIA1'), secretId, 'pod-2');
    await holders.released(caller('AKIA1'), secretId, 'never-seen');
    assert.deepEqual(await holders.list(secretId), []);
  });

  it('is refused as one more holder when a secret has a thousand, unless it is known', async () => {
    for (let instance = 0; instance < HOLDERS_OF_SECRET; instance += 1) await says('old', `pod-${instance}`);
    await holders.flush();
    await assert.rejects(says('old', 'one-more'), (error: RekeyError) => error.reason === 'too-many-holders');
    await says('new', 'pod-500');
    const another = new Holders({ store, clock, log: silentLogger });
    const known = { versionId: 'new', instance: 'pod-501', every: null };
    await another.acknowledged(caller('AKIA1'), secretId, known);
    assert.equal((await another.list(secretId)).length, HOLDERS_OF_SECRET);
  });

  it('says nothing of the day of last access: it reads nothing', async () => {
    await says('app-first', 'pod-1');
    await holders.flush();
    assert.equal((await store.get('secret', secretId))!.record.lastAccessedDay, null);
  });
});

describe('how often a holder comes by', () => {
  const interval = async () => intervalOf((await holders.list(secretId))[0]!);
  const reads = (count: number, pause: number) =>
    (async () => {
      for (let read = 0; read < count; read += 1) {
        holders.saw(caller('AKIA1'), secretId, 'one');
        await clock.advance(pause);
      }
    })();

  it('is not known of one that reads several times as it starts, and then no more', async () => {
    await reads(5, 200);
    await clock.advance(3_600_000);
    assert.equal(await interval(), null);
  });

  it('is its longest pause of late, which is not forgotten at once', async () => {
    await reads(5, 300_000);
    await reads(1, 7_200_000);
    await reads(3, 300_000);
    const known = (await interval())!;
    assert.ok(known > 3_600_000 && known <= 7_200_000, `${known}`);
    await reads(60, 300_000);
    assert.ok((await interval())! < 310_000);
  });

  it('is the same across a restart of the server', async () => {
    await reads(2, 300_000);
    await holders.close();
    holders = new Holders({ store, clock, log: silentLogger });
    await reads(1, 300_000);
    assert.equal(await interval(), 300_000);
  });

  it('does not take a holder back to an older version that another server writes later', async () => {
    const driver = new MemoryDriver();
    store = await openMemoryStore({ driver });
    const [first, second] = [1, 2].map(() => new Holders({ store, clock, log: silentLogger }));
    first!.saw(caller('AKIA1'), secretId, 'old');
    await clock.advance(10);
    second!.saw(caller('AKIA1'), secretId, 'new');
    await second!.flush();
    await first!.flush();
    assert.equal((await second!.list(secretId))[0]?.versionId, 'new');
  });
});
