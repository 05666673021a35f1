import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { Keyring } from '../seal/keyring.ts';
import { leakedTexts, MOST_PARTS, partsOf } from './fingerprint-parts.ts';
import { fingerprintOf, MOST_PLACES } from './fingerprints.ts';
import { MemoryDriver } from './memory.ts';
import { Store } from './store.ts';
import { openMemoryStore } from './testing.ts';

const text = (given: unknown) =>
  ({ kind: 'text', text: typeof given === 'string' ? given : JSON.stringify(given) }) as const;
const named = (given: unknown) => partsOf(text(given)).map(({ part }) => part);

describe('the parts of a value', () => {
  it('are the whole and the password, not what merely describes a database', () => {
    const database = {
      engine: 'postgres',
      host: 'orders.c9x8w7v6u5t4.eu-central-1.rds.amazonaws.com',
      port: 5432,
      username: 'application_user_of_orders_2024',
      password: 'kX8vQ2mZ7rT4wY1p',
      dbname: 'orders',
      masterarn: 'arn:aws:secretsmanager:us-east-1:000000000000:secret:admin-AbCdEf',
    };
    assert.deepEqual(named(database), ['value', 'password']);
  });

  it('are found by name, by looks, inside of arrays and in addresses', () => {
    assert.deepEqual(named({ stripe: { apiKey: 'sk-123' }, keys: ['Zq8#kP2v!Lm9xT4w', 'short'] }), [
      'value',
      'stripe.apiKey',
      'keys.0',
    ]);
    assert.deepEqual(partsOf(text('postgres://app:s%40cret7@db.internal/orders')), [
      { part: 'value', text: 'postgres://app:s%40cret7@db.internal/orders' },
      { part: 'value (password)', text: 's@cret7' },
    ]);
  });

  it('are passwords up to the last @, whatever colons they hold', () => {
    assert.deepEqual(partsOf(text('amqp://app:a:b@c:cret7@queue.internal'))[1], {
      part: 'value (password)',
      text: 'a:b@c:cret7',
    });
  });

  // Where a pattern can share out a text between its parts in many ways, this takes minutes, and is cut off.
  it('are looked for in a value of colons like in any other', () => {
    const colons = `https://${':'.repeat(200_000)}`;
    const work = () => partsOf(text(colons)).map(({ part }) => part);
    assert.deepEqual(runInNewContext('work()', { work }, { timeout: 10_000 }), ['value']);
  });

  it('leave out what is too short or too plain to be told from other things', () => {
    assert.deepEqual(
      named({ password: 'abc12', note: 'the quick brown fox jumps', state: 'aaaaaaaaaaaaaaaaaaaaaaaa' }),
      ['value'],
    );
  });

  it('of one value are few, whatever it is', () => {
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`token${at}`, `value-of-${at}`]));
    assert.equal(partsOf(text(many)).length, 1 + MOST_PARTS);
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (given) => {
        const parts = partsOf(text(given));
        assert.ok(parts.length >= 1 && parts.length <= 1 + MOST_PARTS);
        assert.equal(new Set(parts.map((part) => part.text)).size, parts.length);
      }),
    );
  });

  it('are met by a leaked text, however it was copied', () => {
    const whole = partsOf(text({ b: 1, a: 'x' }))[0]!.text;
    assert.ok(leakedTexts('{ "a": "x",\n "b": 1 }\n').includes(whole));
    assert.ok(leakedTexts('  "pass\\"word"\n').includes('pass"word'));
    assert.ok(leakedTexts('{"password":"correct-horse"}').includes('correct-horse'));
    assert.ok(leakedTexts('p%40ss%2Fword').includes('p@ss/word'));
    assert.ok(leakedTexts(Buffer.from('{"password":"correct-horse"}').toString('base64')).includes('correct-horse'));
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (given) => {
        for (const part of partsOf(text(given))) assert.ok(leakedTexts(given).includes(part.text));
      }),
    );
  });

  it('of JSON nested without end are the text as it stands, which a leaked copy meets', () => {
    for (const [opening, closing] of [
      ['[', ']'],
      ['{"a":', '}'],
    ] as const) {
      const deep = `${opening.repeat(9_000)}1${closing.repeat(9_000)}`;
      const [whole] = partsOf({ kind: 'text', text: deep });
      assert.equal(whole?.text, deep);
      assert.ok(leakedTexts(` ${deep}\n`).includes(deep));
    }
  });

  it('of bytes are found as text, or as AWS prints them', () => {
    assert.equal(partsOf({ kind: 'binary', bytes: Buffer.from('plain') })[0]?.text, 'plain');
    const bytes = Uint8Array.of(0xff, 0xfe, 0x00);
    assert.equal(partsOf({ kind: 'binary', bytes })[0]?.text, Buffer.from(bytes).toString('base64'));
  });

  it('are found in base64 of any writing: in lines, without padding, in the alphabet of addresses', () => {
    const bytes = Buffer.from(Array.from({ length: 100 }, (_, at) => 0xff - at));
    const [whole] = partsOf({ kind: 'binary', bytes });
    const lines = bytes.toString('base64').replaceAll(/.{76}/g, '$&\n');
    for (const written of [`${lines}\n`, lines.replaceAll('\n', '\r\n'), bytes.toString('base64url')])
      assert.ok(leakedTexts(written).includes(whole!.text), written);
    const manifest = Buffer.from(
      JSON.stringify({ password: 'correct-horse', note: 'of a length that takes two lines' }),
    );
    assert.ok(leakedTexts(manifest.toString('base64').replaceAll(/.{64}/g, '$&\n')).includes('correct-horse'));
  });
});

