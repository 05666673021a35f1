import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testModel } from '../aws-shapes/model.testing.ts';
import { INPUTS } from './inputs.ts';
import { OPERATIONS } from './operations/index.ts';

testModel({ model: 'secretsmanager', operations: OPERATIONS, complete: true });

test('every operation reads its own input', () => {
  assert.equal(OPERATIONS.length, 23);
  for (const { name, input } of OPERATIONS) assert.equal(input, INPUTS[name as keyof typeof INPUTS], name);
});
