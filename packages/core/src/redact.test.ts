import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { leaks, REDACTED, redactor, SHORTEST_REDACTED, secretStrings } from './redact.ts';

const secret = fc
  .string({ unit: 'grapheme', minLength: SHORTEST_REDACTED, maxLength: 40 })
  .filter((text) => text.isWellFormed());
const surroundings = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((text) => text.isWellFormed());

const forms: Readonly<Record<string, (before: string, secret: string, after: string) => string>> = {
  plain: (before, text, after) => before + text + after,
  'JSON-escaped': (before, text, after) => JSON.stringify({ before, text, after }),
  'JSON inside JSON': (before, text, after) => JSON.stringify(JSON.stringify({ before, text, after })),
  'URL-encoded': (before, text, after) => `${before}?password=${encodeURIComponent(text)}&${after}`,
  'form-encoded': (before, text, after) => new URLSearchParams({ before, text, after }).toString(),
  'base64 inside a longer text': (before, text, after) => Buffer.from(before + text + after).toString('base64'),
  'base64url inside a longer text': (before, text, after) => Buffer.from(before + text + after).toString('base64url'),
  'lower-case hex': (before, text, after) => Buffer.from(before + text + after).toString('hex'),
  'upper-case hex': (before, text, after) =>
    Buffer.from(before + text + after)
      .toString('hex')
      .toUpperCase(),
};

describe('a known secret', () => {
  for (const [name, write] of Object.entries(forms)) {
    it(`is found and removed when it stands ${name}`, () => {
      fc.assert(
        fc.property(surroundings, secret, surroundings, (before, text, after) => {
          const line = write(before, text, after);
          assert.notDeepEqual(leaks(line, [text]), []);
          assert.notEqual(redactor([text])(line), line);
        }),
      );
    });
  }

  it('leaves nothing behind that would still be found, unless the mark itself contains it', () => {
    fc.assert(
      fc.property(surroundings, fc.uuid(), surroundings, fc.constantFrom(...Object.keys(forms)), (a, text, b, form) => {
        assert.deepEqual(leaks(redactor([text])(forms[form]!(a, text, b)), [text]), []);
      }),
    );
  });

  it('that contains another is removed whole', () => {
    assert.equal(redactor(['secret', 'secret-and-more'])('x secret-and-more y'), `x ${REDACTED} y`);
  });

  it('shorter than the limit is left alone, and so is everything when there are no secrets', () => {
    assert.equal(redactor(['short'])('a short word'), 'a short word');
    assert.equal(redactor([])('text'), 'text');
  });

  it('with characters that mean something in patterns is taken literally', () => {
    assert.equal(redactor(['.*+?^$()|[]{x}\\/'])('plain text stays'), 'plain text stays');
    assert.equal(redactor(['a.*[b](c)'])('x a.*[b](c) y'), `x ${REDACTED} y`);
  });

  it('is removed however long it is: no pattern is refused as too large, by an error that would show it', () => {
    for (const length of [1_000, 1_001, 8_000, 60_000]) {
      const text = 'é/"%'.repeat(length / 4 + 1).slice(0, length);
      assert.equal(redactor([text, 'another-secret'])(`x ${text} another-secret y`), `x ${REDACTED} ${REDACTED} y`);
      assert.equal(redactor([text])(`x ${Buffer.from(text).toString('hex')} y`), `x ${REDACTED} y`);
    }
  });

  it('is removed where there are thousands of others', () => {
    const others = Array.from({ length: 3_000 }, (_, at) => `another secret ${at}`);
    assert.equal(redactor([...others, 'the-secret'])('x the-secret y'), `x ${REDACTED} y`);
  });

  it('is never named by what reports the leak', () => {
    assert.equal(JSON.stringify(leaks('has hunter2hunter2 in it', ['hunter2hunter2'])).includes('hunter2'), false);
  });
});

describe('the secret strings of a value', () => {
  it('are the text and what a JSON object hides in it, but not host and user name', () => {
    const text =
      '{"engine":"postgres","host":"db.example","username":"application","password":"p4ssw0rd!","more":{"token":"t0ken!!"}}';
    assert.deepEqual(secretStrings(text), [text, 'p4ssw0rd!', 't0ken!!']);
  });

  it('are found in JSON nested deeper than a stack is', () => {
    const text = `${'{"a":'.repeat(9_000)}"hunter2"${'}'.repeat(9_000)}`;
    assert.deepEqual(secretStrings(text), [text, 'hunter2']);
  });

  it('of a plain text, or of broken JSON, are the text', () => {
    assert.deepEqual(secretStrings('plain'), ['plain']);
    assert.deepEqual(secretStrings('{broken'), ['{broken']);
  });
});
