import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { matchesHour, parseCron } from './cron.ts';
import { RekeyError } from './errors.ts';
import type { RotationRule } from './rotation.ts';
import { checkOverlap, checkRule, ruleFrom, shortestInterval } from './rotation-rule.ts';
import { automaticallyAfterDays, nextWindow, type RotationWindow, spread } from './schedule.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const at = (text: string) => Date.parse(text);
const expression = (text: string, duration: string | null = null): RotationRule => ({
  kind: 'expression',
  expression: text,
  duration,
});
const show = (window: RotationWindow | null) =>
  window && [window.opensAt, window.closesAt].map((time) => new Date(time).toISOString().slice(0, 19));
const reasonOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof RekeyError);
    assert.equal(error.code, 'invalid-input');
    return error.reason;
  }
  return 'accepted';
};

describe('the next rotation window', () => {
  const cases: readonly [RotationRule, string, string, string][] = [
    [{ kind: 'days', days: 30, duration: null }, '2026-01-15T13:37:00Z', '2026-02-14T00:00:00', '2026-02-14T23:59:59'],
    [{ kind: 'days', days: 1, duration: '3h' }, '2026-01-15T00:00:00Z', '2026-01-16T00:00:00', '2026-01-16T02:59:59'],
    [expression('rate(10 days)'), '2026-01-15T13:37:00Z', '2026-01-25T00:00:00', '2026-01-25T23:59:59'],
    [expression('rate(12 hours)'), '2026-01-15T13:37:00Z', '2026-01-16T01:00:00', '2026-01-16T01:59:59'],
    [expression('rate(4 hours)', '4h'), '2026-01-15T18:59:00Z', '2026-01-15T22:00:00', '2026-01-15T23:59:59'],
    // From the user guide and from answers of the service.
    [expression('cron(0 0 ? * 2 *)'), '2026-01-15T13:37:00Z', '2026-01-19T00:00:00', '2026-01-19T23:59:59'],
    [expression('cron(0 4/12 * * ? *)'), '2026-01-15T04:00:00Z', '2026-01-15T16:00:00', '2026-01-15T16:59:59'],
    [expression('cron(0 4/12 * * ? *)'), '2026-01-15T16:30:00Z', '2026-01-16T04:00:00', '2026-01-16T04:59:59'],
    [expression('cron(0 16 L * ? *)'), '2026-02-01T00:00:00Z', '2026-02-28T16:00:00', '2026-02-28T23:59:59'],
    [expression('cron(0 16 L * ? *)', '2h'), '2028-02-01T00:00:00Z', '2028-02-29T16:00:00', '2028-02-29T17:59:59'],
    [expression('cron(0 0 ? * SUN#1 *)'), '2026-03-01T00:00:00Z', '2026-04-05T00:00:00', '2026-04-05T23:59:59'],
    [expression('cron(0 0 ? * FRIL *)'), '2026-01-01T00:00:00Z', '2026-01-30T00:00:00', '2026-01-30T23:59:59'],
    [
      expression('cron(0 10 ? * mon-fri *)', '1h'),
      '2026-01-16T10:00:00Z',
      '2026-01-19T10:00:00',
      '2026-01-19T10:59:59',
    ],
    [expression('cron(0 1 1 1/3 ? *)'), '2026-01-01T01:00:00Z', '2026-04-01T01:00:00', '2026-04-01T23:59:59'],
    [expression('cron(0 0 29 FEB ? *)'), '2026-01-01T00:00:00Z', '2028-02-29T00:00:00', '2028-02-29T23:59:59'],
    [expression('cron(0 0 ? 2 MON#5 *)'), '2026-01-01T00:00:00Z', '2044-02-29T00:00:00', '2044-02-29T23:59:59'],
  ];
  for (const [rule, after, opens, closes] of cases) {
    it(`of ${JSON.stringify(rule)} after ${after} opens ${opens}`, () => {
      checkRule(rule);
      assert.deepEqual(show(nextWindow(rule, at(after))), [opens, closes]);
    });
  }

  it('of a native interval opens exactly one interval later, and leaves a rotation time before it is overdue', () => {
    const window = nextWindow({ kind: 'every', every: 3_000 }, 10_000)!;
    assert.deepEqual(window, { opensAt: 13_000, closesAt: 15_999, spreadOver: 300 });
    assert.ok(spread(window, 'any secret') < 13_300);
  });

  it('of a secret rotated by hand only never comes', () => {
    assert.equal(nextWindow({ kind: 'manual' }, 0), null);
  });
});

