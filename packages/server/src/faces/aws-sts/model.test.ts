import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testModel } from '../aws-shapes/model.testing.ts';
import { INPUTS } from './inputs.ts';
import { OPERATIONS } from './operations.ts';

testModel({ model: 'sts', operations: OPERATIONS });

test('every operation reads its own input', () => {
  assert.deepEqual(OPERATIONS.map(({ name }) => name).toSorted(), Object.keys(INPUTS).toSorted());
  for (const { name, input } of OPERATIONS) assert.equal(input, INPUTS[name as keyof typeof INPUTS], name);
});
