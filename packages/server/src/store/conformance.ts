import assert from 'node:assert/strict';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { RekeyError } from '@rekey/core';
import { type Batch, type CommitResult, KEPT_REVISIONS, type StoreDriver, type Write } from './driver.ts';

/** How the suite gets a driver. */
export interface DriverUnderTest {
  /** A driver over the store in the folder, which is empty the first time. */
  open(folder: string): Promise<StoreDriver>;
  /** Opens a backup written by the driver; null if the driver can neither be backed up nor opened again. */
  readonly openBackup: ((file: string) => Promise<StoreDriver>) | null;
}

/** What every driver promises (see {@link StoreDriver}), run by each of them in one line. */
export function storeDriverConformance(name: string, underTest: DriverUnderTest): void {
  describe(`the ${name} driver`, () => {
    let folder: string;
    let driver: StoreDriver;

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'rekey-driver-'));
      driver = await underTest.open(folder);
    });

    afterEach(async () => {
      await driver.close();
      await rm(folder, { recursive: true, force: true });
    });

    describe('commits', () => {
      it('shows a record after its commit, with the revision of the commit', async () => {
        const revision = await committed(driver, [put('a', '1', 'one')]);
        assert.deepEqual(await readText(driver, 'a', '1'), { revision, text: 'one' });
        assert.equal(await driver.revision(), revision);
        assert.equal(await driver.get('a', '2'), null);
        assert.equal(await driver.get('b', '1'), null);
      });

      it('gives each commit a higher revision, also one that deletes and one that writes nothing', async () => {
        const revisions = [
          await committed(driver, [put('a', '1', 'one')]),
          await committed(driver, [{ collection: 'a', id: '1', body: null }]),
          await committed(driver, []),
          await committed(driver, [put('a', '1', 'two')]),
        ];
        assert.deepEqual(
          revisions,
          revisions.toSorted((a, b) => a - b),
        );
        assert.equal(new Set(revisions).size, 4);
      });

      it('writes all of a batch or nothing', async () => {
        const batch = { writes: [put('a', '1', 'one'), { ...put('a', '2', 'two'), expect: 99 }] };
        const result = await driver.commit(batch);
        assert.equal(result.committed, false);
        assert.equal(await driver.get('a', '1'), null);
        assert.equal(await driver.count('a'), 0);
      });

      it('refuses a write whose record has another revision, and says which', async () => {
        const first = await committed(driver, [put('a', '1', 'one')]);
        const second = await committed(driver, [{ ...put('a', '1', 'two'), expect: first }]);
        const late = await driver.commit({ writes: [{ ...put('a', '1', 'three'), expect: first }] });
        assert.match(conflictOf(late), new RegExp(`a 1 is at revision ${second}, not ${first}`));
        assert.equal((await readText(driver, 'a', '1'))?.text, 'two');
      });

      it('lets a write that expects absence through once', async () => {
        await committed(driver, [{ ...put('a', '1', 'one'), expect: 0 }]);
        assert.equal((await driver.commit({ writes: [{ ...put('a', '1', 'two'), expect: 0 }] })).committed, false);
        await committed(driver, [{ collection: 'a', id: '1', body: null }]);
        await committed(driver, [{ ...put('a', '1', 'three'), expect: 0 }]);
      });

      it('refuses a batch when a record that it only checks has changed', async () => {
        const revision = await committed(driver, [put('a', '1', 'one')]);
        const batch = { writes: [put('a', '2', 'two')], checks: [{ collection: 'a', id: '1', revision }] };
        assert.equal((await driver.commit(batch)).committed, true);
        await committed(driver, [put('a', '1', 'changed')]);
        assert.equal((await driver.commit(batch)).committed, false);
        const absent = { writes: [], checks: [{ collection: 'a', id: '9', revision: 0 }] };
        assert.equal((await driver.commit(absent)).committed, true);
      });

      it('deletes; of the absent nothing happens', async () => {
        await committed(driver, [put('a', '1', 'one', { by: 'x' })]);
        await committed(driver, [
          { collection: 'a', id: '1', body: null },
          { collection: 'a', id: '2', body: null },
        ]);
        assert.equal(await driver.get('a', '1'), null);
        assert.deepEqual(await idsBy(driver, 'by'), []);
        assert.equal(await driver.count('a'), 0);
      });

      it('counts the records that have a value below a bound under an index, and all that have one', async () => {
        await committed(driver, [
          put('a', '1', 'x', { by: 'a' }),
          put('a', '2', 'x', { by: 'b' }),
          put('a', '3', 'x', { by: 'b' }),
          put('a', '4', 'x'),
          put('b', '1', 'x', { by: 'a' }),
        ]);
        assert.equal(await driver.count('a', { index: 'by', until: 'b' }), 1);
        assert.equal(await driver.count('a', { index: 'by', until: 'bb' }), 3);
        assert.equal(await driver.count('a', { index: 'by' }), 3);
        assert.equal(await driver.count('a', { index: 'other' }), 0);
        assert.equal(await driver.count('none', { index: 'by' }), 0);
      });

      it('takes every commit once when many come at the same time', async () => {
        const results = await Promise.all(
          Array.from({ length: 100 }, (_, at) => driver.commit({ writes: [put('a', String(at), 'x')] })),
        );
        assert.equal(new Set(results.map((result) => result.committed && result.revision)).size, 100);
        assert.equal(await driver.count('a'), 100);
      });

      it('lets exactly one of many that expect the same revision through', async () => {
        const expect = await committed(driver, [put('a', '1', 'zero')]);
        const results = await Promise.all(
          Array.from({ length: 20 }, (_, at) => driver.commit({ writes: [{ ...put('a', '1', `${at}`), expect }] })),
        );
        assert.equal(results.filter((result) => result.committed).length, 1);
      });

      it('keeps bodies of any bytes and sizes, and ids of any letters', async () => {
        const bodies = [new Uint8Array(0), Uint8Array.from([0, 255, 10, 39]), new Uint8Array(3_000_000).fill(7)];
        const ids = ["O'Brien", 'ключ/🔑', 'a%_b'];
        await committed(
          driver,
          bodies.map((body, at) => ({ collection: 'a', id: ids[at]!, body })),
        );
        for (const [at, body] of bodies.entries()) {
          const stored = await driver.get('a', ids[at]!);
          assert.ok(Buffer.from(body).equals(stored!.body));
        }
      });

      it('keeps its own copy of a body', async () => {
        const body = Uint8Array.from([1]);
        const commit = driver.commit({ writes: [{ collection: 'a', id: '1', body }] });
        body[0] = 2;
        await commit;
        (await driver.get('a', '1'))!.body[0] = 3;
        assert.equal((await driver.get('a', '1'))!.body[0], 1);
      });
    });

    describe('lists', () => {
      beforeEach(async () => {
        await committed(driver, [
          put('a', 'one', '1', { by: '30' }),
          put('a', 'two', '2', { by: '10', other: 'x' }),
          put('a', 'three', '3', { by: '20' }),
          put('a', 'four', '4', { by: '20' }),
          put('a', 'five', '5'),
          put('b', 'six', '6', { by: '15' }),
        ]);
      });

      it('by an index hold only records that have a value under it, in order of value, then id', async () => {
        assert.deepEqual(await idsBy(driver, 'by'), ['two', 'four', 'three', 'one']);
        assert.deepEqual(await idsBy(driver, 'other'), ['two']);
        assert.deepEqual(await idsBy(driver, 'none'), []);
        const [first] = await driver.list({ collection: 'a', index: 'by', limit: 1 });
        assert.equal(first?.indexValue, '10');
        assert.equal(text(first!.body), '2');
      });

      it('by id hold all records in order of id, without an index value', async () => {
        const listed = await driver.list({ collection: 'a', index: null, limit: 10 });
        assert.deepEqual(
          listed.map(({ id }) => id),
          ['five', 'four', 'one', 'three', 'two'],
        );
        assert.ok(listed.every(({ indexValue }) => indexValue === null));
      });

      it('keep within bounds: the first inclusive, the last exclusive', async () => {
        assert.deepEqual(await idsBy(driver, 'by', { from: '20' }), ['four', 'three', 'one']);
        assert.deepEqual(await idsBy(driver, 'by', { until: '20' }), ['two']);
        assert.deepEqual(await idsBy(driver, 'by', { from: '20', until: '30' }), ['four', 'three']);
        assert.deepEqual(await idsBy(driver, 'by', { from: '30', until: '20' }), []);
        assert.deepEqual(await idsBy(driver, null, { from: 'four', until: 'three' }), ['four', 'one']);
      });

      it('run backwards when asked, ids too', async () => {
        assert.deepEqual(await idsBy(driver, 'by', { descending: true }), ['one', 'three', 'four', 'two']);
        const bounds = { descending: true, from: '10', until: '30' };
        assert.deepEqual(await idsBy(driver, 'by', bounds), ['three', 'four', 'two']);
        assert.deepEqual(await idsBy(driver, null, { descending: true }), ['two', 'three', 'one', 'four', 'five']);
      });

      for (const index of ['by', null]) {
        for (const descending of [false, true]) {
          it(`go on behind a cursor (${index ?? 'by id'}${descending ? ', backwards' : ''})`, async () => {
            const paged: string[] = [];
            let after: { value: string; id: string } | undefined;
            for (;;) {
              const query = { collection: 'a', index, descending, limit: 2, ...(after === undefined ? {} : { after }) };
              const page = await driver.list(query);
              paged.push(...page.map(({ id }) => id));
              const last = page.at(-1);
              if (last === undefined) break;
              after = { value: last.indexValue ?? last.id, id: last.id };
            }
            assert.deepEqual(paged, await idsBy(driver, index, { descending }));
          });
        }
      }

      it('go on behind a record that has gone since, and keep within bounds while they do', async () => {
        await committed(driver, [{ collection: 'a', id: 'four', body: null }]);
        const after = { value: '20', id: 'four' };
        assert.deepEqual(await idsBy(driver, 'by', { after }), ['three', 'one']);
        assert.deepEqual(await idsBy(driver, 'by', { after, until: '30' }), ['three']);
        assert.deepEqual(await idsBy(driver, 'by', { after, from: '30' }), ['one']);
        assert.deepEqual(await idsBy(driver, 'by', { after, descending: true }), ['two']);
        assert.deepEqual(await idsBy(driver, 'by', { after, descending: true, from: '20' }), []);
      });

      it('follow a record whose index values change', async () => {
        await committed(driver, [put('a', 'two', '2', { by: '40' })]);
        assert.deepEqual(await idsBy(driver, 'by'), ['four', 'three', 'one', 'two']);
        assert.deepEqual(await idsBy(driver, 'other'), []);
      });

      it('sort text by its bytes', async () => {
        const values = ['Z', 'a', 'ä', 'z', '\u{fffd}', '\u{1f511}', '', '10', '9'];
        await committed(
          driver,
          values.map((by, at) => put('c', `${at}`, '', { by })),
        );
        const listed = await driver.list({ collection: 'c', index: 'by', limit: 20 });
        const byBytes = values.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        assert.deepEqual(
          listed.map(({ indexValue }) => indexValue),
          byBytes,
        );
      });
    });

    describe('claims', () => {
      const ask = (holder: string, now: number) => driver.claim({ key: 'k', holder, now, milliseconds: 100 });

      it('are held by one, until they run out', async () => {
        const claim = await ask('a', 1_000);
        assert.deepEqual(claim, { key: 'k', holder: 'a', fence: claim!.fence, until: 1_100 });
        assert.equal(await ask('b', 1_099), null);
        assert.equal((await ask('b', 1_100))?.holder, 'b');
      });

      it('raise their fence with each new holder, across running out and releases', async () => {
        const first = (await ask('a', 0))!;
        const second = (await ask('b', 100))!;
        await driver.release(second);
        const third = (await ask('b', 101))!;
        await driver.release(third);
        const fourth = (await ask('a', 102))!;
        assert.ok(first.fence < second.fence && second.fence < third.fence && third.fence < fourth.fence);
      });

      it('are lengthened by who holds them, never shortened, with the fence unchanged', async () => {
        const claim = (await ask('a', 0))!;
        assert.deepEqual(await ask('a', 50), { ...claim, until: 150 });
        assert.deepEqual(await driver.renew(claim, { now: 60, milliseconds: 200 }), { ...claim, until: 260 });
        assert.deepEqual(await driver.renew(claim, { now: 61, milliseconds: 1 }), { ...claim, until: 260 });
      });

      it('can be renewed after running out if nobody took them, and not once somebody did', async () => {
        const claim = (await ask('a', 0))!;
        const renewed = (await driver.renew(claim, { now: 500, milliseconds: 100 }))!;
        assert.equal(renewed.until, 600);
        await ask('b', 600);
        assert.equal(await driver.renew(renewed, { now: 700, milliseconds: 100 }), null);
      });

      it('are not freed by somebody who has lost them', async () => {
        const lost = (await ask('a', 0))!;
        await ask('b', 100);
        await driver.release(lost);
        assert.equal(await ask('c', 150), null);
      });

      it('guard commits: refused once somebody else has taken the claim', async () => {
        const claim = (await ask('a', 0))!;
        const batch: Batch = { writes: [put('a', '1', 'one')], fences: [claim] };
        assert.equal((await driver.commit(batch)).committed, true);
        const taken = (await ask('b', 100))!;
        assert.match(conflictOf(await driver.commit(batch)), new RegExp(`fence ${taken.fence}, not ${claim.fence}`));
        assert.equal((await driver.commit({ ...batch, fences: [taken] })).committed, true);
        assert.equal((await driver.commit({ ...batch, fences: [{ key: 'unknown', fence: 1 }] })).committed, false);
      });

      it('are given to exactly one of many that ask at the same time', async () => {
        const claims = await Promise.all(Array.from({ length: 20 }, (_, at) => ask(`holder ${at}`, 0)));
        assert.equal(claims.filter((claim) => claim !== null).length, 1);
      });

      it('do not stand in the way of other keys', async () => {
        await ask('a', 0);
        assert.notEqual(await driver.claim({ key: 'other', holder: 'b', now: 0, milliseconds: 1 }), null);
      });
    });

    describe('the change feed', () => {
      it('tells what changed after a revision, oldest first, each record once a commit', async () => {
        const first = await committed(driver, [put('b', '2', ''), put('a', '9', ''), put('a', '9', 'again')]);
        const second = await committed(driver, [{ collection: 'a', id: '9', body: null }]);
        const all = [
          { revision: first, collection: 'a', id: '9' },
          { revision: first, collection: 'b', id: '2' },
          { revision: second, collection: 'a', id: '9' },
        ];
        assert.deepEqual(await driver.changes(0, 10), all);
        assert.deepEqual(await driver.changes(first, 10), all.slice(2));
        assert.deepEqual(await driver.changes(second, 10), []);
      });

      it('never cuts a commit in two', async () => {
        await committed(driver, [put('a', '1', ''), put('a', '2', ''), put('a', '3', '')]);
        await committed(driver, [put('a', '4', '')]);
        assert.equal((await driver.changes(0, 1)).length, 3);
        assert.equal((await driver.changes(0, 3)).length, 3);
        assert.equal((await driver.changes(0, 4)).length, 4);
      });

      it('says so when it no longer goes back far enough', async () => {
        const early = await committed(driver, [put('a', '1', '')]);
        await Promise.all(Array.from({ length: KEPT_REVISIONS }, () => driver.commit({ writes: [] })));
        assert.deepEqual(await driver.changes(early, 10), []);
        await committed(driver, [put('a', '2', '')]);
        const forgotten = (error: unknown) => error instanceof RekeyError && error.reason === 'changes-forgotten';
        await assert.rejects(driver.changes(early, 10), forgotten);
        assert.equal((await driver.changes(early + 1, 10)).length, 1);
      });

      it('tells its watchers of each commit, until they stop', async () => {
        const told: number[] = [];
        const stop = driver.watch((revision) => told.push(revision));
        const first = await committed(driver, [put('a', '1', '')]);
        const second = await committed(driver, [put('a', '2', '')]);
        assert.deepEqual([...new Set(told)], [first, second]);
        stop();
        await committed(driver, [put('a', '3', '')]);
        assert.equal(told.at(-1), second);
      });
    });

    it('finds nothing wrong with what it wrote itself', async () => {
      await committed(driver, [put('a', '1', 'one', { by: 'x' })]);
      assert.deepEqual(await driver.check(), []);
    });

    it('fails as unavailable once it is closed, and may be closed twice', async (test) => {
      if (underTest.openBackup === null) return test.skip('it lives as long as its process');
      await driver.close();
      await driver.close();
      const unavailable = (error: unknown) => error instanceof RekeyError && error.code === 'unavailable';
      await assert.rejects(driver.get('a', '1'), unavailable);
      await assert.rejects(driver.commit({ writes: [] }), unavailable);
    });

    const { openBackup } = underTest;
    if (openBackup === null) return;

    describe('on disk', () => {
      it('keeps records, indexes, revision, claims and changes when it is opened again', async () => {
        const revision = await committed(driver, [put('a', '1', 'one', { by: 'x' })]);
        const claim = (await driver.claim({ key: 'k', holder: 'a', now: 0, milliseconds: 100 }))!;
        await driver.release(claim);
        await driver.close();
        driver = await underTest.open(folder);
        assert.deepEqual(await readText(driver, 'a', '1'), { revision, text: 'one' });
        assert.deepEqual(await idsBy(driver, 'by'), ['1']);
        assert.equal((await driver.changes(0, 10)).length, 1);
        assert.ok((await committed(driver, [])) > revision);
        const again = (await driver.claim({ key: 'k', holder: 'b', now: 0, milliseconds: 100 }))!;
        assert.ok(again.fence > claim.fence);
      });

      it('finishes the commits that were asked for before it was closed', async () => {
        const commits = Array.from({ length: 50 }, (_, at) => driver.commit({ writes: [put('a', `${at}`, '')] }));
        await driver.close();
        const results = await Promise.all(commits);
        assert.ok(results.every((result) => result.committed));
        driver = await underTest.open(folder);
        assert.equal(await driver.count('a'), 50);
      });

      it('backs itself up while it is written to: one moment, whole, for its owner only', async () => {
        let stop = false;
        const writing = (async () => {
          for (let at = 0; !stop; at += 1) await committed(driver, [put('a', 'x', `${at}`), put('a', 'y', `${at}`)]);
        })();
        const file = join(folder, 'backup');
        await driver.backup(file);
        stop = true;
        await writing;
        assert.equal((await stat(file)).mode & 0o777, 0o600);
        const copy = await openBackup(file);
        try {
          assert.deepEqual(await copy.check(), []);
          assert.deepEqual(await readText(copy, 'a', 'x'), await readText(copy, 'a', 'y'));
        } finally {
          await copy.close();
        }
      });

      it('overwrites nothing when it backs itself up', async () => {
        const file = join(folder, 'backup');
        await writeFile(file, 'mine');
        const occupied = (error: unknown) => error instanceof RekeyError && error.code === 'already-exists';
        await assert.rejects(driver.backup(file), occupied);
        assert.equal((await stat(file)).size, 4);
      });
    });
  });
}

function put(collection: string, id: string, body: string, index?: Readonly<Record<string, string>>): Write {
  return { collection, id, body: Buffer.from(body), ...(index === undefined ? {} : { index }) };
}

async function committed(driver: StoreDriver, writes: readonly Write[]): Promise<number> {
  const result = await driver.commit({ writes });
  assert.ok(result.committed);
  return result.revision;
}

function conflictOf(result: CommitResult): string {
  return result.committed ? assert.fail('it was committed') : result.conflict;
}

async function readText(driver: StoreDriver, collection: string, id: string) {
  const stored = await driver.get(collection, id);
  return stored === null ? null : { revision: stored.revision, text: text(stored.body) };
}

async function idsBy(
  driver: StoreDriver,
  index: string | null,
  bounds: Omit<Parameters<StoreDriver['list']>[0], 'collection' | 'index' | 'limit'> = {},
): Promise<readonly string[]> {
  const listed = await driver.list({ collection: 'a', index, limit: 100, ...bounds });
  return listed.map(({ id }) => id);
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}
