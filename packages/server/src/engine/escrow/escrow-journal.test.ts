import assert from 'node:assert/strict';
import {
  appendFile,
  copyFile,
  type FileHandle,
  mkdtemp,
  open as openFile,
  readFile,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import fc from 'fast-check';
import { Keyring } from '../../seal/keyring.ts';
import { LocalKeySeal } from '../../seal/local-key.ts';
import { DEFAULT_ESCROW_RETENTION, type EscrowEntry, isDroppable, MemoryEscrowJournal } from './escrow.ts';
import { FileEscrowJournal } from './escrow-journal.ts';

const DAY = 86_400_000;
let folder: string;
let seal: LocalKeySeal;
let keyring: Keyring;
let open: FileEscrowJournal[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rekey-escrow-'));
  seal = new LocalKeySeal(join(folder, 'key'));
  await seal.prepare();
  keyring = Keyring.create('store-1', 0);
  open = [];
});
afterEach(async () => {
  for (const journal of open) await journal.close().catch(() => {});
  await rm(folder, { recursive: true });
});

const file = (name: string) => join(folder, name);
async function openJournal(...names: string[]): Promise<FileEscrowJournal> {
  const paths = (names.length === 0 ? ['journal'] : names).map(file) as [string, ...string[]];
  const journal = await FileEscrowJournal.open({ paths, keyring, wrapped: await keyring.wrap(seal), seal });
  open.push(journal);
  return journal;
}
const entry = (number: number, at = number): EscrowEntry => ({
  secretId: 'secret-1',
  secretName: 'app/db',
  secretArn: 'arn:aws:secretsmanager:us-east-1:000000000000:secret:app/db-AbCdEf',
  versionId: `version-${number}`,
  rotationNumber: number,
  text: `{"password":"the-value-${number}"}`,
  at,
});
async function versionsOf(journal: FileEscrowJournal): Promise<string[]> {
  const found: string[] = [];
  for await (const finding of journal.scan())
    found.push(finding.kind === 'entry' ? finding.entry.versionId : finding.kind);
  return found;
}
const versions = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => `version-${from + index}`);

