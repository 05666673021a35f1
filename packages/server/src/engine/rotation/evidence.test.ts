import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CANDIDATES, type Evidence, type Verdict, weigh } from './evidence.ts';

const CASES: readonly (readonly [Evidence, Verdict])[] = [
  [{ pending: 'accepted' }, 'taken'],
  [{ pending: 'unreachable' }, 'could-not-look'],
  [{ pending: 'unclear' }, 'could-not-look'],
  [{ pending: 'refused', current: 'accepted' }, 'not-taken'],
  [{ pending: 'refused', current: 'unreachable' }, 'refused'],
  [{ pending: 'refused', current: 'unclear' }, 'refused'],
  [{ pending: 'refused', current: 'refused', previous: 'accepted' }, 'put-back'],
  [{ pending: 'refused', current: 'refused', previous: 'unreachable' }, 'refused'],
  [{ pending: 'refused', current: 'refused', previous: 'refused' }, 'lost'],
  [{ pending: 'refused', current: 'refused', previous: 'absent' }, 'lost'],
  [{ pending: 'refused', current: 'absent', previous: 'accepted' }, 'put-back'],
  [{ pending: 'absent', current: 'accepted' }, 'not-taken'],
];

describe('what logins say of a doubtful outcome', () => {
  for (const [evidence, verdict] of CASES)
    test(`${CANDIDATES.map((candidate) => `${candidate} ${evidence[candidate] ?? 'not tried'}`).join(', ')}: ${verdict}`, () => {
      assert.deepEqual(weigh(evidence), { verdict });
    });

  test('values are tried one after the other, and no more than are needed', () => {
    assert.deepEqual(weigh({}), { tryNext: 'pending' });
    assert.deepEqual(weigh({ pending: 'refused' }), { tryNext: 'current' });
    assert.deepEqual(weigh({ pending: 'refused', current: 'refused' }), { tryNext: 'previous' });
  });

  test('whatever the evidence, at most three logins lead to a verdict', () => {
    const outcomes = ['accepted', 'refused', 'unreachable', 'unclear', 'absent'] as const;
    for (const pending of outcomes)
      for (const current of outcomes)
        for (const previous of outcomes) {
          const said = { pending, current, previous };
          let evidence: Evidence = {};
          for (let login = 0; ; login += 1) {
            const weighed = weigh(evidence);
            if ('verdict' in weighed) break;
            assert.ok(login < 3 && evidence[weighed.tryNext] === undefined, JSON.stringify(said));
            evidence = { ...evidence, [weighed.tryNext]: said[weighed.tryNext] };
          }
        }
  });
});
