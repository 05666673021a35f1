import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Histogram, LatencyBook } from './latency.ts';

test('a quantile is right within 2 percent', () => {
  const durations = fc.array(fc.double({ min: 0.02, max: 60_000, noNaN: true }), { minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(durations, fc.constantFrom(0.5, 0.9, 0.99, 1), (values, share) => {
      const histogram = new Histogram();
      for (const value of values) histogram.add(value);
      const exact = values.sort((a, b) => a - b)[Math.max(1, Math.ceil(share * values.length)) - 1]!;
      const answer = histogram.quantile(share)!;
      assert.ok(answer >= exact * 0.999 && answer <= exact * 1.021, `${answer} is not near ${exact}`);
    }),
  );
});

test('without durations there is no quantile', () => {
  assert.equal(new Histogram().quantile(0.5), null);
});

test('a query that touches a rotation counts as inside, once the time is settled', () => {
  const book = new LatencyBook();
  book.record(1_000, 5);
  book.record(1_998, 5);
  book.record(2_500, 5);
  book.record(3_500, 5);

  book.settle(3_000, [{ from: 2_000, until: 2_600 }]);

  assert.equal(book.outside.count, 1);
  assert.equal(book.inside.count, 2);

  book.settle(4_000, []);
  assert.equal(book.outside.count, 2);
});
