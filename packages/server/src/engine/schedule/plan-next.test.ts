import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_ROTATION_SETTINGS, type RotationRule, type SecretRotation } from '@rekey/core';
import { checkSchedule, planned, plannedAfterPut, unplanned } from './plan-next.ts';

const DAY = 86_400_000;
const now = Date.UTC(2030, 0, 1, 12);

const rotation = (rule: RotationRule): SecretRotation => ({
  enabled: true,
  functionArn: 'rekey-fake',
  rule,
  settings: DEFAULT_ROTATION_SETTINGS,
  number: 0,
  lastRotatedAt: null,
  plannedAt: null,
  deadlineAt: null,
  activeRotationId: null,
  queuedRotationId: null,
});
const days = (count: number) => rotation({ kind: 'days', days: count, duration: null });

test('a rule in days counts from the last rotation and is planned inside its window', () => {
  const { plannedAt, deadlineAt } = planned(days(30), 'secret', now);
  const midnight = Date.UTC(2030, 0, 31);
  assert.ok(plannedAt !== null && plannedAt >= midnight && plannedAt < midnight + DAY / 2);
  assert.equal(deadlineAt, midnight + DAY - 1_000);
});

test('a value put by hand counts as a rotation for days, and not for a calendar', () => {
  const before = planned(days(30), 'secret', now);
  assert.equal(plannedAfterPut(before, 'secret', now + 10 * DAY).deadlineAt, (before.deadlineAt ?? 0) + 10 * DAY);
  const calendar = planned(
    rotation({ kind: 'expression', expression: 'cron(0 8 1 * ? *)', duration: null }),
    'secret',
    now,
  );
  assert.deepEqual(plannedAfterPut(calendar, 'secret', now + 10 * DAY), calendar);
});

test('while a rotation is at work a value put by hand plans nothing', () => {
  const atWork = unplanned(planned(days(30), 'secret', now));
  assert.deepEqual(plannedAfterPut(atWork, 'secret', now + DAY), atWork);
});

test('what is switched off or manual is not planned', () => {
  assert.equal(planned({ ...days(1), enabled: false }, 'secret', now).plannedAt, null);
  assert.equal(planned(rotation({ kind: 'manual' }), 'secret', now).plannedAt, null);
});

test('10,000 secrets on one schedule are spread evenly over the first half of its window, each always at its own moment', () => {
  const secrets = Array.from({ length: 10_000 }, (_, index) => `secret ${index}`);
  const plans = secrets.map((id) => planned(days(1), id, now).plannedAt ?? 0);
  const midnight = Date.UTC(2030, 0, 2);
  const quarters = Array.from({ length: 48 }, () => 0);
  for (const plannedAt of plans) quarters[Math.floor((plannedAt - midnight) / (DAY / 96))]! += 1;
  assert.ok(
    quarters.every((count) => count > 140 && count < 280),
    `between 140 and 280 a quarter of an hour: ${quarters}`,
  );
  const busiest = Math.max(...countBy(plans.map((plannedAt) => Math.floor(plannedAt / 1_000))).values());
  assert.ok(busiest <= 6, `${busiest} in one second`);
  assert.deepEqual(
    secrets.map((id) => planned(days(1), id, now).plannedAt),
    plans,
  );
});

test('a schedule must be longer than the overlap, except where one password leaves none', () => {
  const rule = { kind: 'every', every: 60_000 } as const;
  const settings = { ...DEFAULT_ROTATION_SETTINGS, overlap: 60_000 };
  assert.throws(() => checkSchedule(rule, settings), { reason: 'interval-not-longer-than-overlap' });
  checkSchedule(rule, { ...settings, strategy: 'single-user' });
});

function countBy(values: readonly number[]): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}
