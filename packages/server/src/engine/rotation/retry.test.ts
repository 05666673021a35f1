import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DOUBT_RETRY, leavesDoubt, RETRIES, retryAfter, URGENT_RETRY } from './retry.ts';

test('what passes by itself is never given up', () => {
  for (const table of [RETRIES.unreachable, URGENT_RETRY, DOUBT_RETRY])
    assert.deepEqual(retryAfter(table, 10_000), { retry: 'after', milliseconds: table.delays.at(-1) });
});

test('what only a person mends is tried once', () => {
  for (const errorClass of ['missing-privilege', 'rejected-form'] as const)
    assert.deepEqual(retryAfter(RETRIES[errorClass], 1), { retry: 'never' });
});

test('a refused login is tried less often than the strictest usual lock-out limit of five', () => {
  assert.ok((RETRIES['refused-login'].attempts ?? Number.POSITIVE_INFINITY) < 5);
  assert.deepEqual(retryAfter(RETRIES['refused-login'], 3), { retry: 'never' });
});

test('pauses grow, and none is asked for that a table does not name', () => {
  for (const { delays } of Object.values(RETRIES))
    assert.deepEqual(
      [...delays].sort((a, b) => a - b),
      delays,
    );
});

test('only what may have changed the target leaves doubt', () => {
  assert.ok(leavesDoubt('set', 'unreachable'));
  assert.ok(leavesDoubt('revoke', 'bug'));
  assert.ok(!leavesDoubt('set', 'rejected-value'));
  assert.ok(!leavesDoubt('test', 'unreachable'));
});
