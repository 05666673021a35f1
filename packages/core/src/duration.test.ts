import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatDuration, LONGEST_DURATION, parseDuration } from './duration.ts';

const bounds = { what: 'the overlap' };

describe('a duration', () => {
  it('is a whole number and a unit', () => {
    assert.equal(parseDuration('30s', bounds), 30_000);
    assert.equal(parseDuration('10m', bounds), 600_000);
    assert.equal(parseDuration('1h', bounds), 3_600_000);
    assert.equal(parseDuration('30d', bounds), 2_592_000_000);
  });

  for (const text of ['', '30', 's', '-1s', '1.5h', '1w', ' 1h', '1h ', '1H', '1h30m', '9999999999s', '١s'])
    it(`is not '${text}', and the error says what would be one`, () => {
      assert.throws(() => parseDuration(text, bounds), /The overlap is '.*', which is not a duration: .* 30s/);
    });

  it('outside its bounds is refused in words that name the bounds', () => {
    assert.throws(() => parseDuration('2h', { what: 'the overlap', min: 1_000, max: 3_600_000 }), {
      message: 'The overlap is 2h, but it must be between 1s and 1h.',
      reason: 'duration-out-of-bounds',
    });
  });

  it('survives being written and read', () => {
    const seconds = fc.integer({ min: 0, max: LONGEST_DURATION / 1_000 });
    fc.assert(fc.property(seconds, (count) => parseDuration(formatDuration(count * 1_000), bounds) === count * 1_000));
  });

  it('is written in its largest exact unit', () => {
    assert.equal(formatDuration(90_000), '90s');
    assert.equal(formatDuration(86_400_000), '1d');
    assert.equal(formatDuration(1_500), '1.5s');
  });
});
