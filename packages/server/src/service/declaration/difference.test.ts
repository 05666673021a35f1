import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Json } from './declaration.ts';
import { type Change, differences, fingerprint, type Subject, type SubjectKind } from './difference.ts';

function subject(
  kind: SubjectKind,
  name: string,
  single: Subject['single'] = {},
  entries: Subject['entries'] = {},
): Subject {
  return { kind, name, single, entries };
}

function lines(changes: readonly Change[]): readonly string[] {
  return changes.map(({ action, kind, name, details }) => {
    const told = details.map(({ member, entry, before, after }) =>
      [member, ...(entry === null ? [] : [entry]), JSON.stringify(before) ?? '∅', JSON.stringify(after) ?? '∅'].join(
        ' ',
      ),
    );
    return [`${action} ${kind} ${name}`, ...told].join('; ');
  });
}

const CASES: readonly (readonly [
  string,
  readonly Subject[],
  readonly Subject[],
  readonly Subject[],
  readonly string[],
])[] = [
  ['nothing declared changes nothing', [], [subject('user', 'a')], [], []],
  ['what is as declared stays', [subject('user', 'a', { path: '/' })], [subject('user', 'a', { path: '/' })], [], []],
  ['who is not there is made', [subject('user', 'a', { path: '/x/' })], [], [], ['create user a; path ∅ "/x/"']],
  ['nobody is made with a boundary of none', [subject('user', 'a', { boundary: null })], [], [], ['create user a']],
  ['a name in other case is the same', [subject('role', 'Shop')], [subject('role', 'shop')], [], []],
  ['but not a secret’s', [subject('secret', 'Shop')], [subject('secret', 'shop')], [], ['create secret Shop']],
  [
    'the order of members is no difference',
    [subject('policy', 'p', { document: { a: 1, b: [{ c: 1, d: 2 }] } })],
    [subject('policy', 'p', { document: { b: [{ d: 2, c: 1 }], a: 1 } })],
    [],
    [],
  ],
  [
    'but the order in a list is',
    [subject('policy', 'p', { document: [1, 2] })],
    [subject('policy', 'p', { document: [2, 1] })],
    [],
    ['change policy p; document [2,1] [1,2]'],
  ],
  [
    'members that are not declared stay',
    [subject('user', 'a')],
    [subject('user', 'a', {}, { tags: { k: 'v' } })],
    [],
    [],
  ],
  [
    'a declared member is the whole of it, and what goes stands first',
    [subject('user', 'a', {}, { tags: { new: '1', same: '2' } })],
    [subject('user', 'a', {}, { tags: { old: '0', same: '2' } })],
    [],
    ['change user a; tags old "0" ∅; tags new ∅ "1"'],
  ],
  [
    'entries may be called as members of objects are',
    [subject('user', 'constructor', {}, { tags: Object.fromEntries([['__proto__', 'x']]) })],
    [subject('user', 'constructor', {}, { tags: {} })],
    [],
    ['change user constructor; tags __proto__ ∅ "x"'],
  ],
  [
    'what refers is made after what it refers to, and goes before it',
    [subject('role', 'r'), subject('user', 'u'), subject('group', 'g'), subject('policy', 'p')],
    [],
    [subject('policy', 'old'), subject('user', 'old', {}, { groups: { dev: true } })],
    [
      ...['create policy p', 'create group g', 'create user u', 'create role r'],
      ...['delete user old; groups dev true ∅', 'delete policy old'],
    ],
  ],
  [
    'a role is made after the one it trusts',
    [subject('role', 'a', { trust: { AWS: 'arn:aws:iam::000000000000:role/b' } }), subject('role', 'b')],
    [],
    [],
    ['create role b', 'create role a; trust ∅ {"AWS":"arn:aws:iam::000000000000:role/b"}'],
  ],
];

describe('the difference to what is declared', () => {
  for (const [promise, declared, present, undeclared, expected] of CASES)
    test(promise, () => {
      assert.deepEqual(lines(differences(declared, present, undeclared)), expected);
    });

  test('is none to what is there, whatever that is', () => {
    const single = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>);
    const kind = fc.constantFrom<SubjectKind>('policy', 'provider', 'group', 'user', 'role', 'secret');
    const any = fc.record({ kind, name: fc.string(), single, entries: fc.dictionary(fc.string(), single) });
    const key = (made: Subject) => `${made.kind}/${made.name.toLowerCase()}`;
    fc.assert(
      fc.property(fc.uniqueArray(any, { selector: key, maxLength: 4 }), (subjects) => {
        assert.deepEqual(differences(subjects, subjects), []);
      }),
    );
  });

  test('has another fingerprint when anything else is to be changed', () => {
    const [one, other] = ['/x/', '/y/'].map((path) => differences([subject('user', 'a', { path })], []));
    assert.equal(fingerprint(one!), fingerprint([...one!]));
    assert.notEqual(fingerprint(one!), fingerprint(other!));
  });
});
