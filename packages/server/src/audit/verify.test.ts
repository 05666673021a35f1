import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { editLines, entryOf, KEYS, lineFiles, openLog, temporaryFolder, writeLog } from './audit.testing.ts';
import { chainEntry, EMPTY_CHAIN } from './chain.ts';
import { signCheckpoint } from './checkpoint.ts';
import { verifyAudit } from './verify.ts';

const publicKey = KEYS.publicKey;

test('any flipped byte in any line is reported with its file and line', async (context) => {
  const folder = temporaryFolder(context);
  await writeLog(folder, 12, { fileBytes: 2500 });
  const files = lineFiles(folder);
  const contents = files.map((file) => readFileSync(join(folder, file)));
  const place = fc.nat(files.length - 1).chain((at) => fc.tuple(fc.constant(at), fc.nat(contents[at]!.length - 1)));
  await fc.assert(
    fc.asyncProperty(place, fc.integer({ min: 1, max: 255 }), async ([at, offset], mask) => {
      const original = contents[at]!;
      const changed = Buffer.from(original);
      changed[offset]! ^= mask;
      writeFileSync(join(folder, files[at]!), changed);
      const report = await verifyAudit({ folder, publicKey });
      writeFileSync(join(folder, files[at]!), original);
      const line = original.subarray(0, offset).toString('latin1').split('\n').length;
      assert(!report.sound, report.sentence);
      assert.equal(report.problems[0]!.file, files[at]);
      if (offset < original.length - 1) assert.equal(report.problems[0]!.line, line);
      assert(report.provenUpTo < 12);
    }),
    { numRuns: 600 },
  );
  assert((await verifyAudit({ folder, publicKey })).sound);
});

test('any flipped byte in a checkpoint is reported', async (context) => {
  const folder = temporaryFolder(context);
  await writeLog(folder, 3);
  await writeLog(folder, 3);
  const path = join(folder, 'checkpoints.jsonl');
  const original = readFileSync(path);
  // The newline at the very end is left out: without it the line counts as being written.
  for (let offset = 0; offset < original.length - 1; offset++) {
    const changed = Buffer.from(original);
    changed[offset]! ^= 1 + (offset % 7);
    writeFileSync(path, changed);
    const report = await verifyAudit({ folder, publicKey });
    assert.equal(report.problems[0]?.kind, 'forged-checkpoint', `byte ${offset}: ${report.sentence}`);
  }
});

async function problemsAfter(folder: string, edit: (lines: string[]) => string[]) {
  await writeLog(folder, 10);
  editLines(folder, lineFiles(folder)[0]!, edit);
  const report = await verifyAudit({ folder, publicKey });
  return { report, kinds: report.problems.map(({ kind, line, sequence }) => `${kind} at line ${line}: ${sequence}`) };
}

test('dropped lines are named by where they are missing', async (context) => {
  const one = await problemsAfter(temporaryFolder(context), (lines) => lines.toSpliced(4, 1));
  assert.deepEqual(one.kinds, ['dropped at line 5: 5']);
  assert.equal(one.report.provenUpTo, 0);
  assert.equal(one.report.chainedUpTo, 4);
  const two = await problemsAfter(temporaryFolder(context), (lines) => lines.toSpliced(4, 2));
  assert.match(two.report.sentence, /line 5: lines 5 to 6 are missing before line 7; nothing is proven/);
  const first = await problemsAfter(temporaryFolder(context), (lines) => lines.slice(1));
  assert.deepEqual(first.kinds, ['dropped at line 1: 1']);
});

test('swapped and repeated lines are told as such', async (context) => {
  const swapped = await problemsAfter(temporaryFolder(context), (lines) => lines.with(3, lines[4]!).with(4, lines[3]!));
  assert(swapped.kinds.includes('swapped at line 5: 4'), swapped.kinds.join());
  assert(!swapped.kinds.join().includes('dropped'));
  const repeated = await problemsAfter(temporaryFolder(context), (lines) => lines.toSpliced(5, 0, lines[2]!));
  assert.deepEqual(repeated.kinds, ['repeated at line 6: 3']);
});

test('a line written anew with a fitting hash does not fit the next one', async (context) => {
  const forge = (lines: string[]) => {
    const before = JSON.parse(lines[3]!);
    const forged = chainEntry({ sequence: 4, hash: before.hash }, { ...entryOf(5), principal: 'somebody else' });
    return lines.with(4, forged.text.slice(0, -1));
  };
  const { kinds } = await problemsAfter(temporaryFolder(context), forge);
  assert.deepEqual(kinds, ['relinked at line 6: 6']);
});

