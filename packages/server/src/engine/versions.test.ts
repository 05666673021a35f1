import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CURRENT, PENDING, PREVIOUS, type SecretRecord } from '@rekey/core';
import fc from 'fast-check';
import {
  addVersion,
  attachLabel,
  detachLabel,
  fillVersion,
  findLabelled,
  findVersion,
  KEPT_VERSIONS,
  MOST_VERSIONS,
  promote,
  prune,
  SAFE_AGE,
} from './versions.ts';

const NOW = Date.UTC(2030, 0, 1);

const EMPTY: SecretRecord = {
  id: 'one',
  name: 'one',
  arn: 'arn:aws:secretsmanager:us-east-1:000000000000:secret:one-AbCdEf',
  description: null,
  kmsKeyId: null,
  tags: null,
  type: null,
  createdAt: NOW,
  changedAt: NOW,
  lastAccessedDay: null,
  deletedAt: null,
  purgeAt: null,
  versions: [],
  rotation: null,
};

function withVersion(secret: SecretRecord, id: string, labels: readonly string[] = [], now = NOW): SecretRecord {
  return addVersion(secret, { id, hasValue: true, kmsKeyId: null }, labels, now);
}

function labelsOf(secret: SecretRecord): Record<string, readonly string[]> {
  return Object.fromEntries(secret.versions.map(({ id, labels }) => [id, labels]));
}

describe('labels', () => {
  test('current moves and leaves previous behind, which is taken from whichever version had it', () => {
    const first = withVersion(EMPTY, 'a', [CURRENT]);
    const second = withVersion(first, 'b', [CURRENT]);
    const third = withVersion(second, 'c', [CURRENT]);
    assert.deepEqual(labelsOf(second), { a: [PREVIOUS], b: [CURRENT] });
    assert.deepEqual(labelsOf(third), { a: [], b: [PREVIOUS], c: [CURRENT] });
  });

  test('a version that loses current gives up pending too, and keeps its custom labels', () => {
    const both = withVersion(EMPTY, 'a', [CURRENT, PENDING, 'mine']);
    assert.deepEqual(labelsOf(withVersion(both, 'b', [CURRENT])), { a: ['mine', PREVIOUS], b: [CURRENT] });
  });

  test('attaching current to the pending version leaves both labels on it; promoting takes pending off', () => {
    const rotating = withVersion(withVersion(EMPTY, 'a', [CURRENT]), 'b', [PENDING]);
    assert.deepEqual(labelsOf(attachLabel(rotating, CURRENT, 'b', NOW)), { a: [PREVIOUS], b: [PENDING, CURRENT] });
    assert.deepEqual(labelsOf(promote(rotating, 'b', NOW)), { a: [PREVIOUS], b: [CURRENT] });
    assert.deepEqual(promote(promote(rotating, 'b', NOW), 'b', NOW), promote(rotating, 'b', NOW));
  });

  test('an empty version is filled and labelled; a label that nobody has is detached without a trace', () => {
    const empty = addVersion(EMPTY, { id: 'a', hasValue: false, kmsKeyId: null }, [PENDING], NOW);
    const filled = fillVersion(empty, 'a', [CURRENT], NOW + 1);
    assert.equal(findVersion(filled, 'a')?.hasValue, true);
    assert.deepEqual(labelsOf(filled), { a: [PENDING, CURRENT] });
    assert.equal(detachLabel(filled, 'none', NOW + 2), filled);
    assert.deepEqual(labelsOf(detachLabel(filled, PENDING, NOW + 2)), { a: [CURRENT] });
  });

  test('whatever is attached and detached, a label sits on one version at most and current never vanishes', () => {
    const label = fc.constantFrom(CURRENT, PENDING, PREVIOUS, 'mine', 'yours');
    const move = fc.tuple(label, fc.constantFrom('a', 'b', 'c'), fc.boolean());
    const start = withVersion(withVersion(withVersion(EMPTY, 'a', [CURRENT]), 'b'), 'c');
    fc.assert(
      fc.property(fc.array(move, { maxLength: 30 }), (moves) => {
        const end = moves.reduce(
          (secret, [what, where, on]) =>
            on || what === CURRENT ? attachLabel(secret, what, where, NOW) : detachLabel(secret, what, NOW),
          start,
        );
        const all = end.versions.flatMap(({ labels }) => labels);
        assert.equal(new Set(all).size, all.length);
        assert.notEqual(findLabelled(end, CURRENT), null);
      }),
    );
  });
});

describe('pruning', () => {
  const many = (count: number, age: number) =>
    Array.from({ length: count }, (_, at) => at).reduce(
      (secret, at) => withVersion(secret, `v${at}`, [], NOW - age + at),
      withVersion(EMPTY, 'first', [CURRENT], NOW - age - 1),
    );

  test('drops unlabelled versions beyond the limit, oldest first', () => {
    const { secret, dropped } = prune(many(KEPT_VERSIONS + 4, 2 * SAFE_AGE), new Set(), NOW);
    assert.deepEqual(dropped, ['v0', 'v1', 'v2', 'v3', 'v4']);
    assert.equal(secret.versions.length, KEPT_VERSIONS);
  });

  test('never drops what is labelled, needed or younger than a day', () => {
    const old = many(KEPT_VERSIONS + 2, 2 * SAFE_AGE);
    assert.ok(!prune(old, new Set(['v0']), NOW).dropped.some((id) => id === 'v0' || id === 'first'));
    assert.deepEqual(prune(many(KEPT_VERSIONS + 50, SAFE_AGE / 2), new Set(), NOW).dropped, []);
  });

  test('drops young ones too where there are absurdly many', () => {
    const { secret, dropped } = prune(many(MOST_VERSIONS + 20, SAFE_AGE / 2), new Set(), NOW);
    assert.equal(secret.versions.length, MOST_VERSIONS);
    assert.equal(dropped.length, 21);
  });
});
