import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RekeyError, silentLogger } from '@rekey/core';
import type { FaceRequest } from '../faces/face.ts';
import { logFailure } from './failure-log.ts';

const REQUEST: FaceRequest = {
  id: 'the-id',
  method: 'POST',
  path: '/',
  query: '',
  headers: [],
  body: new Uint8Array(),
  remoteAddress: '127.0.0.1',
  secure: false,
};

function logged(error: unknown): { fields: Record<string, unknown>; message: string } {
  const lines: { fields: object; message: string }[] = [];
  logFailure({ ...silentLogger, error: (fields, message) => lines.push({ fields, message }) }, REQUEST, 'face', error);
  assert.equal(lines.length, 1);
  return lines[0] as { fields: Record<string, unknown>; message: string };
}

test('the operator reads our own sentence, with the reason', () => {
  const full = new RekeyError('storage-full', 'The disk is full; make room.', { reason: 'store-full' });
  const { fields, message } = logged(full);
  assert.equal(message, 'request the-id failed: The disk is full; make room.');
  assert.deepEqual([fields.face, fields.reason], ['face', 'store-full']);
});

test('and the sentence behind it, where another failure is the cause', () => {
  const cause = new RekeyError('storage-full', 'The disk is full; make room.');
  const { message } = logged(new RekeyError('unavailable', 'The audit log cannot be written.', { cause }));
  assert.equal(message, 'request the-id failed: The audit log cannot be written. The disk is full; make room.');
});

test('of any other error only kind and place are told: its message may hold a password', () => {
  for (const error of [new TypeError('cannot read hunter2'), new RekeyError('bug', 'hunter2'), 'hunter2']) {
    const { fields, message } = logged(error);
    assert.match(message, /bug in rekey/);
    assert.ok(!JSON.stringify([fields, message]).includes('hunter2'));
  }
});
