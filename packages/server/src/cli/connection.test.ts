import assert from 'node:assert/strict';
import { test } from 'node:test';
import { secretPath } from './connection.ts';

test('a secret is one segment of the path, and no name leads to another path', () => {
  assert.equal(secretPath('team/../db?x', 'plan'), '/rekey/secrets/team%2F..%2Fdb%3Fx/plan');
  for (const name of ['.', '..'])
    assert.throws(() => secretPath(name, 'plan'), {
      reason: 'wrong-use',
      message: /cannot hold the name .*give the ARN/,
    });
  for (const name of ['...', '%2e%2e', 'a/..', '..-yDX4Ve']) {
    const path = secretPath(name, 'plan');
    assert.equal(new URL(path, 'http://rekey').pathname, path);
  }
});
