import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RekeyError } from '@rekey/core';
import fc from 'fast-check';
import { type Freeze, type FreezeText, frozenAt, parseFreeze, type Recurrence } from './freeze.ts';
import { instantOf, wallAt } from './wall-time.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const at = (text: string) => Date.parse(`${text}Z`);

function freeze(every: Recurrence, from: string, until: string, more: Partial<FreezeText> = {}): Freeze {
  return parseFreeze({
    name: 'quiet',
    environments: null,
    secrets: null,
    timeZone: 'UTC',
    ...more,
    every,
    from,
    until,
  });
}

const until = (frozen: Freeze, moment: string): string | null => {
  const end = frozen.endAfter(at(moment));
  return end === null ? null : new Date(end).toISOString().slice(0, 16);
};

describe('a freeze', () => {
  test('once: from its first moment to the one before its last', () => {
    const christmas = freeze('once', '2026-12-20 18:00', '2027-01-07');
    assert.equal(until(christmas, '2026-12-20T17:59:59'), null);
    assert.equal(until(christmas, '2026-12-20T18:00:00'), '2027-01-07T00:00');
    assert.equal(until(christmas, '2027-01-06T23:59:59'), '2027-01-07T00:00');
    assert.equal(until(christmas, '2027-01-07T00:00:00'), null);
  });

  test('each year, over the turn of it', () => {
    const christmas = freeze('year', '12-20', '01-07 06:00');
    for (const year of [2026, 2031]) {
      assert.equal(until(christmas, `${year}-12-24T12:00`), `${year + 1}-01-07T06:00`);
      assert.equal(until(christmas, `${year}-01-01T12:00`), `${year}-01-07T06:00`);
      assert.equal(until(christmas, `${year}-06-01T12:00`), null);
    }
  });

  test('each month, where days it lacks are its last', () => {
    const end = freeze('month', '31 12:00', '2 08:00');
    assert.equal(until(end, '2026-02-28T12:00'), '2026-03-02T08:00');
    assert.equal(until(end, '2026-02-27T12:00'), null);
    assert.equal(until(end, '2026-03-31T12:00'), '2026-04-02T08:00');
    assert.equal(until(freeze('month', '30', '31'), '2026-02-28T12:00'), null);
  });

  test('each week and each day, over the turn of them', () => {
    const weekend = freeze('week', 'Fri 16:00', 'Mon 07:00');
    assert.equal(until(weekend, '2026-11-27T15:59'), null);
    assert.equal(until(weekend, '2026-11-27T16:00'), '2026-11-30T07:00');
    assert.equal(until(weekend, '2026-11-30T06:59'), '2026-11-30T07:00');
    assert.equal(until(weekend, '2026-11-30T07:00'), null);
    const night = freeze('day', '22:00', '06:00');
    assert.equal(until(night, '2026-11-27T23:00'), '2026-11-28T06:00');
    assert.equal(until(night, '2026-11-28T05:00'), '2026-11-28T06:00');
    assert.equal(until(night, '2026-11-28T12:00'), null);
  });

  test('is read on the clocks of its time zone, also where they are changed', () => {
    const berlin = { timeZone: 'Europe/Berlin' };
    assert.equal(until(freeze('day', '09:00', '17:00', berlin), '2026-07-01T07:00'), '2026-07-01T15:00');
    assert.equal(until(freeze('day', '09:00', '17:00', berlin), '2026-12-01T07:30'), null);
    const autumn = freeze('once', '2026-10-25 02:30', '2026-10-25 02:45', berlin);
    assert.equal(until(autumn, '2026-10-25T00:30'), '2026-10-25T01:45', 'from the first half past two to the second');
    const spring = freeze('once', '2026-03-29 02:30', '2026-03-29 03:30', berlin);
    assert.equal(until(spring, '2026-03-29T00:30'), '2026-03-29T01:30', 'from half past one on the old clock');
  });

  test('covers the secrets whose names match, or all', () => {
    const production = freeze('day', '09:00', '17:00', { secrets: ['prod/*', '*-live'] });
    assert.deepEqual(
      ['prod/db', 'shop-live', 'staging/prod/db', 'PROD/db'].map((name) => production.covers(name)),
      [true, true, false, false],
    );
    assert.equal(freeze('day', '09:00', '17:00').covers('anything'), true);
  });

  test('that cannot be read is refused in one sentence that shows how it is written', () => {
    const refused: readonly [Recurrence, string, string, RegExp][] = [
      ['once', '20.12.2026', '2027-01-07', /from is written as "2026-12-20 18:00"/],
      ['once', '2026-02-30', '2027-01-07', /from is written as/],
      ['once', '2027-01-08', '2027-01-07', /ends before it begins/],
      ['year', '13-01', '01-07', /from is written as "12-20 18:00", every year/],
      ['month', '32', '1', /from is written as "28 18:00", every month/],
      ['week', 'Friday', 'Mon', /from is written as "Fri 18:00", every week/],
      ['week', 'Mon 08:00', 'Mon 08:00', /would never end/],
      ['day', '24:00', '06:00', /from is written as "18:00", every day/],
    ];
    for (const [every, from, end, said] of refused)
      assert.throws(
        () => freeze(every, from, end),
        (error: unknown) =>
          error instanceof RekeyError && error.reason === 'freeze-invalid' && said.test(error.message),
        `${every} ${from}`,
      );
    assert.throws(() => freeze('day', '09:00', '17:00', { timeZone: 'Mars/Olympus' }), /no time zone "Mars\/Olympus"/);
  });

  test('remembers what it found and says the same as one that looks anew, whatever the order of questions', () => {
    const moments = fc.array(fc.integer({ min: at('2026-01-01T00:00'), max: at('2028-12-31T00:00') }), {
      minLength: 1,
      maxLength: 20,
    });
    const texts = fc.constantFrom<readonly [Recurrence, string, string]>(
      ['once', '2026-12-20', '2027-01-07'],
      ['year', '12-20', '01-07'],
      ['month', '31', '2'],
      ['week', 'Fri 16:00', 'Mon 07:00'],
      ['day', '22:00', '06:00'],
    );
    const zones = fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kathmandu', 'Australia/Lord_Howe');
    fc.assert(
      fc.property(texts, zones, moments, ([every, from, end], timeZone, asked) => {
        const remembering = freeze(every, from, end, { timeZone });
        for (const moment of asked) {
          const fresh = freeze(every, from, end, { timeZone }).endAfter(moment);
          assert.equal(remembering.endAfter(moment), fresh);
          if (fresh === null) continue;
          assert.ok(fresh > moment);
          assert.equal(freeze(every, from, end, { timeZone }).endAfter(fresh), null, 'what ends is over');
        }
      }),
      { numRuns: 60 },
    );
  });
});

