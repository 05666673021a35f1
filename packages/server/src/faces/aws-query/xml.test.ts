import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parseXml } from '../aws-iam/testing.ts';
import { elements, escapeXml } from './xml.ts';

describe('XML', () => {
  test('has members for lists, entries for maps, whole seconds for times, and nothing for nothing', () => {
    const xml = elements({
      Text: 'a',
      Number: 7,
      Flag: false,
      Time: new Date(1_767_225_600_789),
      Nothing: null,
      None: undefined,
      List: ['x', { Inner: 'y' }],
      Empty: [],
      Map: new Map([['k', 1]]),
    });
    assert.equal(
      xml,
      '<Text>a</Text><Number>7</Number><Flag>false</Flag><Time>2026-01-01T00:00:00Z</Time><List><member>x</member><member><Inner>y</Inner></member></List><Empty></Empty><Map><entry><key>k</key><value>1</value></entry></Map>',
    );
  });

  test('carries every text that XML can say, and no text gets out of its element', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const escaped = escapeXml(text);
        assert.doesNotMatch(escaped, /[<>"\r]|&(?!amp;|lt;|gt;|quot;|#xD;)/);
        const sayable = text
          .toWellFormed()
          .replace(/[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd');
        assert.equal(parseXml(escaped), sayable);
      }),
      { numRuns: 2_000 },
    );
  });
});
