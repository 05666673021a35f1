import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import fc from 'fast-check';
import type { Batch, Claim, ListQuery, StoreDriver } from './driver.ts';
import { MemoryDriver } from './memory.ts';
import { TestPostgres, withoutPostgres } from './postgres.testing.ts';
import { findDamage } from './sqlite/upkeep.ts';
import { openSqliteDriver } from './sqlite.ts';

/** One operation, the same for every driver; claims are named by their place among those made so far. */
type Operation =
  | { readonly do: 'commit'; readonly batch: Batch; readonly fence: number | null }
  | { readonly do: 'list'; readonly query: ListQuery }
  | { readonly do: 'get'; readonly collection: string; readonly id: string }
  | { readonly do: 'claim'; readonly key: string; readonly holder: string; readonly milliseconds: number }
  | { readonly do: 'renew' | 'release'; readonly claim: number }
  | { readonly do: 'changes'; readonly back: number; readonly limit: number };

const collection = fc.constantFrom('a', 'b');
const id = fc.constantFrom('1', '2', '3', 'ä', '\u{1f511}', '\u{fffd}');
const value = fc.constantFrom('', '1', '10', '2', 'ä', '\u{1f511}', '\u{fffd}');
const some = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 1 });
const present = <T extends object>(record: T): T =>
  Object.fromEntries(Object.entries(record).filter(([, field]) => field !== undefined)) as T;

const write = fc
  .record({
    collection,
    id,
    body: fc.option(fc.uint8Array({ maxLength: 8 }), { nil: null, freq: 4 }),
    index: some(fc.dictionary(fc.constantFrom('x', 'y'), value, { noNullPrototype: true })),
    expect: some(fc.nat(6)),
  })
  .map((fields) => present(fields) as Batch['writes'][number]);

const query = fc
  .record({
    collection,
    index: fc.constantFrom('x', 'y', null),
    from: some(value),
    until: some(value),
    after: some(fc.record({ value, id })),
    descending: some(fc.boolean()),
    limit: fc.integer({ min: 1, max: 5 }),
  })
  .map((fields) => present(fields) as ListQuery);

const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('commit' as const),
      batch: fc.record({
        writes: fc.array(write, { maxLength: 4 }),
        checks: fc.array(fc.record({ collection, id, revision: fc.nat(6) }), { maxLength: 1 }),
      }),
      fence: fc.option(fc.nat(9), { nil: null }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('list' as const), query }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('get' as const), collection, id }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('claim' as const),
      key: fc.constantFrom('k', 'l'),
      holder: fc.constantFrom('p', 'q'),
      milliseconds: fc.integer({ min: 0, max: 5 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('renew' as const, 'release' as const), claim: fc.nat(9) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('changes' as const),
      back: fc.nat(5),
      limit: fc.integer({ min: 1, max: 5 }),
    }),
  },
);

/** Plays operations on a driver and keeps what each answered. */
class Player {
  readonly #claims: Claim[] = [];
  #now = 0;

  async play(driver: StoreDriver, operation: Operation): Promise<unknown> {
    this.#now += 1;
    switch (operation.do) {
      case 'commit': {
        const fenced = operation.fence === null ? undefined : this.#claims[operation.fence % this.#claims.length];
        return driver.commit({ ...operation.batch, fences: fenced === undefined ? [] : [fenced] });
      }
      case 'list':
        return (await driver.list(operation.query)).map(plainRecord);
      case 'get': {
        const stored = await driver.get(operation.collection, operation.id);
        return stored === null ? null : plainRecord(stored);
      }
      case 'claim':
        return this.#keep(await driver.claim({ ...operation, now: this.#now }));
      case 'renew': {
        const claim = this.#claims[operation.claim % this.#claims.length];
        return claim === undefined ? null : driver.renew(claim, { now: this.#now, milliseconds: 3 });
      }
      case 'release': {
        const claim = this.#claims[operation.claim % this.#claims.length];
        return claim === undefined ? null : driver.release(claim);
      }
      case 'changes':
        return driver.changes(Math.max(0, (await driver.revision()) - operation.back), operation.limit);
    }
  }

  #keep(claim: Claim | null): Claim | null {
    if (claim !== null) this.#claims.push(claim);
    return claim;
  }
}

const plainRecord = (stored: { body: Uint8Array }) => ({ ...stored, body: Buffer.from(stored.body).toString('hex') });

async function playAll(driver: StoreDriver, operations: readonly Operation[]): Promise<readonly unknown[]> {
  const player = new Player();
  const answers: unknown[] = [];
  for (const operation of operations) answers.push(await player.play(driver, operation));
  for (const name of ['a', 'b']) answers.push(await driver.count(name));
  for (const until of ['b', 'm', '\uffff']) answers.push(await driver.count('a', { index: 'x', until }));
  answers.push(await driver.count('a', { index: 'y' }));
  return answers;
}

/** A driver over an empty store, and what is wrong in the store once the operations are played. */
interface Candidate {
  open(name: string): Promise<StoreDriver>;
  findDamage(driver: StoreDriver, name: string): Promise<readonly string[]>;
  readonly skip: string | false;
}

const folder = await mkdtemp(join(tmpdir(), 'rekey-cross-'));
after(() => rm(folder, { recursive: true, force: true }));
const postgres = new TestPostgres();

/** Every driver but the reference; a new one joins by a line here. */
const CANDIDATES: Readonly<Record<string, Candidate>> = {
  sqlite: {
    open: async (name) => openSqliteDriver({ file: join(folder, name), create: true }),
    findDamage: async (_, name) => findDamage(join(folder, name)),
    skip: false,
  },
  postgres: { open: (name) => postgres.open(name), findDamage: (driver) => driver.check(), skip: withoutPostgres },
};

for (const [name, { open, findDamage, skip }] of Object.entries(CANDIDATES)) {
  it(`memory and ${name} give the same answers to any operations`, { skip }, async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 5, maxLength: 60, size: 'max' }), async (operations) => {
        const place = `${run++}`;
        const driver = await open(place);
        try {
          assert.deepEqual(await playAll(driver, operations), await playAll(new MemoryDriver(), operations));
          assert.deepEqual(await findDamage(driver, place), []);
        } finally {
          await driver.close();
        }
      }),
      { numRuns: 40 },
    );
  });
}
