import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { SecretRecord } from '@rekey/core';
import fc from 'fast-check';
import { type Filter, type FilterKey, secretTest, wordsOf } from './filters.ts';

function secret(name: string, description: string | null = null, tags: Readonly<Record<string, string>> = {}) {
  const pairs = Object.entries(tags).map(([key, value]) => ({ key, value }));
  return { name, description, tags: pairs } as unknown as SecretRecord;
}

const passes = (filters: readonly Filter[], found: SecretRecord) => secretTest(filters)(found);

describe('a filter', () => {
  const DB = secret('prod/AppBeta-db', 'Holds an secret of the APP', { Team: 'Blue Sky', env: 'prod' });
  const CASES: readonly [FilterKey, readonly string[], boolean][] = [
    ['name', ['prod'], true],
    ['name', ['prod/AppBeta-db'], true],
    ['name', ['Prod'], false],
    ['name', ['AppBeta'], false],
    ['name', ['prod AppBeta'], false],
    ['name', ['/'], false],
    ['name', ['x', 'prod'], true],
    ['name', ['!prod'], false],
    ['name', ['!x'], true],
    ['name', ['!prod', 'prod'], true],
    ['tag-key', ['Te'], true],
    ['tag-key', ['team'], false],
    ['tag-key', ['!Te'], false],
    ['tag-value', ['Blue S'], true],
    ['tag-value', ['Sky'], false],
    ['description', ['a secret'], true],
    ['description', ['SECRET'], true],
    ['description', ['holds app'], true],
    ['description', ['ecret'], false],
    ['description', ['!holds'], false],
    ['description', ['-'], false],
    ['all', ['Beta'], true],
    ['all', ['beta'], true],
    ['all', ['appbeta'], false],
    ['all', ['sky'], true],
    ['all', ['TEAM'], true],
    ['all', ['db blue'], true],
    ['all', ['ky'], false],
    ['all', ['/'], false],
    ['all', ['!nothing'], true],
    ['primary-region', ['us-east-1'], false],
    ['owning-service', ['rds'], false],
  ];
  for (const [key, values, expected] of CASES)
    test(`${key} ${JSON.stringify(values)} ${expected ? 'finds' : 'does not find'} it`, () => {
      assert.equal(passes([{ key, values }], DB), expected);
    });

  test('of a description finds “an secret”, but not “asecret”', () => {
    const filters: Filter[] = [{ key: 'description', values: ['a secret'] }];
    assert.ok(passes(filters, secret('x', 'an secret')));
    assert.ok(!passes(filters, secret('x', 'asecret')));
  });

  test('of a name that begins with a slash finds those names', () => {
    assert.ok(passes([{ key: 'name', values: ['/'] }], secret('/a')));
  });

  test('must all pass, also of the same key', () => {
    const two = (other: string): Filter[] => [
      { key: 'name', values: ['prod'] },
      { key: 'name', values: [other] },
    ];
    assert.ok(passes(two('prod/App'), DB));
    assert.ok(!passes(two('test'), DB));
  });
});

test('words end at punctuation and where capitals begin; a run of capitals is one word', () => {
  assert.deepEqual(wordsOf('my-AppBeta_v2/ABCdef.x@y=z'), ['my', 'app', 'beta', 'v2', 'abcdef', 'x', 'y', 'z']);
  assert.deepEqual(wordsOf('--//  '), []);
});

test('a negated value finds exactly what the value does not find', () => {
  const text = fc.string({ unit: fc.constantFrom(...'aAbB-/ 1'), maxLength: 8 });
  const keys = fc.constantFrom<FilterKey>('name', 'description', 'tag-key', 'tag-value', 'all');
  fc.assert(
    fc.property(keys, text, text, text, text, (key, value, name, description, tag) => {
      const found = secret(name, description, { [tag]: description });
      const plain = value.startsWith('!') ? value.slice(1) : value;
      const [positive, negative] = [plain, `!${plain}`].map((one) => passes([{ key, values: [one] }], found));
      assert.notEqual(positive, negative);
    }),
  );
});
