import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_ROTATION_SETTINGS, type RotationRecord, type RotationState } from '@rekey/core';
import { describeRotation, type RotationStatus, RotationWatch } from './rotation-watch.ts';

function record(number: number, state: RotationState): RotationRecord {
  return {
    id: `r${number}`,
    secretId: 's',
    secretName: 'demo/shop',
    number,
    cause: 'schedule',
    askedBy: 'schedule',
    functionArn: 'rekey-postgres',
    settings: DEFAULT_ROTATION_SETTINGS,
    state,
    doing: null,
    attempts: 0,
    nextAttemptAt: null,
    waitingFor: null,
    lastErrorClass: null,
    lastError: null,
    versionId: `v${number}`,
    previousVersionId: `v${number - 1}`,
    strategy: 'alternating-users',
    createdAt: 0,
    startedAt: 0,
    setStartedAt: null,
    promotedAt: null,
    endedAt: null,
    switchWindow: null,
    retireAt: null,
    oldRefusedAt: null,
    steps: [],
  };
}

function status(active: RotationRecord | null, ...recent: RotationRecord[]): RotationStatus {
  return { rotation: null, active, queued: null, recent };
}

test('each change of state is told once', () => {
  const watch = new RotationWatch();
  const states = (answer: RotationStatus) => watch.note(answer).map((each) => `${each.number} ${each.state}`);
  assert.deepEqual(states(status(record(1, 'set'))), ['1 set']);
  assert.deepEqual(states(status(record(1, 'set'))), []);
  assert.deepEqual(states(status(record(2, 'due'), record(1, 'done'))), ['1 done', '2 due']);
  assert.equal(watch.running?.number, 2);
});

test('a rotation that ended in any other way than done counts as unfinished', () => {
  const watch = new RotationWatch();
  watch.note(status(null, record(1, 'done'), record(2, 'rolled-back'), record(3, 'blocked')));
  assert.deepEqual(
    watch.finished.map((each) => each.number),
    [1],
  );
  assert.deepEqual(
    watch.unfinished.map((each) => each.number),
    [2, 3],
  );
});

test('what began after the time was over is not counted', () => {
  const watch = new RotationWatch();
  watch.note(status(record(3, 'set'), record(1, 'done'), record(2, 'retiring')));
  watch.stopCounting(['r2']);
  assert.deepEqual(
    watch.records.map((each) => each.number),
    [1, 2],
  );
});

test('a line says the state, the step being tried, what it waits for, and when the old password ends', () => {
  assert.equal(
    describeRotation({ ...record(1, 'set'), doing: { step: 'test', startedAt: 0 } }, 0),
    '#1 set, doing test',
  );
  assert.equal(
    describeRotation({ ...record(1, 'retiring'), retireAt: 2_500 }, 1_000),
    '#1 retiring: old password ends in 2 s',
  );
  assert.equal(
    describeRotation({ ...record(1, 'due'), waitingFor: 'the overlap of #0' }, 0),
    '#1 due: the overlap of #0',
  );
  assert.equal(describeRotation({ ...record(1, 'blocked'), lastError: 'x is missing' }, 0), '#1 blocked: x is missing');
});
