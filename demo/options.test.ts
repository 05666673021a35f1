import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readOptions, WrongUse } from './options.ts';

test('without words it runs until Ctrl-C, rotating every 5 s by alternating users', () => {
  assert.deepEqual(readOptions([]), {
    runFor: null,
    json: false,
    strategy: 'alternating-users',
    every: 5_000,
    overlap: 2_000,
    chaos: false,
    help: false,
  });
});

test('durations are read with their units', () => {
  const options = readOptions(['--for', '2m', '--every', '10s', '--overlap', '3s', '--json']);
  assert.deepEqual([options.runFor, options.every, options.overlap, options.json], [120_000, 10_000, 3_000, true]);
});

for (const [words, sentence] of [
  [['--overlap', '5s'], /must be shorter than the interval/],
  [['--for', 'long'], /not a duration/],
  [['--strategy', 'two-keys'], /alternating-users or single-user/],
  [['--fast'], /--help/],
  [['60s'], /--help/],
] as const) {
  test(`wrong use is told in a sentence: ${words.join(' ')}`, () => {
    assert.throws(
      () => readOptions(words),
      (error) => error instanceof WrongUse && sentence.test(error.message),
    );
  });
}
