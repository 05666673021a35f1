import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { flag, integer, list, required, structure, text } from '../aws-shapes/shape.ts';
import { formText, parseForm } from './form.ts';
import { readInput } from './read-input.ts';

const INPUT = structure({
  Name: required(text({ min: 1, max: 5 })),
  Count: integer(1, 10),
  On: flag,
  Tags: list(structure({ Key: required(text({})), Value: text({}) }), undefined, 2),
  Names: list(text({ pattern: '[a-z]+' })),
});

function read(form: string): unknown {
  return JSON.parse(JSON.stringify(readInput(parseForm(form), INPUT)));
}

describe('forms', () => {
  test('become nested input', () => {
    const form = 'Name=a+b&Count=7&On=TRUE&Tags.member.2.Key=y&Tags.member.1.Key=x&Tags.member.1.Value=%C3%A9&Other=1';
    assert.deepEqual(read(form), {
      Name: 'a b',
      Count: 7,
      On: true,
      Tags: [{ Key: 'x', Value: 'é' }, { Key: 'y' }],
    });
  });

  test('know an empty list, and sort items by number', () => {
    assert.deepEqual(read('Name=a&Tags='), { Name: 'a', Tags: [] });
    const names = Array.from({ length: 12 }, (_, index) => `Names.member.${12 - index}=${'abcdefghijkl'[11 - index]}`);
    assert.deepEqual(read(`Name=a&${names.join('&')}`), { Name: 'a', Names: [...'abcdefghijkl'] });
  });

  test('that break the model are told every constraint at once', () => {
    assert.throws(() => read('Name=toolong&Count=11&Names.member.1=A'), {
      wireCode: 'ValidationError',
      text: "3 validation errors detected: Value 'toolong' at 'name' failed to satisfy constraint: Member must have length less than or equal to 5; Value '11' at 'count' failed to satisfy constraint: Member must have value less than or equal to 10; Value 'A' at 'names.1.member' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-z]+",
      message:
        'name: Member must have length less than or equal to 5; count: Member must have value less than or equal to 10; names.1.member: Member must satisfy regular expression pattern: [a-z]+',
    });
  });

  test('that are no UTF-8 are refused', () => {
    assert.throws(() => formText(Uint8Array.of(0x41, 0xff)), { wireCode: 'MalformedQueryString' });
    assert.throws(() => parseForm('a=%ff'), { wireCode: 'MalformedQueryString' });
  });

  test('give back what was put in', () => {
    const fields = fc.uniqueArray(fc.tuple(fc.stringMatching(/^[A-Za-z_]{1,10}$/), fc.string()), {
      selector: ([name]) => name,
    });
    fc.assert(
      fc.property(fields, (parameters) => {
        const { below } = parseForm(String(new URLSearchParams(Object.fromEntries(parameters))));
        for (const [name, value] of parameters) assert.equal(below.get(name)?.value, value.toWellFormed());
      }),
    );
  });
});