test('a tail written anew from some line on contradicts the signed checkpoint', async (context) => {
  const forge = () => {
    let head = EMPTY_CHAIN;
    return Array.from({ length: 10 }, (_, at) => {
      const line = chainEntry(head, entryOf(at + 100));
      head = line.head;
      return line.text.slice(0, -1);
    });
  };
  const { kinds } = await problemsAfter(temporaryFolder(context), forge);
  assert.deepEqual(kinds, ['rewritten at line 10: 10']);
});

test('a tail cut off is seen by the checkpoint, cut off with its checkpoints by the one in the store', async (context) => {
  const folder = temporaryFolder(context);
  const storedCheckpoint = await writeLog(folder, 10);
  editLines(folder, lineFiles(folder)[0]!, (lines) => lines.slice(0, 7));
  const report = await verifyAudit({ folder, publicKey });
  assert.deepEqual(
    report.problems.map(({ kind, sequence }) => [kind, sequence]),
    [['truncated', 8]],
  );
  rmSync(join(folder, 'checkpoints.jsonl'));
  assert((await verifyAudit({ folder, publicKey })).sound);
  const stored = await verifyAudit({ folder, publicKey, storedCheckpoint });
  assert.match(stored.sentence, /the log ends at 7, but the checkpoint in the store says that it reached 10/);
});

test('a whole file taken away is seen', async (context) => {
  for (const which of [0, 1, -1]) {
    const folder = temporaryFolder(context);
    await writeLog(folder, 20, { fileBytes: 2500 });
    rmSync(join(folder, lineFiles(folder).at(which)!));
    const report = await verifyAudit({ folder, publicKey });
    assert.equal(report.problems[0]?.kind, which === -1 ? 'truncated' : 'dropped', report.sentence);
  }
});

test('checkpoints of somebody else’s key prove nothing', async (context) => {
  const folder = temporaryFolder(context);
  const stranger = generateKeyPairSync('ed25519');
  await writeLog(folder, 3, { signingKey: stranger.privateKey });
  const report = await verifyAudit({ folder, publicKey });
  assert.equal(report.problems[0]?.kind, 'forged-checkpoint');
  assert.match(report.sentence, /signed by another key/);
  assert.equal(report.provenUpTo, 0);
});

test('a stored checkpoint that was tampered with is reported, not believed', async (context) => {
  const folder = temporaryFolder(context);
  await writeLog(folder, 3);
  const forged = { ...signCheckpoint({ sequence: 3, hash: 'f'.repeat(64) }, 0, KEYS.privateKey), sequence: 99 };
  const report = await verifyAudit({ folder, publicKey, storedCheckpoint: forged });
  assert.deepEqual(
    report.problems.map(({ kind, file }) => [kind, file]),
    [['forged-checkpoint', 'the store']],
  );
});

test('a stranger needs nothing but the folder and the public key', async (context) => {
  const folder = temporaryFolder(context);
  await writeLog(folder, 3);
  const pem = readFileSync(join(folder, 'public-key.pem'), 'utf8');
  assert.equal(pem, publicKey.export({ type: 'spki', format: 'pem' }));
  const report = await verifyAudit({ folder, publicKey: pem });
  assert.equal(report.sentence, '3 lines, no break; proven up to sequence 3, signed at 2026-05-17T10:30:00.000Z.');
});

test('a log in use says how far it is proven and how much is not covered yet', async (context) => {
  const folder = temporaryFolder(context);
  await writeLog(folder, 2);
  const log = await openLog(folder);
  await log.append(entryOf(3));
  const report = await verifyAudit({ folder, publicKey });
  assert.match(report.sentence, /^3 lines, no break; proven up to sequence 2, .*; 1 later lines chain on/);
  await log.close();
});

test('an empty folder, a missing one and a missing key are told apart', async (context) => {
  const folder = temporaryFolder(context);
  const log = await openLog(folder);
  await log.close();
  assert.equal((await verifyAudit({ folder })).sentence, 'The audit log is empty.');
  await assert.rejects(verifyAudit({ folder: `${folder}/none`, publicKey }), { reason: 'audit-folder-missing' });
  rmSync(join(folder, 'public-key.pem'));
  await assert.rejects(verifyAudit({ folder }), { reason: 'audit-key-missing' });
});
