import assert from 'node:assert/strict';
import { appendFileSync, cpSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { editLines, entryOf, HandClock, KEYS, lineFiles, openLog, temporaryFolder, writeLog } from './audit.testing.ts';
import { type Checkpoint, isGenuine } from './checkpoint.ts';
import { type FileCalls, systemCalls } from './file.ts';
import { verifyAudit } from './verify.ts';

function diskFull(): NodeJS.ErrnoException {
  return Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
}

/** Counts writes and breaks them when told to. */
function brittleCalls() {
  const state = { writes: 0, room: Number.POSITIVE_INFINITY, syncs: 0, failSync: false };
  const calls: FileCalls = {
    write(descriptor, bytes, from) {
      state.writes++;
      if (state.room <= 0) throw diskFull();
      const part = bytes.subarray(0, Math.min(bytes.length, from + state.room));
      const written = systemCalls.write(descriptor, part, from);
      state.room -= written;
      return written;
    },
    truncate: systemCalls.truncate,
    async sync(descriptor) {
      state.syncs++;
      if (state.failSync) throw Object.assign(new Error('EIO'), { code: 'EIO' });
      await systemCalls.sync(descriptor);
    },
  };
  return { state, calls };
}

test('an entry is in the file when its append resolves, in a folder and files for the owner alone', async (context) => {
  const folder = temporaryFolder(context);
  const log = await openLog(folder);
  await log.append(entryOf(1));
  const path = join(folder, 'audit-000000000001.jsonl');
  assert.equal(JSON.parse(readFileSync(path, 'utf8')).entry.requestId, 'request-1');
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  await log.close();
  for (const file of [...lineFiles(folder), 'checkpoints.jsonl'])
    assert.equal(statSync(join(folder, file)).mode & 0o777, 0o600);
});

test('all entries of one turn are written by one write, in order', async (context) => {
  const { state, calls } = brittleCalls();
  const folder = temporaryFolder(context);
  const log = await openLog(folder, { calls });
  await Promise.all(Array.from({ length: 200 }, (_, at) => log.append(entryOf(at + 1))));
  assert.equal(state.writes, 1);
  await log.close();
  const report = await verifyAudit({ folder });
  assert.equal(report.lines, 200);
  assert(report.sound, report.sentence);
});

test('the chain continues across files, and across a restart', async (context) => {
  const folder = temporaryFolder(context);
  await writeLog(folder, 30, { fileBytes: 4000 });
  await writeLog(folder, 30, { fileBytes: 4000 });
  const files = lineFiles(folder);
  assert(files.length > 4);
  for (const file of files) assert(statSync(join(folder, file)).size <= 4000);
  const report = await verifyAudit({ folder, publicKey: KEYS.publicKey });
  assert(report.sound, report.sentence);
  assert.deepEqual([report.lines, report.provenUpTo, report.files], [60, 60, files.length]);
});

test('a full disk refuses the entry, and the chain goes on unbroken when there is room again', async (context) => {
  const { state, calls } = brittleCalls();
  const folder = temporaryFolder(context);
  const log = await openLog(folder, { calls });
  await log.append(entryOf(1));
  for (const room of [0, 100]) {
    state.room = room;
    const refused = [log.append(entryOf(2)), log.append(entryOf(3))];
    for (const entry of refused) {
      await assert.rejects(entry, {
        code: 'storage-full',
        reason: 'audit-storage-full',
        message: /disk is full; free some space/,
      });
    }
  }
  state.room = Number.POSITIVE_INFINITY;
  await log.append(entryOf(4));
  await log.close();
  const report = await verifyAudit({ folder });
  assert.deepEqual([report.sound, report.lines, report.provenUpTo], [true, 2, 2], report.sentence);
});

test('in synced mode an entry resolves after the disk has it; a failed sync takes it back', async (context) => {
  const { state, calls } = brittleCalls();
  const folder = temporaryFolder(context);
  const log = await openLog(folder, { calls, durability: 'synced' });
  await log.append(entryOf(1));
  assert.equal(state.syncs, 1);
  state.failSync = true;
  const failing = assert.rejects(log.append(entryOf(2)), { code: 'unavailable', reason: 'audit-unavailable' });
  await new Promise(setImmediate);
  const queued = log.append(entryOf(3));
  state.failSync = false;
  await Promise.all([failing, queued]);
  await log.close();
  const text = readFileSync(join(folder, lineFiles(folder)[0]!), 'utf8');
  assert(!text.includes('request-2') && text.includes('request-3'));
  assert((await verifyAudit({ folder })).sound);
});

test('after a minute with entries, and at close, the head is signed and handed on', async (context) => {
  const folder = temporaryFolder(context);
  const clock = new HandClock();
  const kept: Checkpoint[] = [];
  let told = Promise.withResolvers<void>();
  const onCheckpoint = (checkpoint: Checkpoint) => {
    kept.push(checkpoint);
    told.resolve();
  };
  const log = await openLog(folder, { clock, onCheckpoint });
  await log.append(entryOf(1));
  await log.append(entryOf(2));
  await clock.advance(59_999);
  assert.equal(kept.length, 0);
  await clock.advance(1);
  await told.promise;
  told = Promise.withResolvers();
  await log.append(entryOf(3));
  await log.close();
  assert.deepEqual(
    kept.map(({ sequence }) => sequence),
    [2, 3],
  );
  for (const checkpoint of kept) assert(isGenuine(checkpoint, KEYS.publicKey));
  assert.equal(kept[1]!.hash, log.head.hash);
});

test('a checkpoint that cannot be kept is told, and tried again, without hurting the entries', async (context) => {
  const folder = temporaryFolder(context);
  const errors: string[] = [];
  const log = await openLog(folder, {
    onCheckpoint: () => Promise.reject(new Error('the store is away')),
    log: { debug() {}, info() {}, warn() {}, error: (_, message) => errors.push(message) },
  });
  await log.append(entryOf(1));
  await log.close();
  assert.deepEqual(errors, ['The audit log could not keep its checkpoint at 1: the store is away']);
});

test('a line torn by a crash is cut off, that is recorded, and it is no tampering', async (context) => {
  const folder = temporaryFolder(context);
  await writeLog(folder, 3);
  const file = join(folder, lineFiles(folder)[0]!);
  const log = await openLog(folder);
  await log.append(entryOf(4));
  const { size } = statSync(file);
  truncateSync(file, size - 20);
  assert.match((await verifyAudit({ folder })).notes.join(), /torn by a crash/);
  const next = await openLog(folder);
  await next.append(entryOf(5));
  await next.close();
  const report = await verifyAudit({ folder, publicKey: KEYS.publicKey });
  assert(report.sound, report.sentence);
  assert.equal(report.lines, 5);
  assert.match(report.notes.join(), /sequence 4: A crash tore a line of \d+ bytes/);
});

test('a crash in the middle of the very first line, or right after a new file was begun, is survived', async (context) => {
  const first = temporaryFolder(context);
  await writeLog(first, 1);
  truncateSync(join(first, lineFiles(first)[0]!), 30);
  await writeLog(first, 1);
  const report = await verifyAudit({ folder: first, publicKey: KEYS.publicKey });
  assert.equal(report.lines, 2);
  assert.match(report.notes.join(), /sequence 1: A crash tore/);
  const rotated = temporaryFolder(context);
  await writeLog(rotated, 3);
  writeFileSync(join(rotated, 'audit-000000000004.jsonl'), '');
  await writeLog(rotated, 3, { fileBytes: 1200 });
  assert((await verifyAudit({ folder: rotated })).sound);
});

test('wherever a crash stops the writing, the chain goes on and stays sound', async (context) => {
  const source = temporaryFolder(context);
  const checkpoint = await writeLog(source, 2);
  const file = lineFiles(source)[0]!;
  const proven = statSync(join(source, file)).size;
  const log = await openLog(source, { checkpoint });
  await log.append(entryOf(3));
  await log.append(entryOf(4));
  const bytes = readFileSync(join(source, file));
  for (let length = proven; length <= bytes.length; length += 7) {
    const folder = temporaryFolder(context);
    cpSync(source, folder, { recursive: true });
    truncateSync(join(folder, file), length);
    await writeLog(folder, 1, { checkpoint });
    const report = await verifyAudit({ folder, publicKey: KEYS.publicKey });
    assert(report.sound, `cut at byte ${length}: ${report.sentence}`);
    assert.equal(report.provenUpTo, report.lines);
  }
});

test('a chain that lost lines it had signed is set aside as evidence, and a new one begins and says so', async (context) => {
  const folder = temporaryFolder(context);
  const checkpoint = await writeLog(folder, 5);
  editLines(folder, lineFiles(folder)[0]!, (lines) => lines.slice(0, 3));
  const warnings: string[] = [];
  const log = await openLog(folder, {
    checkpoint,
    log: { debug() {}, info() {}, error() {}, warn: (_, message) => warnings.push(message) },
  });
  await log.append(entryOf(1));
  await log.close();
  assert.match(warnings.join(), /ends at sequence 3, but a signed checkpoint says that it reached 5/);
  const report = await verifyAudit({ folder, publicKey: KEYS.publicKey });
  assert.deepEqual(
    report.problems.map(({ kind }) => kind),
    ['set-aside'],
  );
  assert.equal(report.lines, 2);
  const evidence = await verifyAudit({ folder: join(folder, report.problems[0]!.file), publicKey: KEYS.publicKey });
  assert.deepEqual(
    evidence.problems.map(({ kind }) => kind),
    ['truncated'],
  );
});

test('a chain whose last line was altered is not continued', async (context) => {
  for (const harm of [(line: string) => line.replace('db/', 'dc/'), () => 'x', (line: string) => `${line} `]) {
    const folder = temporaryFolder(context);
    await writeLog(folder, 3);
    editLines(folder, lineFiles(folder)[0]!, (lines) => lines.with(2, harm(lines[2]!)));
    await writeLog(folder, 1);
    assert.equal((await verifyAudit({ folder })).problems[0]?.kind, 'set-aside');
  }
  const folder = temporaryFolder(context);
  await writeLog(folder, 3);
  appendFileSync(join(folder, lineFiles(folder)[0]!), 'something else');
  await writeLog(folder, 1);
  assert.equal((await verifyAudit({ folder })).problems[0]?.kind, 'set-aside');
});

test('a file that is taken away while in use is noticed with the next checkpoint, and verification shows the hole', async (context) => {
  const folder = temporaryFolder(context);
  const clock = new HandClock();
  const noticed = Promise.withResolvers<string>();
  const log = await openLog(folder, {
    clock,
    log: { debug() {}, info() {}, warn() {}, error: (_, message) => noticed.resolve(message) },
  });
  await log.append(entryOf(1));
  await log.append(entryOf(2));
  rmSync(join(folder, lineFiles(folder)[0]!));
  await clock.advance(60_000);
  assert.match(await noticed.promise, /was removed or changed while in use/);
  await log.append(entryOf(3));
  await log.close();
  assert.deepEqual(lineFiles(folder), ['audit-000000000003.jsonl']);
  assert.equal((await verifyAudit({ folder })).problems[0]?.kind, 'dropped');
});

test('a closed log refuses entries and can be closed twice', async (context) => {
  const log = await openLog(temporaryFolder(context));
  await log.close();
  await log.close();
  await assert.rejects(log.append(entryOf(1)), {
    code: 'unavailable',
    message: /is closed because the server is stopping/,
  });
});

test('a folder that cannot be used is told in one sentence', async (context) => {
  const folder = temporaryFolder(context);
  writeFileSync(folder, 'a file where the folder should be');
  await assert.rejects(openLog(folder), { code: 'unavailable', message: /cannot be written \(EEXIST\)/ });
});