describe('the index of fingerprints', () => {
  const find = async (store: Store, wanted: string) =>
    (await store.get('fingerprint', fingerprintOf(store, wanted)))?.record.places.map(
      ({ secretId, versionId }) => `${secretId}/${versionId}`,
    ) ?? [];

  it('knows every version that held a value, also after it was dropped', async () => {
    const store = await openMemoryStore();
    const record = text({ password: 'correct-horse' });
    await store.commit([{ collection: 'value', id: 's1/v1', record }]);
    await store.commit([
      { collection: 'value', id: 's2/v1', record },
      { collection: 'value', id: 's2/v2', record: text('other') },
    ]);
    await store.commit([{ collection: 'value', id: 's1/v1', record: null }]);
    assert.deepEqual(await find(store, 'correct-horse'), ['s1/v1', 's2/v1']);
  });

  it('loses none of the places that are written at the same moment', async () => {
    const store = await openMemoryStore();
    const record = text('the same everywhere');
    await Promise.all(['a', 'b', 'c', 'd'].map((id) => store.commit([{ collection: 'value', id: `${id}/v`, record }])));
    assert.deepEqual([...(await find(store, 'the same everywhere'))].sort(), ['a/v', 'b/v', 'c/v', 'd/v']);
  });

  it('is written with the value or not at all', async () => {
    const store = await openMemoryStore();
    const stale = { collection: 'value', id: 's1/v1', record: text('never written'), expect: 7 } as const;
    await assert.rejects(store.commit([stale]));
    assert.deepEqual(await find(store, 'never written'), []);
  });

  it('stays small for a value that stands everywhere, and says that there is more', async () => {
    const store = await openMemoryStore();
    for (let at = 0; at < MOST_PLACES + 3; at += 1)
      await store.commit([{ collection: 'value', id: `s${at}/v`, record: text('changeme') }]);
    const found = await store.get('fingerprint', fingerprintOf(store, 'changeme'));
    assert.equal(found?.record.places.length, MOST_PLACES);
    assert.equal(found?.record.more, true);
  });

  it('tells a thief of the store neither value nor who shares it, and is another under other keys', async () => {
    const seen: string[] = [];
    class Spy extends MemoryDriver {
      override commit(batch: Parameters<MemoryDriver['commit']>[0]) {
        for (const { collection, id, index, body } of batch.writes)
          if (collection === 'fingerprint')
            seen.push(id, JSON.stringify(index), Buffer.from(body ?? []).toString('latin1'));
        return super.commit(batch);
      }
    }
    const store = new Store({ driver: new Spy(), keyring: Keyring.create('one', 0) });
    await store.commit([{ collection: 'value', id: 'secret-id/v1', record: text('correct horse') }]);
    assert.ok(seen.length > 0);
    assert.doesNotMatch(seen.join('\n'), /correct|horse|secret-id/);
    assert.notEqual(fingerprintOf(store, 'a'), fingerprintOf(await openMemoryStore(), 'a'));
  });
});
