import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  CURRENT,
  DEFAULT_ROTATION_SETTINGS,
  PENDING,
  type RotationRecord,
  type RotationState,
  type RotationStep,
  type SecretRecord,
} from '@rekey/core';
import type { Decision, RotationFacts } from './decision.ts';
import { RECOVERY_CASES } from './recover.ts';
import { next } from './rotation.ts';
import { FIRST_STEPS_KEPT, intending, interrupted, LAST_STEPS_KEPT, stepFailed } from './rotation-change.ts';

const version = (id: string, hasValue: boolean, labels: readonly string[]) => ({
  id,
  createdAt: 0,
  hasValue,
  labels,
  lastAccessedDay: null,
  kmsKeyId: null,
});

const secret = (pendingHasValue: boolean) =>
  ({
    versions: [version('old', true, [CURRENT]), version('new', pendingHasValue, [PENDING])],
    deletedAt: null,
  }) as unknown as SecretRecord;

const record = (change: Partial<RotationRecord>): RotationRecord => ({
  id: 'rotation',
  secretId: 'secret',
  secretName: 'app',
  number: 1,
  cause: 'manual',
  askedBy: 'test',
  functionArn: 'rekey-fake',
  settings: DEFAULT_ROTATION_SETTINGS,
  state: 'due',
  doing: null,
  attempts: 0,
  nextAttemptAt: 0,
  waitingFor: null,
  lastErrorClass: null,
  lastError: null,
  versionId: 'new',
  previousVersionId: 'old',
  strategy: 'single-user',
  createdAt: 0,
  startedAt: null,
  setStartedAt: null,
  promotedAt: null,
  endedAt: null,
  switchWindow: null,
  retireAt: null,
  oldRefusedAt: null,
  steps: [],
  ...change,
});

const facts = (change: Partial<RotationFacts> = {}): RotationFacts => ({
  now: 1_000,
  secret: secret(false),
  ahead: null,
  abilities: { probe: true, probeDecoy: true, revoke: true },
  targetProven: true,
  ...change,
});

const short = (decision: Decision) =>
  'step' in decision ? decision.step : 'doubt' in decision ? decision.doubt : decision.do;

describe('the machine', () => {
  test('goes from state to state in one order', () => {
    const order: readonly [RotationState, string][] = [
      ['due', 'create'],
      ['created', 'set'],
      ['set', 'test'],
      ['tested', 'finish'],
      ['done', 'stop'],
      ['blocked', 'stop'],
      ['rolled-back', 'stop'],
      ['abandoned', 'stop'],
    ];
    for (const [state, expected] of order) assert.equal(short(next(record({ state }), facts())), expected, state);
  });

  test('begins by proving that the target checks passwords', () => {
    assert.equal(short(next(record({}), facts({ targetProven: false }))), 'prove-target');
  });

  test('knows what to do about every step that was cut short', () => {
    const doing = (state: RotationState, step: RotationStep) =>
      record({ state, doing: { step, startedAt: 0 }, setStartedAt: 0 });
    const cut = (state: RotationState, step: RotationStep, change: Partial<RotationFacts> = {}) =>
      short(next(interrupted(doing(state, step), 5), facts(change)));
    const blind = { abilities: { probe: false, probeDecoy: false, revoke: false } };
    assert.equal(cut('due', 'create'), 'create');
    assert.equal(cut('due', 'create', { secret: secret(true) }), 'advance');
    assert.equal(cut('created', 'set', { secret: secret(true) }), 'set-cut-short');
    assert.equal(cut('created', 'set', { secret: secret(true), ...blind }), 'set');
    assert.equal(cut('set', 'test', { secret: secret(true) }), 'test');
    assert.equal(cut('tested', 'finish', { secret: secret(true) }), 'test-again');
    assert.equal(short(next(doing('tested', 'finish'), facts({ secret: secret(true) }))), 'finish');
    const promoted = {
      versions: [version('old', true, []), version('new', true, [CURRENT])],
    } as unknown as SecretRecord;
    assert.equal(cut('retiring', 'revoke', { secret: promoted }), 'revoke');
  });

  test('has a name for each case of recovery, once', () => {
    const names = RECOVERY_CASES.map(({ name }) => name);
    assert.equal(new Set(names).size, names.length);
  });

  test('never abandons a rotation whose value may be the only one that is accepted', () => {
    const inWindow = record({ state: 'set', setStartedAt: 0 });
    const without = { ...secret(true), versions: [version('old', true, [CURRENT]), version('new', true, [])] };
    assert.equal(short(next(inWindow, facts({ secret: without }))), 'test');
    assert.equal(short(next(inWindow, facts({ secret: { ...without, deletedAt: 5 } }))), 'test');
    assert.equal(short(next({ ...inWindow, strategy: 'alternating-users' }, facts({ secret: without }))), 'end');
  });

  test('keeps the first and the last attempts of one that retries for days', () => {
    let tried = record({});
    const failed = { errorClass: 'unreachable', message: 'down', nextAction: null, observedFence: null } as const;
    for (let attempt = 0; attempt < 500; attempt += 1)
      tried = stepFailed(intending(tried, 'set', attempt), failed, attempt);
    assert.equal(tried.steps.length, FIRST_STEPS_KEPT + LAST_STEPS_KEPT);
    assert.deepEqual([tried.steps[0]?.attempt, tried.steps.at(-1)?.attempt], [1, 500]);
  });

  test('notes an interruption once', () => {
    const cut = interrupted(intending(record({}), 'set', 5), 9);
    assert.deepEqual([cut.steps.length, cut.steps[0]?.outcome], [1, 'unknown']);
    assert.equal(interrupted(cut, 10).steps.length, 1);
  });
});
