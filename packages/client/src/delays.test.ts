import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { backoffDelay, rereadDelay } from './delays.ts';

const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test('a value is always read again ahead of its age, and never in the first 70 % of it', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1e9 }), chance, (maxAge, random) => {
      const delay = rereadDelay(maxAge, () => random);
      assert.ok(delay >= 0.7 * maxAge && delay < 0.95 * maxAge + Number.EPSILON * maxAge);
    }),
  );
});

test('a wait after failures lies in the upper half of its step and never beyond the longest', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1e4 }),
      fc.integer({ min: 1, max: 1e5 }),
      fc.integer({ min: 1, max: 1e6 }),
      chance,
      (first, longest, failures, random) => {
        const whole = Math.min(longest, first * 2 ** (failures - 1));
        const delay = backoffDelay({ first, longest }, failures, () => random);
        assert.ok(delay >= whole / 2 && delay <= whole);
      },
    ),
  );
});