describe('what AWS refuses', () => {
  const refused: readonly [RotationRule, string][] = [
    [{ kind: 'days', days: 0, duration: null }, 'automatically-after-days-out-of-bounds'],
    [{ kind: 'days', days: 1_001, duration: null }, 'automatically-after-days-out-of-bounds'],
    [{ kind: 'days', days: 1.5, duration: null }, 'automatically-after-days-out-of-bounds'],
    [{ kind: 'days', days: 10, duration: '25h' }, 'duration-invalid'],
    [{ kind: 'days', days: 10, duration: 'hh' }, 'duration-invalid'],
    [{ kind: 'days', days: 10, duration: '0h' }, 'duration-invalid'],
    [{ kind: 'every', every: 10 }, 'duration-out-of-bounds'],
    [expression('rate(3 hours)'), 'schedule-too-frequent'],
    [expression('rate(1000 days)'), 'schedule-expression-invalid'],
    [expression('rate(24000 hours)'), 'schedule-expression-invalid'],
    [expression('rate(5 minutes)'), 'schedule-expression-invalid'],
    [expression('rate(0 days)'), 'schedule-expression-invalid'],
    [expression('rate(4 hours)', '5h'), 'duration-reaches-next-window'],
    [expression('every day'), 'schedule-expression-invalid'],
    [expression(`cron(0 0 * * ? *)${' '.repeat(300)}`), 'schedule-expression-invalid'],
    [expression('cron(5 0 * * ? *)'), 'schedule-expression-invalid'],
    [expression('cron(0 0 * * ? 2027)'), 'schedule-expression-invalid'],
    [expression('cron(0 0 * * * *)'), 'schedule-expression-invalid'],
    [expression('cron(0 0 ? * ? *)'), 'schedule-expression-invalid'],
    [expression('cron(0 0 1 * 2 *)'), 'schedule-expression-invalid'],
    [expression('cron(0 24 * * ? *)'), 'schedule-expression-invalid'],
    [expression('cron(0 0 32 * ? *)'), 'schedule-expression-invalid'],
    [expression('cron(0 0 15W * ? *)'), 'schedule-expression-invalid'],
    [expression('cron(0 0 ? * 0 *)'), 'schedule-expression-invalid'],
    [expression('cron(0 0 ? * MON#6 *)'), 'schedule-expression-invalid'],
    [expression('cron(0 0 ? * FRI-MON *)'), 'schedule-expression-invalid'],
    [expression('cron(0 0 1/0 * ? *)'), 'schedule-expression-invalid'],
    [expression('cron(0 0 1/2/3 * ? *)'), 'schedule-expression-invalid'],
    [expression('cron(0 0 30,31 2 ? *)'), 'schedule-expression-invalid'],
    [expression('cron(0 0 * *)'), 'schedule-expression-invalid'],
    [expression('cron(0 * * * ? *)'), 'schedule-too-frequent'],
    [expression('cron(0 1,23 * * ? *)'), 'schedule-too-frequent'],
    [expression('cron(0 16 L * ? *)', '9h'), 'duration-crosses-day'],
    [expression('cron(0 0,8 * * ? *)', '9h'), 'duration-reaches-next-window'],
  ];
  for (const [rule, reason] of refused) {
    it(`${JSON.stringify(rule).slice(0, 90)} (${reason})`, () => {
      assert.equal(
        reasonOf(() => checkRule(rule)),
        reason,
      );
    });
  }

  it('both ways of giving a schedule at once, and none', () => {
    assert.equal(
      reasonOf(() => ruleFrom({ AutomaticallyAfterDays: 3, ScheduleExpression: 'rate(3 days)' })),
      'rotation-rules-both',
    );
    assert.equal(
      reasonOf(() => ruleFrom({ Duration: '3h' })),
      'rotation-rules-empty',
    );
  });

  it('but not two hours next to midnight on days that never follow each other', () => {
    checkRule(expression('cron(0 0,21 1 * ? *)'));
    checkRule(expression('cron(0 2/10 * * ? *)'));
  });
});

describe('an overlap', () => {
  it('as long as the interval is refused, a shorter one is not', () => {
    checkOverlap({ kind: 'every', every: 3_000 }, 2_999);
    assert.equal(
      reasonOf(() => checkOverlap({ kind: 'every', every: 3_000 }, 3_000)),
      'interval-not-longer-than-overlap',
    );
  });

  it('is measured against the two windows of a cron schedule that lie closest', () => {
    assert.equal(shortestInterval(expression('cron(0 8,18 ? * MON *)')), 10 * HOUR);
    assert.equal(shortestInterval(expression('cron(0 8 ? * MON *)')), 7 * DAY);
    assert.equal(shortestInterval(expression('cron(0 8 1 * ? *)')), 28 * DAY);
  });
});

describe('the days that DescribeSecret reports', () => {
  const after = at('2026-01-15T13:37:00Z');
  const cases: readonly [RotationRule, number | null][] = [
    [{ kind: 'days', days: 7, duration: null }, 7],
    [{ kind: 'manual' }, null],
    [{ kind: 'every', every: 5_000 }, null],
    [{ kind: 'every', every: 5 * DAY }, 5],
    [expression('rate(10 days)'), 10],
    [expression('rate(4 hours)'), 1],
    [expression('cron(0 0 ? * 2 *)'), 7],
    [expression('cron(0 16 L * ? *)'), 28],
  ];
  for (const [rule, days] of cases)
    it(`for ${JSON.stringify(rule)}: ${days}`, () => assert.equal(automaticallyAfterDays(rule, after), days));
});

