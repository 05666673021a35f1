import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DEFAULT_ROTATION_SETTINGS, type RotationRecord, type RotationSettings } from '@rekey/core';
import fc from 'fast-check';
import { type Counterpart, type Gate, gateOf, judge, mannerDigest, type RotationManner } from './gate.ts';

const HOUR = 3_600_000;
const NOW = Date.UTC(2030, 0, 1);
const settings = DEFAULT_ROTATION_SETTINGS;
const manner: RotationManner = { functionArn: 'rekey-postgres', settings, strategy: null };
const gate: Gate = { requires: ['staging/db'], green: 2, soak: 24 * HOUR };

type Shown = Partial<RotationRecord>;
const green = (endedAt: number, more: Shown = {}): Shown => ({ state: 'done', endedAt, promotedAt: endedAt, ...more });

function counterpart(history: readonly Shown[], named = 'staging/db'): Counterpart {
  const records = history.map(
    (shown, index) =>
      ({
        number: history.length - index,
        cause: 'schedule',
        functionArn: 'arn:aws:lambda:us-east-1:000000000000:function:rekey-postgres',
        settings,
        strategy: 'alternating-users',
        state: 'set',
        promotedAt: null,
        endedAt: null,
        lastErrorClass: null,
        lastError: null,
        waitingFor: null,
        ...shown,
      }) as RotationRecord,
  );
  return { named, found: 'present', history: records };
}

const verdict = (history: readonly Shown[], asked: Gate = gate) => judge(asked, manner, [counterpart(history)], NOW);
const closed = (history: readonly Shown[], asked?: Gate) => {
  const judged = verdict(history, asked);
  assert.ok(!judged.open);
  return judged;
};

describe('a gate', () => {
  test('opens after so many green rotations in a row, and the time they are watched', () => {
    assert.match(closed([]).why, /staging\/db must first rotate 2 times in a row .* and has not/);
    assert.match(closed([green(NOW - 48 * HOUR)]).why, /and has once/);
    assert.deepEqual(verdict([green(NOW - 24 * HOUR), green(NOW - 48 * HOUR)]), { open: true });
    const watched = closed([green(NOW - HOUR), green(NOW - 48 * HOUR)]);
    assert.deepEqual([watched.until, watched.trouble], [NOW + 23 * HOUR, false]);
  });

  test('stays open when the counterpart goes on to rotate well: the time is not counted anew', () => {
    const row = [green(NOW - 1), green(NOW - HOUR), green(NOW - 30 * HOUR), green(NOW - 40 * HOUR)];
    assert.deepEqual(verdict(row), { open: true });
  });

  test('shuts when the counterpart fails, is blocked or was rolled back, and says that somebody has to act', () => {
    const row = [green(NOW - 48 * HOUR), green(NOW - 72 * HOUR)];
    const failures: readonly Shown[] = [
      { state: 'created', lastErrorClass: 'unreachable', lastError: 'The target is away.' },
      { state: 'retiring', promotedAt: NOW, lastErrorClass: 'bug', lastError: 'It is still accepted.' },
      { state: 'blocked', waitingFor: 'Grant it CREATEROLE.' },
      { state: 'rolled-back', endedAt: NOW },
      { state: 'abandoned', endedAt: NOW },
      green(NOW, { cause: 'rollback' }),
    ];
    for (const failure of failures) {
      const { until, trouble, why } = closed([failure, ...row]);
      assert.deepEqual([until, trouble], [null, true], why);
    }
    assert.match(closed([failures[2]!, ...row]).why, /rotation 3 .*staging\/db is blocked \(Grant it CREATEROLE\)/);
    assert.match(closed([green(NOW - 1), failures[3]!, ...row]).why, /2 times in a row/, 'a new row begins');
  });

  test('does not mind a rotation at work, a repair, or a test', () => {
    const row = [green(NOW - 48 * HOUR), green(NOW - 72 * HOUR)];
    const others: readonly Shown[] = [
      { state: 'set' },
      green(NOW, { cause: 'drift' }),
      { cause: 'adopt', state: 'rolled-back' },
    ];
    for (const other of others) assert.deepEqual(verdict([other, ...row]), { open: true });
  });

  test('counts only rotations in the same manner', () => {
    const others: readonly Shown[] = [
      { functionArn: 'rekey-mysql' },
      { settings: { ...settings, strategy: 'single-user' } },
      { settings: { ...settings, endSessions: true } },
      { settings: { ...settings, via: 'pooler:6432' } },
    ];
    for (const other of others) {
      const row = [green(NOW - 48 * HOUR, other), green(NOW - 72 * HOUR)];
      assert.equal(verdict(row).open, false, JSON.stringify(other));
    }
    const row = [green(NOW - 48 * HOUR), green(NOW - 72 * HOUR)];
    const otherwise = { ...manner, strategy: 'single-user' as const };
    assert.equal(judge(gate, otherwise, [counterpart(row)], NOW).open, false, 'once the strategy is known');
    assert.equal(judge(gate, { ...manner, strategy: 'alternating-users' }, [counterpart(row)], NOW).open, true);
    const longer = green(NOW - 48 * HOUR, { settings: { ...settings, overlap: 1 } });
    assert.equal(verdict([longer, ...row]).open, true, 'for how long values overlap may differ');
  });

  test('with several counterparts opens after the last, and names the one that needs a person', () => {
    const both: Gate = { ...gate, green: 1, requires: ['a', 'b'] };
    const early = counterpart([green(NOW - 30 * HOUR)], 'a');
    const late = counterpart([green(NOW - HOUR)], 'b');
    const judged = judge(both, manner, [early, late], NOW);
    assert.deepEqual([judged.open, 'until' in judged && judged.until], [false, NOW + 23 * HOUR]);
    const missing: Counterpart = { named: 'c', found: 'missing', history: [] };
    const worse = judge(both, manner, [late, missing], NOW);
    assert.ok(!worse.open && worse.trouble && worse.until === null);
    assert.match(worse.why, /c does not exist: create it/);
    for (const found of ['deleted', 'not-rotated'] as const)
      assert.ok('trouble' in judge(both, manner, [{ ...missing, found }], NOW));
  });

  test('is none without counterparts, and has defaults', () => {
    assert.equal(gateOf(settings), null);
    assert.equal(gateOf({ ...settings, requires: [], green: 3 }), null);
    assert.deepEqual(gateOf({ ...settings, requires: ['a'] }), { requires: ['a'], green: 1, soak: 24 * HOUR });
  });
});