describe('the escrow journal', () => {
  it('gives back what was appended, in order, also after it was opened again', async () => {
    const journal = await openJournal();
    await Promise.all([1, 2, 3].map((number) => journal.append(entry(number))));
    await journal.close();
    const again = await openJournal();
    await again.append(entry(4));
    const read: EscrowEntry[] = [];
    for await (const found of again.entries()) read.push(found);
    assert.deepEqual(
      read,
      [1, 2, 3, 4].map((number) => entry(number)),
    );
  });

  it('lets entries that come while the disk is busy share its next sync', async (t) => {
    const journal = await openJournal();
    const probe = await openFile(file('journal'));
    const syncs = t.mock.method(Object.getPrototypeOf(probe) as FileHandle, 'datasync');
    await probe.close();
    await Promise.all(Array.from({ length: 100 }, (_, index) => journal.append(entry(index + 1))));
    assert.ok(syncs.mock.callCount() <= 2);
    assert.deepEqual(await versionsOf(journal), versions(1, 100));
  });

  it('is a file of mode 0600 in which no value stands in the clear', async () => {
    const journal = await openJournal();
    await journal.append(entry(1));
    assert.equal((await stat(file('journal'))).mode & 0o777, 0o600);
    const text = await readFile(file('journal'), 'utf8');
    for (const part of ['the-value', 'app/db', Buffer.from('the-value').toString('base64').slice(0, 10)])
      assert.equal(text.includes(part), false);
  });

  it('is read with the KEK alone, after the store has changed its DEK and its KEK', async () => {
    const journal = await openJournal();
    await journal.append(entry(1));
    const beforeChange = keyring;
    keyring = keyring.renewed(1);
    await journal.useKeyring(keyring, await keyring.wrap(seal));
    await journal.append(entry(2));
    seal = new LocalKeySeal(file('other-key'));
    await seal.prepare();
    await journal.useKeyring(keyring, await keyring.wrap(seal));
    await journal.append(entry(3));
    await journal.close();
    keyring = beforeChange;
    assert.deepEqual(await versionsOf(await openJournal()), versions(1, 3));
  });

  it('follows a new DEK: nothing is left that the old one opens, and the KEK alone still reads all of it', async () => {
    const journal = await openJournal('journal', 'copy');
    await journal.append(entry(1));
    await journal.append(entry(2));
    const old = keyring;
    keyring = keyring.renewed(1);
    assert.equal(await journal.follow(keyring, await keyring.wrap(seal)), 2);
    await journal.append(entry(3));
    assert.deepEqual(await versionsOf(journal), versions(1, 3));
    await journal.close();
    const dropped = keyring.withoutOlder();
    for (const name of ['journal', 'copy']) {
      const lines = (await readFile(file(name), 'utf8')).trimEnd().split('\n');
      const bodies = lines.flatMap((line) => (JSON.parse(line) as { body?: string }).body ?? []);
      assert.equal(bodies.length, 4, 'a start and three entries');
      for (const body of bodies) assert.equal(old.knows(Buffer.from(body, 'base64')), false);
      assert.equal(lines.filter((line) => line.includes('"kind":"keyring"')).length, 1);
      assert.equal((await stat(file(name))).mode & 0o777, 0o600);
    }
    keyring = dropped;
    assert.deepEqual(await versionsOf(await openJournal('journal', 'copy')), versions(1, 3));
  });

  it('takes a keyring along that changed under it, before the first entry that needs it', async () => {
    let wrapped = await keyring.wrap(seal);
    const before = await Keyring.unwrap(wrapped, seal);
    const journal = await FileEscrowJournal.open({
      ...{ paths: [file('journal')], keyring, wrapped, seal },
      current: () => wrapped,
    });
    open.push(journal);
    await journal.append(entry(1));
    const later = keyring.renewed(1);
    wrapped = await later.wrap(seal);
    keyring.become(later);
    await journal.append(entry(2));
    await journal.append(entry(3));
    const lines = (await readFile(file('journal'), 'utf8')).trimEnd().split('\n');
    const kinds = lines.map((line) => (JSON.parse(line) as { kind: string }).kind);
    assert.deepEqual(kinds, ['header', 'keyring', 'start', 'entry', 'keyring', 'entry', 'entry']);
    await journal.close();
    keyring = before;
    assert.deepEqual(await versionsOf(await openJournal()), versions(1, 3));
  });

  it('is carried on where a crash fell between two copies that are sealed anew', async () => {
    const journal = await openJournal('journal', 'copy');
    await journal.append(entry(1));
    await journal.close();
    await copyFile(file('copy'), file('copy-before'));
    keyring = keyring.renewed(1);
    await (await openJournal('journal', 'copy')).close();
    await copyFile(file('copy-before'), file('copy'));
    const again = await openJournal('journal', 'copy');
    await again.append(entry(2));
    assert.deepEqual(await versionsOf(again), versions(1, 2));
    await again.close();
    keyring = keyring.withoutOlder();
    for (const name of ['journal', 'copy']) assert.deepEqual(await versionsOf(await openJournal(name)), versions(1, 2));
  });

  it('keeps what it cannot read, and the keyrings that may open it, when it is sealed anew', async () => {
    const journal = await openJournal();
    await journal.append(entry(1));
    await journal.append(entry(2));
    await journal.close();
    const lines = (await readFile(file('journal'), 'utf8')).split('\n');
    const damaged = lines.map((line) =>
      line.includes('"n":1,') && line.includes('entry') ? line.replace(/.{6}"}$/, 'AAAAAA"}') : line,
    );
    await writeFile(file('journal'), damaged.join('\n'));
    keyring = keyring.renewed(1);
    const again = await openJournal();
    assert.deepEqual(await versionsOf(again), ['problem', 'version-2']);
    const after = await readFile(file('journal'), 'utf8');
    assert.ok(after.includes('AAAAAA"}'));
    assert.ok(after.split('"kind":"keyring"').length > 2);
  });

  it('is not written to at each start while nothing changes', async () => {
    const wrapped = await keyring.wrap(seal);
    const start = () => FileEscrowJournal.open({ paths: [file('journal')], keyring, wrapped, seal });
    await (await start()).close();
    const before = await readFile(file('journal'));
    await (await start()).close();
    assert.deepEqual(await readFile(file('journal')), before);
  });

  it('survives a last line torn at any byte, and goes on behind the last whole one', async () => {
    const journal = await openJournal();
    await journal.append(entry(1));
    const whole = (await readFile(file('journal'))).length;
    await journal.append(entry(2));
    await journal.close();
    const bytes = await readFile(file('journal'));
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: whole, max: bytes.length - 1 }), async (length) => {
        await writeFile(file('journal'), bytes.subarray(0, length));
        const torn = await openJournal();
        await torn.append(entry(3));
        assert.deepEqual(await versionsOf(torn), ['version-1', 'version-3']);
        await torn.close();
      }),
      { numRuns: 15 },
    );
  });

  it('survives a crash in its very first write', async () => {
    const journal = await openJournal();
    await journal.close();
    const bytes = await readFile(file('journal'));
    for (const length of [0, 1, 20, 60, bytes.length - 1]) {
      await writeFile(file('journal'), bytes.subarray(0, length));
      const again = await openJournal();
      await again.append(entry(1));
      assert.deepEqual(await versionsOf(again), ['version-1']);
      await again.close();
    }
  });

  it('tells of a torn end that appeared while it was open', async () => {
    const journal = await openJournal();
    await journal.append(entry(1));
    await appendFile(file('journal'), '{"kind":"ent');
    assert.deepEqual(await versionsOf(journal), ['version-1', 'torn']);
  });
});

