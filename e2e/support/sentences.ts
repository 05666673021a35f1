import assert from 'node:assert/strict';
import type { Ended } from './running.ts';

/** One sentence on standard error, without a stack trace, and the exit code. */
export function assertSentence({ code, err }: Pick<Ended, 'code' | 'err'>, expected: number, sentence: RegExp): void {
  assert.match(err, sentence);
  assert.equal(err.trimEnd().split('\n').length, 1, err);
  assert.doesNotMatch(err, /^\s+at /m);
  assert.equal(code, expected, err);
}
