import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RotatorError, systemRandom } from '@rekey/core';
import fc from 'fast-check';
import { markIn, standingOf, withMark } from './postgres-mark.ts';
import { alternateNameOf, LONGEST_NAME_BYTES, quoteIdentifier, quoteLiteral } from './postgres-names.ts';
import { actingRole, setStatement, settingChanges, splitQuotedList } from './postgres-settings.ts';
import { scramVerifier, verifierOfNoPassword } from './postgres-verifier.ts';

const roleName = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 63 })
  .filter((name) => Buffer.byteLength(name) <= LONGEST_NAME_BYTES);

describe('names in SQL', () => {
  test('an identifier is closed by nothing inside it', () => {
    fc.assert(
      fc.property(
        fc.string(),
        (name) => quoteIdentifier(name).slice(1, -1).replaceAll('""', '') === name.replaceAll('"', ''),
      ),
    );
  });

  test('a literal is closed by nothing inside it, with or without backslashes', () => {
    assert.equal(quoteLiteral("it's"), "'it''s'");
    assert.equal(quoteLiteral("\\'"), "E'\\\\'''");
    fc.assert(
      fc.property(
        fc.string(),
        (text) =>
          !/(^|[^'])'([^']|$)/.test(
            quoteLiteral(text)
              .replace(/^E?'|'$/g, '')
              .replaceAll("''", ''),
          ),
      ),
    );
  });

  test('the alternate name fits into 63 bytes, differs from the original, ends in _clone and splits no character', () => {
    fc.assert(
      fc.property(roleName, (name) => {
        const alternate = alternateNameOf(name);
        assert.ok(Buffer.byteLength(alternate) <= LONGEST_NAME_BYTES);
        assert.notEqual(alternate, name);
        assert.match(alternate, /_clone$/);
        assert.ok(!alternate.includes('\ufffd') || name.includes('\ufffd'));
      }),
    );
  });

  test('long names that begin alike have different alternates', () => {
    assert.notEqual(alternateNameOf(`${'a'.repeat(62)}b`), alternateNameOf(`${'a'.repeat(62)}c`));
    assert.equal(alternateNameOf('a'.repeat(57)), `${'a'.repeat(57)}_clone`);
  });
});

describe('the mark in the comment', () => {
  const mark = { secret: 'arn:s', fence: 12, alternateOf: null };

  test('is read back whatever people wrote before it, and what they wrote stays', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.nat(), (words, secret, fence) => {
        const once = withMark(words, { secret, fence, alternateOf: 'x' });
        assert.deepEqual(markIn(once), { secret, fence, alternateOf: 'x' });
        assert.equal(withMark(once, { secret, fence: fence + 1, alternateOf: 'x' }).startsWith(words), true);
      }),
    );
  });

  test('does not grow when it is written again', () => {
    const once = withMark('words', mark);
    assert.equal(withMark(once, mark), once);
    assert.equal(withMark(null, mark), '[rekey {"secret":"arn:s","fence":12}]');
  });

  test('is not seen in a comment that rekey did not write', () => {
    for (const comment of [
      null,
      '',
      'words',
      '[rekey nonsense]',
      '[rekey {"fence":1}]',
      '[rekey {"secret":"a","fence":"1"}]',
      '[rekey {}] later',
    ])
      assert.equal(markIn(comment), null);
  });

  test('lets the same and newer numbers of its own secret pass, and nothing older', () => {
    assert.equal(standingOf(mark, 'arn:s', 12).kind, 'ours');
    assert.equal(standingOf(mark, 'arn:s', 13).kind, 'ours');
    assert.deepEqual(standingOf(mark, 'arn:s', 11), { kind: 'superseded', fence: 12 });
    assert.equal(standingOf(mark, 'arn:t', 99).kind, 'foreign');
    assert.equal(standingOf(null, 'arn:s', 1).kind, 'unmarked');
  });
});

describe('settings of a role', () => {
  test('lists of names are split as the server flattens them', () => {
    assert.deepEqual(splitQuotedList('"$user", public, "a ""b"", c"'), ['$user', 'public', 'a "b", c']);
    assert.deepEqual(splitQuotedList('""'), ['']);
    assert.equal(
      setStatement('r', { database: 'd"b', name: 'search_path', value: '"$user", public' }),
      `ALTER ROLE "r" IN DATABASE "d""b" SET "search_path" TO '$user', 'public'`,
    );
    assert.equal(
      setStatement('r', { database: null, name: 'search_path', value: '' }),
      `ALTER ROLE "r" SET "search_path" TO ''`,
    );
    assert.equal(
      setStatement('r', { database: null, name: 'DateStyle', value: 'ISO, DMY' }),
      `ALTER ROLE "r" SET "DateStyle" TO 'ISO, DMY'`,
    );
  });

  test('a session of the alternate acts as the original unless the original itself acts as another', () => {
    assert.equal(actingRole('app', [], 'db'), 'app');
    assert.equal(actingRole('app', [{ database: null, name: 'role', value: 'none' }], 'db'), 'app');
    assert.equal(actingRole('app', [{ database: null, name: 'role', value: 'owners' }], 'db'), 'owners');
    assert.equal(actingRole('app', [{ database: 'db', name: 'role', value: 'owners' }], 'db'), 'owners');
    assert.equal(actingRole('app', [{ database: 'other', name: 'role', value: 'owners' }], 'db'), 'app');
  });

  test('applying the changes makes one list the other', () => {
    const setting = fc.record({
      database: fc.constantFrom(null, 'a', 'b'),
      name: fc.constantFrom('x', 'y', 'z'),
      value: fc.constantFrom('1', '2'),
    });
    const key = ({ database, name }: { database: string | null; name: string }) => `${database}/${name}`;
    const list = fc.uniqueArray(setting, { selector: key });
    fc.assert(
      fc.property(list, list, (wanted, held) => {
        const { set, reset } = settingChanges(wanted, held);
        const result = new Map<string, string>(held.map((one) => [key(one), one.value]));
        for (const one of reset) result.delete(key(one));
        for (const one of set) result.set(key(one), one.value);
        assert.deepEqual(
          new Map([...result].sort()),
          new Map(wanted.map((one) => [key(one), one.value] as const).sort()),
        );
      }),
    );
  });
});

describe('the verifier', () => {
  test('is the one RFC 7677 computes with', async () => {
    const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
    const verifier = await scramVerifier('pencil', { bytes: () => salt, below: () => 0 });
    const keys = 'WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=';
    assert.equal(verifier, `SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$${keys}`);
  });

  test('of a retired role is as well-formed as any, and no two are alike', () => {
    const [one, other] = [verifierOfNoPassword(systemRandom, 8192), verifierOfNoPassword(systemRandom, 8192)];
    assert.match(one, /^SCRAM-SHA-256\$8192:[A-Za-z0-9+/]{22}==\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=$/);
    assert.notEqual(one.split('$')[2], other.split('$')[2]);
  });

  test('is not made of characters that SASLprep might change', async () => {
    for (const password of ['pässword', 'nb\u00a0sp', '', 'line\nbreak'])
      await assert.rejects(
        scramVerifier(password, systemRandom),
        (error) => error instanceof RotatorError && error.class === 'rejected-value',
      );
  });
});
