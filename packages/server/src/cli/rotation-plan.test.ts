import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_ROTATION_SETTINGS } from '@rekey/core';
import { describePlannedRotation, type PlanAnswer } from './rotation-plan.ts';

const ANSWER: PlanAnswer = {
  ...{ name: 'app/db', functionArn: 'rekey-postgres', settings: DEFAULT_ROTATION_SETTINGS, holders: [], inTheWay: [] },
  ...{ probe: { outcome: 'accepted', reason: 'app logged in' }, admin: null, plan: null },
};

test('where a dry run has no plan, it says what stands in the way and what to do', () => {
  const seen = (outcome: string, admin: PlanAnswer['admin'] = null) =>
    describePlannedRotation({ ...ANSWER, probe: { outcome, reason: 'as seen' }, admin }, 0);
  assert.match(seen('refused'), /no plan: .*refuses what is current: `rekey repair app\/db`/);
  assert.match(seen('unreachable'), /no plan: .*did not answer; see that it runs/);
  assert.match(seen('unclear'), /no plan: .*a login with the current value, .*see above/);
  assert.match(
    seen('accepted', { name: 'app/admin', outcome: 'refused', reason: '28P01' }),
    /no plan: .*put .* into app\/admin/,
  );
  assert.match(seen('accepted'), /no plan: the rotation function has none/);
});
