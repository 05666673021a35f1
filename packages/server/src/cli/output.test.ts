import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { printable, table } from './output.ts';

describe('what others wrote', () => {
  test('can neither command a terminal, nor break or turn a line', () => {
    assert.equal(printable('a\u001b[31mb\nc\u202ed\u2066e\u2028f\u009bg'), 'a?[31mb?c?d?e?f?g');
    assert.equal(table([['NAME'], ['x\u202ey']]), 'NAME\nx?y');
  });

  test('in any script stays as it is', () => {
    for (const text of ['Größe', 'секрет', 'פרטי', '密码 🔑']) assert.equal(printable(text), text);
  });
});
