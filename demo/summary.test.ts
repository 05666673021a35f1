import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeSummary, exitCode, quantile, type Summary } from './summary.ts';

const good: Summary = {
  strategy: 'alternating-users',
  seconds: 60,
  rotations: 11,
  unfinishedRotations: 0,
  queries: 23_456,
  failedQueries: 0,
  rotationSeconds: { p50: 0.2, p99: 0.3 },
  staleCredentialSeconds: { max: 2.3 },
  oldestCredentialSeconds: { max: 7.5 },
  retiredCredentialsAccepted: 0,
  switchWindowSeconds: null,
  latencyMilliseconds: { outside: { p50: 0.5, p99: 2 }, inside: { p50: 0.6, p99: null } },
  mishaps: null,
};

test('the exit code is 0 only if no query failed and every rotation finished', () => {
  assert.equal(exitCode(good, false), 0);
  for (const flaw of [
    { failedQueries: 1 },
    { unfinishedRotations: 1 },
    { rotations: 0 },
    { queries: 0 },
    { retiredCredentialsAccepted: 1 },
  ]) {
    assert.equal(exitCode({ ...good, ...flaw }, false), 1, JSON.stringify(flaw));
  }
});

test('whoever stops it before the first rotation has not seen it fail', () => {
  assert.equal(exitCode({ ...good, rotations: 0 }, true), 0);
  assert.equal(exitCode({ ...good, failedQueries: 1 }, true), 1);
});

test('quantiles take the nearest rank', () => {
  assert.equal(quantile([], 0.5), null);
  assert.equal(quantile([3, 1, 2], 0.5), 2);
  assert.equal(quantile([3, 1, 2], 0.99), 3);
});

test('a person reads the same figures in words', () => {
  const text = describeSummary(good);
  assert.match(text, /^11 rotations in 60 s by alternating-users, 0 unfinished\n23,456 queries, 0 failed\n/);
  assert.match(text, /0\.5 ms \/ 2\.0 ms outside rotations, 0\.6 ms \/ – inside/);
  assert.doesNotMatch(text, /switch window/);
  assert.match(
    describeSummary({ ...good, switchWindowSeconds: { p50: 0.01, max: 0.02 } }),
    /switch window: 0\.01 s in the middle, 0\.02 s at most/,
  );
});

test('a person reads what went wrong on purpose', () => {
  const mishaps = { serverKilled: 3, serverPaused: 2, networkCut: 1, networkSilent: 0 };
  assert.match(
    describeSummary({ ...good, mishaps }),
    /6 mishaps: server killed 3, paused 2, network to PostgreSQL cut 1, silent 0/,
  );
});
