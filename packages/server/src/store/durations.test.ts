import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Durations } from './durations.ts';

test('each bound counts what took no longer, and the sum is in seconds', () => {
  const durations = new Durations([0.0625, 0.25, 1]);
  for (const milliseconds of [31.25, 62.5, 125, 500, 4_000]) durations.took(milliseconds);
  assert.deepEqual(durations.counts, {
    buckets: [
      { seconds: 0.0625, count: 2 },
      { seconds: 0.25, count: 3 },
      { seconds: 1, count: 4 },
    ],
    sum: 4.71875,
    count: 5,
  });
});

test('a clock that was set back makes no time negative', () => {
  const durations = new Durations([1]);
  durations.took(-3_000);
  assert.deepEqual(durations.counts, { buckets: [{ seconds: 1, count: 1 }], sum: 0, count: 1 });
});
