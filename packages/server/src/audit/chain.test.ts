import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { chainEntry, EMPTY_CHAIN, isTornLine, readLine } from './chain.ts';
import type { AuditEntry } from './entry.ts';

const ENTRY: AuditEntry = {
  time: Date.UTC(2026, 4, 17, 10, 30),
  kind: 'request',
  action: 'secretsmanager:GetSecretValue',
  principal: 'arn:aws:iam::000000000000:root',
  accessKeyId: 'AKIDEXAMPLE',
  address: '192.0.2.1',
  requestId: 'f2b1',
  resource: 'db',
  versionId: null,
  outcome: 'allowed',
  detail: null,
};

test('a line is one JSON object that anybody can check with a plain SHA-256', () => {
  const { text, head } = chainEntry(EMPTY_CHAIN, ENTRY);
  const line = JSON.parse(text);
  assert.equal(line.sequence, 1);
  assert.equal(line.time, '2026-05-17T10:30:00.000Z');
  assert.equal(line.previous, '0'.repeat(64));
  assert.equal(line.entry.action, ENTRY.action);
  const body = text.slice(0, text.indexOf(',"hash"'));
  assert.equal(line.hash, createHash('sha256').update(body).digest('hex'));
  assert.deepEqual(head, { sequence: 1, hash: line.hash });
  assert.equal(JSON.parse(chainEntry(head, ENTRY).text).previous, line.hash);
});

test('nothing but the fields of an entry gets into the log, and no endless text', () => {
  const greedy = { ...ENTRY, value: 'hunter2', detail: 'x'.repeat(1_000_000) } as AuditEntry;
  const { text } = chainEntry(EMPTY_CHAIN, greedy);
  assert(!text.includes('hunter2'));
  assert(text.length < 5000);
});

test('whatever text is in an entry, it stays one line that reads back whole', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string(), (detail, resource) => {
      const { text, head } = chainEntry({ sequence: 41, hash: 'a'.repeat(64) }, { ...ENTRY, detail, resource });
      const bytes = Buffer.from(text);
      assert.equal(bytes.indexOf(10), bytes.length - 1);
      const found = readLine(bytes.subarray(0, -1));
      assert.deepEqual(found, { sequence: 42, previous: 'a'.repeat(64), statedHash: head.hash, actualHash: head.hash });
    }),
  );
});

test('every beginning of the next line is a torn line, and so are zeros behind it', () => {
  const head = { sequence: 7, hash: 'b'.repeat(64) };
  const next = Buffer.from(chainEntry(head, ENTRY).text);
  for (let length = 0; length < next.length - 1; length++) {
    assert(isTornLine(next.subarray(0, length), head), `torn after ${length} bytes`);
    assert(isTornLine(Buffer.concat([next.subarray(0, length), Buffer.alloc(50)]), head));
  }
});

test('a line of another chain, of another place or with something behind it is no torn line', () => {
  const head = { sequence: 7, hash: 'b'.repeat(64) };
  const whole = chainEntry(head, ENTRY).text.slice(0, -1);
  assert(!isTornLine(Buffer.from(`${whole}x`), head));
  assert(!isTornLine(Buffer.from(whole.slice(0, 200)), { ...head, sequence: 8 }));
  assert(!isTornLine(Buffer.from(whole.slice(0, 200)), { ...head, hash: 'c'.repeat(64) }));
  assert(!isTornLine(Buffer.from('garbage'), head));
  assert(!isTornLine(Buffer.from(`\0\0${whole}`), head));
});
