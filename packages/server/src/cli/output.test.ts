import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, test } from 'node:test';
import { createOutput, printable, reportFailure, table } from './output.ts';

describe('what others wrote', () => {
  test('can neither command a terminal, nor break or turn a line', () => {
    assert.equal(printable('a\u001b[31mb\nc\u202ed\u2066e\u2028f\u009bg'), 'a?[31mb?c?d?e?f?g');
    assert.equal(table([['NAME'], ['x\u202ey']]), 'NAME\nx?y');
  });

  test('in any script stays as it is', () => {
    for (const text of ['Größe', 'секрет', 'פרטי', '密码 🔑']) assert.equal(printable(text), text);
  });
});

describe('with --json', () => {
  const streams = () => ({
    out: new PassThrough() as unknown as NodeJS.WriteStream,
    err: new PassThrough() as unknown as NodeJS.WriteStream,
  });
  const textOf = (stream: NodeJS.WriteStream) => String((stream as unknown as PassThrough).read() ?? '');

  test('standard output holds one document: the failure, or the result that tells of it', () => {
    const failed = streams();
    assert.equal(reportFailure(new Error('no such thing'), true, failed), 1);
    assert.deepEqual(JSON.parse(textOf(failed.out)), { error: { reason: 'failure', message: 'no such thing' } });
    const told = streams();
    createOutput(true, told).result({ outcome: 'refused' }, () => '');
    assert.equal(reportFailure(new Error('it is refused'), true, told), 1);
    assert.deepEqual(JSON.parse(textOf(told.out)), { outcome: 'refused' });
    assert.equal(textOf(told.err), 'rekey: it is refused\n');
  });
});
