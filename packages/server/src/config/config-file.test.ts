import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RekeyError } from '@rekey/core';
import { parseConfigFile } from './config-file.ts';

const refused = (said: RegExp) => (error: unknown) =>
  error instanceof RekeyError && error.code === 'invalid-input' && said.test(error.message);

describe('rekey.yaml', () => {
  test('says of a duration what is wrong with it, also where it may be off', () => {
    const mistakes = [
      ['store: { staleReads: sometimes }', /store\.staleReads: The duration is 'sometimes', which is not a duration/],
      ['store: { staleReads: 2d }', /store\.staleReads: The duration is 2d, but it must be between 1s and 1d/],
      [
        'rotation: { driftInterval: 5s }',
        /rotation\.driftInterval: The duration is 5s, but it must be between 1m and 30d/,
      ],
      ['store: { readBound: 1d }', /store\.readBound: The duration is 1d, but it must be between/],
    ] as const;
    for (const [yaml, said] of mistakes) assert.throws(() => parseConfigFile(yaml, 'rekey.yaml'), refused(said), yaml);
  });

  test('takes off, and durations within their bounds', () => {
    const { store, rotation } = parseConfigFile(
      'store: { staleReads: 10m }\nrotation: { driftInterval: off }',
      'rekey.yaml',
    );
    assert.deepEqual([store?.staleReads, rotation?.driftInterval], [600_000, 'off']);
  });
});