test('freezes that follow each other are one, named after the first; those without end are looked at anew later', () => {
  const friday = freeze('week', 'Fri 16:00', 'Sat 00:00', { name: 'friday' });
  const weekend = freeze('week', 'Sat 00:00', 'Mon 07:00', { name: 'weekend', secrets: ['prod/*'] });
  assert.deepEqual(frozenAt([weekend, friday], 'prod/db', at('2026-11-27T17:00')), {
    name: 'friday',
    until: at('2026-11-30T07:00'),
  });
  assert.deepEqual(frozenAt([weekend, friday], 'dev/db', at('2026-11-27T17:00')), {
    name: 'friday',
    until: at('2026-11-28T00:00'),
  });
  assert.equal(frozenAt([weekend, friday], 'dev/db', at('2026-11-28T17:00')), null);
  const now = at('2026-11-27T17:00');
  const always = [freeze('day', '00:00', '12:00'), freeze('day', '12:00', '00:00')];
  const end = frozenAt(always, 'a', now)?.until ?? 0;
  assert.ok(end > now + 20 * DAY && end < now + 30 * DAY);
});

test('wall times and instants are each other’s inverse, except where clocks are changed', () => {
  const zones = fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kathmandu', 'Australia/Lord_Howe');
  const seconds = fc.integer({ min: at('2020-01-01T00:00') / 1000, max: at('2035-01-01T00:00') / 1000 });
  fc.assert(
    fc.property(zones, seconds, (zone, second) => {
      const instant = second * 1000;
      const wall = wallAt(instant, zone);
      const [first, last] = [instantOf(wall, zone, 'first'), instantOf(wall, zone, 'last')];
      assert.ok(first <= instant && instant <= last && last - first <= HOUR);
      assert.equal(wallAt(first, zone), wall);
    }),
    { numRuns: 200 },
  );
});
