import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { LoginRecord } from '../../store/collections.ts';
import { afterLogin, DEFAULT_LOGIN_LIMIT, spentUntil, withLogin } from './login-count.ts';

const outcome = fc.constantFrom('accepted', 'refused', 'could-not-look', 'unanswered') as fc.Arbitrary<
  'accepted' | 'refused' | 'could-not-look' | 'unanswered'
>;

describe('counting logins', () => {
  test('whatever they come to, no window holds more refusals in a row than the limit', () => {
    const logins = fc.array(fc.record({ outcome, pause: fc.integer({ min: 0, max: 400_000 }) }), { maxLength: 60 });
    fc.assert(
      fc.property(logins, (history) => {
        let now = 0;
        let record: LoginRecord | null = null;
        let refusals: number[] = [];
        for (const login of history) {
          now += login.pause;
          if (spentUntil(record, DEFAULT_LOGIN_LIMIT, now) !== null) continue;
          record = withLogin(record, DEFAULT_LOGIN_LIMIT, now);
          if (login.outcome === 'accepted') refusals = [];
          else if (login.outcome !== 'could-not-look') refusals.push(now);
          if (login.outcome !== 'unanswered') record = afterLogin(record, now, login.outcome, DEFAULT_LOGIN_LIMIT);
          const recent = refusals.filter((at) => at > now - DEFAULT_LOGIN_LIMIT.window);
          assert.ok(recent.length <= DEFAULT_LOGIN_LIMIT.logins);
        }
      }),
    );
  });

  test('a refusal counts though another server forgot what was counted before', () => {
    assert.deepEqual(afterLogin(null, 5, 'refused', DEFAULT_LOGIN_LIMIT), { countedAt: [5] });
  });
});
