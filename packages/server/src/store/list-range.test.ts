import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { compareText } from './list-range.ts';

const sign = (order: number) => Math.sign(order);
/** Few characters, so that texts share beginnings, of one to four bytes each and on either side of the surrogates. */
const TEXT = fc.array(fc.constantFrom('a', 'b', '/', 'ä', '\ud7ff', '\ue000', '\uffff', '🔑', '𐀀'), { maxLength: 6 });

it('texts are in the order of their bytes, as databases sort them', () => {
  fc.assert(
    fc.property(TEXT, TEXT, (one, other) => {
      const [a, b] = [one.join(''), other.join('')];
      assert.equal(sign(compareText(a, b)), sign(Buffer.compare(Buffer.from(a), Buffer.from(b))));
    }),
    { numRuns: 5_000 },
  );
});