const duration = fc.option(fc.integer({ min: 1, max: 24 }).map((hours) => `${hours}h`));
const hours = fc.oneof(
  fc.integer({ min: 0, max: 23 }).map(String),
  fc.tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 4, max: 23 })).map(([from, step]) => `${from}/${step}`),
  fc.uniqueArray(fc.integer({ min: 0, max: 23 }), { minLength: 2, maxLength: 3 }).map((list) => list.join(',')),
);
const months = fc.constantFrom('*', '1/3', 'FEB', 'JAN-MAR,DEC', '2,4,6', '*/2');
const days = fc.oneof(
  fc.constantFrom('* * ?', 'L * ?', '1,15 * ?', '*/5 * ?', '29-31 * ?', '1/10,L * ?').map((text) => text.split(' ')),
  fc.constantFrom('2', 'SUN', 'MON-FRI', 'L', '6L', '3#2', 'SAT#5', '1,4#1', '*').map((text) => ['?', '*', text]),
);
const cron = fc
  .tuple(hours, days, months)
  .map(([hour, [monthDay, , weekday], month]) => `cron(0 ${hour} ${monthDay} ${month} ${weekday} *)`);
const rule: fc.Arbitrary<RotationRule> = fc
  .oneof(
    fc.record({ kind: fc.constant('days' as const), days: fc.integer({ min: 1, max: 1_000 }), duration }),
    fc.record({ kind: fc.constant('every' as const), every: fc.integer({ min: 1_000, max: 999 * DAY }) }),
    fc.record({
      kind: fc.constant('expression' as const),
      expression: fc.oneof(
        cron,
        fc.integer({ min: 4, max: 800 }).map((count) => `rate(${count} hours)`),
        fc.integer({ min: 1, max: 999 }).map((count) => `rate(${count} days)`),
      ),
      duration,
    }),
  )
  .filter((candidate) => reasonOf(() => checkRule(candidate)) === 'accepted');
const moment = fc.integer({ min: at('2020-01-01T00:00:00Z'), max: at('2060-01-01T00:00:00Z') });

describe('for every schedule that is accepted', () => {
  it('the next window opens after the moment asked about and closes after it opened, within one UTC day', () => {
    fc.assert(
      fc.property(rule, moment, (candidate, after) => {
        const window = nextWindow(candidate, after)!;
        assert.ok(window.opensAt > after);
        assert.ok(window.closesAt > window.opensAt);
        if (candidate.kind !== 'every')
          assert.equal(Math.floor(window.opensAt / DAY), Math.floor(window.closesAt / DAY));
      }),
    );
  });

  it('windows never overlap, whenever within them the rotation happens', () => {
    fc.assert(
      fc.property(rule, moment, fc.double({ min: 0, max: 1, noNaN: true }), (candidate, after, share) => {
        let window = nextWindow(candidate, after)!;
        for (let round = 0; round < 5; round += 1) {
          const rotatedAt = Math.floor(window.opensAt + share * (window.closesAt - window.opensAt));
          const next = nextWindow(candidate, rotatedAt)!;
          assert.ok(next.opensAt > window.closesAt);
          window = next;
        }
      }),
    );
  });

  it('two windows are never closer than the shortest interval says', () => {
    fc.assert(
      fc.property(rule, moment, (candidate, after) => {
        const first = nextWindow(candidate, after)!;
        const second = nextWindow(candidate, first.opensAt)!;
        assert.ok(second.opensAt - first.opensAt >= shortestInterval(candidate)!);
      }),
    );
  });

  it('cron agrees with trying every hour', () => {
    fc.assert(
      fc.property(cron, moment, (text, after) => {
        if (reasonOf(() => checkRule(expression(text))) !== 'accepted') return;
        const parsed = parseCron(text);
        const found = nextWindow(expression(text), after)!.opensAt;
        let hour = Math.floor(after / HOUR) * HOUR + HOUR;
        const limit = hour + 400 * DAY;
        while (hour < limit && !matchesHour(parsed, hour)) hour += HOUR;
        if (hour < limit) assert.equal(found, hour);
        else assert.ok(found >= limit);
      }),
      { numRuns: 60 },
    );
  });
});

describe('the spread', () => {
  const window = { opensAt: at('2026-01-16T00:00:00Z'), closesAt: at('2026-01-16T23:59:59Z') };

  it('gives a secret the same moment every time, inside the part of the window that is used', () => {
    fc.assert(
      fc.property(fc.string(), fc.double({ min: 0, max: 1, noNaN: true }), (key, fraction) => {
        const moment = spread(window, key, fraction);
        assert.equal(moment, spread(window, key, fraction));
        assert.ok(moment >= window.opensAt);
        assert.ok(moment <= window.opensAt + fraction * (window.closesAt - window.opensAt));
      }),
    );
  });

  it('puts no more than 30 of 10,000 secrets into the same minute of a day', () => {
    const minutes = new Map<number, number>();
    for (let index = 0; index < 10_000; index += 1) {
      const minute = Math.floor(spread(window, `secret-${index}`, 1) / 60_000);
      minutes.set(minute, (minutes.get(minute) ?? 0) + 1);
    }
    assert.ok(Math.max(...minutes.values()) <= 30);
    assert.ok(minutes.size > 1_400);
  });
});
