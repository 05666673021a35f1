import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DEFAULT_ROTATION_SETTINGS } from '@rekey/core';
import fc from 'fast-check';
import { type HolderFacts, stateOf, UNWRITTEN } from './holder-state.ts';
import { DEADLINE_IN_OVERLAPS, retirementDeadline } from './retirement-deadline.ts';
import { decideRetirement, type RetirementFacts } from './retirement-gate.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const PROMOTED = Date.UTC(2030, 0, 1);
const FACTS: RetirementFacts = {
  now: PROMOTED + 2 * HOUR,
  versionId: 'old',
  retireAt: PROMOTED + HOUR,
  retireBy: PROMOTED + 24 * HOUR,
  gated: true,
  holders: [],
  sessions: null,
};

function holder(change: Partial<HolderFacts> = {}): HolderFacts {
  return {
    versionId: 'old',
    lastSeenAt: FACTS.now - MINUTE,
    interval: 5 * MINUTE,
    sightings: 20,
    every: null,
    ...change,
  };
}

const anyHolder: fc.Arbitrary<HolderFacts> = fc.record({
  versionId: fc.constantFrom('old', 'new', 'older'),
  lastSeenAt: fc.integer({ min: PROMOTED - 48 * HOUR, max: PROMOTED + 48 * HOUR }),
  interval: fc.option(fc.integer({ min: 0, max: 12 * HOUR })),
  sightings: fc.integer({ min: 1, max: 5 }),
  every: fc.oneof(fc.constant(null), fc.integer({ min: 1_000, max: HOUR })),
});
const anyFacts: fc.Arbitrary<RetirementFacts> = fc
  .record({
    now: fc.integer({ min: PROMOTED, max: PROMOTED + 60 * HOUR }),
    overlap: fc.integer({ min: 0, max: 2 * HOUR }),
    beyond: fc.integer({ min: 0, max: 48 * HOUR }),
    gated: fc.boolean(),
    holders: fc.array(anyHolder, { maxLength: 6 }),
    sessions: fc.constantFrom(null, 0, 3, 'unreachable' as const),
  })
  .map(({ overlap, beyond, ...facts }) => {
    const retireAt = PROMOTED + overlap;
    return { ...facts, versionId: 'old', retireAt, retireBy: retireAt + beyond };
  });

describe('the old value is retired', () => {
  it('never before the overlap is over', () => {
    fc.assert(fc.property(anyFacts, (facts) => facts.now >= facts.retireAt || !decideRetirement(facts).retire));
  });

  it('at the deadline, whoever still holds it, and names them', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const late = { ...facts, now: Math.max(facts.now, facts.retireBy) };
        const decision = decideRetirement(late);
        assert.equal(decision.retire, true);
        const held = facts.gated ? late.holders.filter((one) => stateOf(one, 'new', late.now) !== 'gone') : [];
        assert.deepEqual(
          decision.retire && decision.leftBehind,
          held.filter(({ versionId }) => versionId === 'old'),
        );
      }),
    );
  });

  it('never earlier for one more holder, and never earlier for one that has not moved', () => {
    fc.assert(
      fc.property(anyFacts, anyHolder, (facts, another) => {
        const without = decideRetirement(facts);
        const withOne = decideRetirement({ ...facts, holders: [...facts.holders, another] });
        assert.ok(without.retire || !withOne.retire);
        const moved = facts.holders.map((one) => ({ ...one, versionId: 'new' }));
        assert.ok(decideRetirement({ ...facts, holders: moved }).retire || !without.retire);
      }),
    );
  });

  it('once and for all: what may be retired now may be retired later, if nobody is seen meanwhile', () => {
    fc.assert(
      fc.property(anyFacts, fc.nat(HOUR), (facts, later) => {
        const now = decideRetirement(facts);
        assert.ok(!now.retire || decideRetirement({ ...facts, now: facts.now + later }).retire);
      }),
    );
  });

  it('after a finite number of looks, each later than the one before', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        let { now } = facts;
        for (let looks = 0; looks < 2_000; looks += 1) {
          const decision = decideRetirement({ ...facts, now });
          if (decision.retire) return true;
          assert.ok(decision.until > now && decision.until <= Math.max(facts.retireAt, facts.retireBy));
          now = decision.until;
        }
        return false;
      }),
      { numRuns: 50 },
    );
  });

  it('as soon as the overlap is over when everybody has moved', () => {
    const decision = decideRetirement({ ...FACTS, holders: [holder({ versionId: 'new' })], sessions: 0 });
    assert.deepEqual(decision, { retire: true, leftBehind: [], sessions: 0 });
  });

  it('not while a holder within its interval has only been seen with the old version', () => {
    const laggard = holder();
    const decision = decideRetirement({ ...FACTS, holders: [holder({ versionId: 'new' }), laggard] });
    assert.deepEqual(decision.retire === false && decision.waitsFor, [laggard]);
  });

  it('without a holder that was silent for three of its intervals, and no sooner', () => {
    const limit = FACTS.now - 15 * MINUTE - UNWRITTEN;
    assert.equal(decideRetirement({ ...FACTS, holders: [holder({ lastSeenAt: limit })] }).retire, true);
    assert.equal(decideRetirement({ ...FACTS, holders: [holder({ lastSeenAt: limit + 1 })] }).retire, false);
  });

  it('at the deadline only where a holder was seen once, however long ago', () => {
    const once = holder({ sightings: 1, interval: null, lastSeenAt: FACTS.now - 30 * 24 * HOUR });
    assert.equal(stateOf(once, 'new', FACTS.now), 'unknown');
    assert.equal(decideRetirement({ ...FACTS, holders: [once] }).retire, false);
  });

  it('at the deadline only where a holder’s interval was written before sightings were counted', () => {
    const { sightings: _, ...old } = holder({ interval: 3, lastSeenAt: FACTS.now - HOUR });
    assert.equal(decideRetirement({ ...FACTS, holders: [old] }).retire, false);
  });

  it('not while sessions are open at the target, or while nobody can look', () => {
    assert.equal(decideRetirement({ ...FACTS, sessions: 2 }).retire, false);
    assert.equal(decideRetirement({ ...FACTS, sessions: 'unreachable' }).retire, false);
  });

  it('after its overlap alone where it is not gated', () => {
    assert.equal(decideRetirement({ ...FACTS, gated: false, holders: [holder()], sessions: 3 }).retire, true);
  });
});

describe('the deadline', () => {
  const settings = { ...DEFAULT_ROTATION_SETTINGS, overlap: HOUR };
  const facts = { settings, promotedAt: PROMOTED, retireAt: PROMOTED + HOUR };

  it('is so many overlaps after promotion unless it is set', () => {
    assert.equal(retirementDeadline(facts, null), PROMOTED + DEADLINE_IN_OVERLAPS * HOUR);
    assert.equal(
      retirementDeadline({ ...facts, settings: { ...settings, retireWithin: 3 * HOUR } }, null),
      PROMOTED + 3 * HOUR,
    );
  });

  it('is at most half-way to the next rotation that is planned, but never cuts the overlap short', () => {
    assert.equal(retirementDeadline(facts, PROMOTED + 4 * HOUR), PROMOTED + 2 * HOUR);
    assert.equal(retirementDeadline(facts, PROMOTED + 1), facts.retireAt);
  });

  it('that is set does not give way', () => {
    const set = { ...facts, settings: { ...settings, retireWithin: 9 * HOUR } };
    assert.equal(retirementDeadline(set, PROMOTED + 4 * HOUR), PROMOTED + 9 * HOUR);
  });
});