describe('an escrow journal somebody tampered with', () => {
  async function tamper(change: (lines: string[]) => string[]): Promise<FileEscrowJournal> {
    const journal = await openJournal();
    for (const number of [1, 2, 3, 4]) await journal.append(entry(number));
    await journal.close();
    const lines = (await readFile(file('journal'), 'utf8')).trimEnd().split('\n');
    const at = lines.findIndex((line) => line.startsWith('{"kind":"entry"'));
    await writeFile(file('journal'), `${[...lines.slice(0, at), ...change(lines.slice(at))].join('\n')}\n`);
    return await openJournal();
  }
  const sentences = async (journal: FileEscrowJournal) => {
    const found: string[] = [];
    for await (const finding of journal.scan()) if (finding.kind === 'problem') found.push(finding.sentence);
    return found;
  };

  it('by dropping an entry from the middle is told, and the others are still read', async () => {
    const journal = await tamper((lines) => lines.filter((_, index) => index !== 1));
    assert.deepEqual(await versionsOf(journal), ['version-1', 'problem', 'version-3', 'version-4']);
    assert.match(
      (await sentences(journal))[0]!,
      /^Line 5 of the escrow journal .* is entry 3, but entry 2 should stand there\.$/,
    );
  });

  it('by dropping the front is told', async () => {
    const journal = await tamper((lines) => lines.slice(2));
    assert.deepEqual(await versionsOf(journal), ['problem', 'version-3', 'version-4']);
  });

  it('by swapping two entries is told', async () => {
    const journal = await tamper(([a, b, ...rest]) => [b!, a!, ...rest]);
    assert.ok((await sentences(journal)).length > 0);
  });

  it('by giving an entry the number of a dropped one is told', async () => {
    const journal = await tamper(([a, , c, d]) => [a!, c!.replace('"n":3', '"n":2'), d!]);
    assert.match((await sentences(journal))[0]!, /was altered, moved or sealed with a key that is gone/);
  });

  it('by flipping any byte of an entry is told, and the other entries are still read', async () => {
    const journal = await openJournal();
    for (const number of [1, 2, 3]) await journal.append(entry(number));
    await journal.close();
    const sound = await readFile(file('journal'));
    const from = sound.indexOf('"n":2');
    const until = sound.indexOf('\n', from);
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: from, max: until - 3 }),
        fc.integer({ min: 1, max: 255 }),
        async (at, mask) => {
          const bytes = Buffer.from(sound);
          bytes[at]! ^= mask;
          await writeFile(file('journal'), bytes);
          const flipped = await openJournal();
          const found = await versionsOf(flipped);
          await flipped.close();
          assert.ok(found.includes('problem') && found.includes('version-1') && found.includes('version-3'));
        },
      ),
      { numRuns: 30 },
    );
  });

  it('makes reading its entries end with an error, after the sound ones', async () => {
    const journal = await tamper((lines) => lines.filter((_, index) => index !== 1));
    const read: string[] = [];
    await assert.rejects(
      async () => {
        for await (const found of journal.entries()) read.push(found.versionId);
      },
      { code: 'integrity', reason: 'escrow-damaged' },
    );
    assert.deepEqual(read, ['version-1', 'version-3', 'version-4']);
  });
});

