import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_ROTATION_SETTINGS, type RotationRecord } from '@rekey/core';
import {
  busySpans,
  oldestAcceptedAge,
  rotationSeconds,
  staleSeconds,
  switchWindowSeconds,
} from './rotation-figures.ts';

const begun: RotationRecord = {
  id: 'r1',
  secretId: 's',
  secretName: 'demo/app',
  number: 1,
  cause: 'schedule',
  askedBy: 'schedule',
  functionArn: 'rekey-postgres',
  settings: DEFAULT_ROTATION_SETTINGS,
  state: 'created',
  doing: null,
  attempts: 0,
  nextAttemptAt: 0,
  waitingFor: null,
  lastErrorClass: null,
  lastError: null,
  versionId: 'v1',
  previousVersionId: 'v0',
  strategy: 'alternating-users',
  createdAt: 1_000,
  startedAt: 1_100,
  setStartedAt: 1_200,
  promotedAt: null,
  endedAt: null,
  switchWindow: null,
  retireAt: null,
  oldRefusedAt: null,
  steps: [],
};
const retiring: RotationRecord = { ...begun, state: 'retiring', promotedAt: 1_500, retireAt: 3_500 };
const done: RotationRecord = {
  ...retiring,
  state: 'done',
  oldRefusedAt: 3_700,
  endedAt: 3_710,
  steps: [
    {
      step: 'revoke',
      attempt: 1,
      startedAt: 3_500,
      finishedAt: 3_700,
      outcome: 'done',
      errorClass: null,
      reason: null,
      findings: [],
    },
  ],
};

test('a rotation counts as under way until the application has adopted it, and again while it retires the old value', () => {
  assert.deepEqual(busySpans([begun], 1_300), [{ from: 1_100, until: 1_300 }]);
  assert.deepEqual(busySpans([done], 9_000), [
    { from: 1_100, until: 3_000 },
    { from: 3_500, until: 3_700 },
  ]);
});

test('the old credential counts as accepted until it was seen to be refused', () => {
  assert.equal(oldestAcceptedAge([], 500, 900), 400, 'the first credential, before any rotation');
  assert.equal(oldestAcceptedAge([begun], 500, 1_400), 900);
  assert.equal(oldestAcceptedAge([retiring], 500, 3_000), 2_500);
  assert.equal(oldestAcceptedAge([done], 500, 4_200), 3_000, 'now the age of the credential of the rotation itself');
});

test('with single-user the new password ends the old one at once', () => {
  const single: RotationRecord = { ...retiring, strategy: 'single-user', switchWindow: 40 };
  assert.equal(oldestAcceptedAge([single], 500, 1_600), 400);
  assert.deepEqual(switchWindowSeconds([single, begun]), [0.04]);
  assert.deepEqual(staleSeconds([{ ...done, strategy: 'single-user' }]), [0]);
});

test('figures come from ended rotations only', () => {
  assert.deepEqual(rotationSeconds([begun, done]), [0.4]);
  assert.deepEqual(staleSeconds([retiring, done]), [2.2]);
});