describe('whatever the history', () => {
  const manners = fc.constantFrom<Partial<RotationSettings>>({}, { endSessions: true });
  const record: fc.Arbitrary<Shown> = fc
    .record({
      state: fc.constantFrom<RotationRecord['state']>(
        'due',
        'set',
        'retiring',
        'done',
        'blocked',
        'rolled-back',
        'abandoned',
      ),
      cause: fc.constantFrom<RotationRecord['cause']>('schedule', 'manual', 'breach', 'drift', 'adopt', 'rollback'),
      lastErrorClass: fc.constantFrom<RotationRecord['lastErrorClass']>(null, null, 'unreachable'),
      manner: manners,
    })
    .map(({ manner: more, ...shown }) => ({ ...shown, settings: { ...settings, ...more } }));
  const histories = fc.array(fc.tuple(record, fc.integer({ min: 0, max: 40 })), { maxLength: 12 }).map((drawn) => {
    let at = NOW;
    return drawn.map(([shown, hours]) => {
      at -= hours * HOUR;
      return { ...shown, promotedAt: at, endedAt: at };
    });
  });
  const gates = fc.record({
    requires: fc.constant(['staging/db']),
    green: fc.integer({ min: 1, max: 4 }),
    soak: fc.integer({ min: 0, max: 48 }).map((hours) => hours * HOUR),
  });

  test('an open gate has its row of green ones, in the same manner and old enough, with no failure after it', () => {
    fc.assert(
      fc.property(histories, gates, (history, asked) => {
        if (!verdict(history, asked).open) return;
        const telling = history.filter(({ cause, state, lastErrorClass }) => {
          const isRunning = state === 'due' || state === 'set' || state === 'retiring';
          return (
            cause !== 'drift' && cause !== 'adopt' && !(isRunning && lastErrorClass === null && cause !== 'rollback')
          );
        });
        const row = telling.slice(0, asked.green);
        assert.equal(row.length, asked.green);
        assert.ok(row.every(({ state, cause }) => state === 'done' && cause !== 'rollback'));
        assert.ok(
          row.every(
            (shown) => mannerDigest({ ...manner, settings: shown.settings ?? settings }) === mannerDigest(manner),
          ),
        );
      }),
      { numRuns: 500 },
    );
  });

  test('a gate that says when it opens opens then, if nothing else happens, and not a millisecond sooner', () => {
    fc.assert(
      fc.property(histories, gates, (history, asked) => {
        const first = judge(asked, manner, [counterpart(history)], NOW);
        if (first.open || first.until === null) return;
        assert.ok(first.until > NOW);
        assert.equal(judge(asked, manner, [counterpart(history)], first.until).open, true);
        assert.equal(judge(asked, manner, [counterpart(history)], first.until - 1).open, false);
      }),
      { numRuns: 500 },
    );
  });

  test('an open gate stays open as time passes', () => {
    fc.assert(
      fc.property(histories, gates, fc.integer({ min: 0, max: 10_000 }), (history, asked, hours) => {
        if (judge(asked, manner, [counterpart(history)], NOW).open)
          assert.equal(judge(asked, manner, [counterpart(history)], NOW + hours * HOUR).open, true);
      }),
      { numRuns: 300 },
    );
  });
});