describe('an escrow journal on two disks', () => {
  it('holds the same on both', async () => {
    const journal = await openJournal('a', 'b');
    await journal.append(entry(1));
    assert.deepEqual(await readFile(file('a')), await readFile(file('b')));
  });

  it('brings up a new disk, and one that missed the last entries', async () => {
    const journal = await openJournal('a');
    await journal.append(entry(1));
    await copyFile(file('a'), file('b'));
    await journal.append(entry(2));
    await journal.close();
    await (await openJournal('a', 'b', 'c')).close();
    for (const name of ['a', 'b', 'c']) assert.deepEqual(await versionsOf(await openJournal(name)), versions(1, 2));
  });

  it('counts an entry that one disk refused as on neither, says which disk, and goes on when it has space again', async (t) => {
    const journal = await openJournal('a', 'b');
    await journal.append(entry(1));
    const probe = await openFile(file('a'));
    const handles = Object.getPrototypeOf(probe) as FileHandle;
    await probe.close();
    const full = t.mock.method(handles, 'datasync', async () => {
      throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
    });
    await assert.rejects(journal.append(entry(2)), {
      code: 'storage-full',
      message: /^The escrow journal .*\/a cannot be written \(ENOSPC\): free space there; until then no rotation/,
    });
    full.mock.restore();
    await journal.append(entry(3));
    assert.deepEqual(await versionsOf(journal), ['version-1', 'version-3']);
    assert.deepEqual(await readFile(file('a')), await readFile(file('b')));
  });

  it('refuses to open on a disk that is full', async () => {
    const wrapped = await keyring.wrap(seal);
    await assert.rejects(FileEscrowJournal.open({ paths: [file('a'), '/dev/full'], keyring, wrapped, seal }), {
      code: 'storage-full',
    });
  });

  it('refuses copies that contradict each other', async () => {
    for (const [name, number] of [
      ['a', 1],
      ['b', 2],
    ] as const) {
      const journal = await openJournal(name);
      await journal.append(entry(number));
      await journal.close();
    }
    await assert.rejects(openJournal('a', 'b'), { code: 'integrity', reason: 'escrow-copies-differ' });
  });
});

describe('a file that is no journal of this store', () => {
  it('is refused and not touched', async () => {
    await writeFile(file('journal'), 'my thesis');
    await assert.rejects(openJournal(), { reason: 'escrow-not-a-journal' });
    assert.equal(await readFile(file('journal'), 'utf8'), 'my thesis');
  });

  it('is refused where it belongs to another store', async () => {
    await (await openJournal()).close();
    keyring = Keyring.create('store-2', 0);
    await assert.rejects(openJournal(), { reason: 'escrow-of-another-store' });
  });
});

describe('compaction', () => {
  const retention = DEFAULT_ESCROW_RETENTION;

  it('lets go only what a backup holds and the stated time has passed over, or what is older than the longer time', () => {
    const now = 1_000 * DAY;
    const made = entry(1, now - 36 * DAY);
    assert.equal(isDroppable(made, { now, backedUpAt: now - 35 * DAY, retention }), true);
    assert.equal(isDroppable(made, { now, backedUpAt: now - 37 * DAY, retention }), false);
    assert.equal(isDroppable(made, { now, backedUpAt: null, retention }), false);
    assert.equal(isDroppable(entry(1, now - 34 * DAY), { now, backedUpAt: now, retention }), false);
    assert.equal(isDroppable(entry(1, now - 401 * DAY), { now, backedUpAt: null, retention }), true);
  });

  it('drops the front on every disk, keeps the rest readable and the numbers running', async () => {
    const journal = await openJournal('a', 'b');
    for (const number of [1, 2, 3, 4]) await journal.append(entry(number, number * DAY));
    const wrapped = await keyring.wrap(seal);
    assert.equal(await journal.compact({ now: 38 * DAY, backedUpAt: 37 * DAY, wrapped }), 2);
    await journal.append(entry(5));
    await journal.close();
    for (const name of ['a', 'b']) assert.deepEqual(await versionsOf(await openJournal(name)), versions(3, 5));
    assert.equal((await stat(file('a'))).mode & 0o777, 0o600);
  });

  it('lets a journal that was emptied go on', async () => {
    const journal = await openJournal('a', 'b');
    await journal.append(entry(1, 0));
    assert.equal(await journal.compact({ now: 500 * DAY, backedUpAt: null, wrapped: await keyring.wrap(seal) }), 1);
    await journal.close();
    const again = await openJournal('a', 'b');
    await again.append(entry(2));
    assert.deepEqual(await versionsOf(again), ['version-2']);
  });

  it('that a crash interrupted between two disks is made good at the next start', async () => {
    const journal = await openJournal('a', 'b');
    for (const number of [1, 2]) await journal.append(entry(number, number * DAY));
    await copyFile(file('b'), file('b-before'));
    await journal.compact({ now: 500 * DAY, backedUpAt: null, wrapped: await keyring.wrap(seal) });
    await journal.close();
    await copyFile(file('b-before'), file('b'));
    const again = await openJournal('a', 'b');
    await again.append(entry(3));
    assert.deepEqual(await versionsOf(again), ['version-3']);
    assert.deepEqual(await versionsOf(await openJournal('b')), versions(1, 3));
  });
});

describe('the escrow journal in memory', () => {
  it('gives back what was appended', async () => {
    const journal = new MemoryEscrowJournal();
    await journal.append(entry(1));
    const read: EscrowEntry[] = [];
    for await (const found of journal.entries()) read.push(found);
    assert.deepEqual(read, [entry(1)]);
  });
});
