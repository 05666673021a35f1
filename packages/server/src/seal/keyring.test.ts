import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { RekeyError } from '@rekey/core';
import { Keyring } from './keyring.ts';
import { copyKeyFile, createKeyFile, LocalKeySeal, readKeyFile } from './local-key.ts';

const plain = Buffer.from('value');
const failsWith = (reason: string) => (error: unknown) => error instanceof RekeyError && error.reason === reason;
const unopenable = failsWith('decryption-failed');

describe('a keyring', () => {
  it('opens what it sealed, for the same purpose and thing only', () => {
    const keyring = Keyring.create('store', 0);
    const envelope = keyring.seal('value', 's1/v1', plain);
    assert.deepEqual(Buffer.from(keyring.open('value', 's1/v1', envelope)), plain);
    assert.throws(() => keyring.open('secret', 's1/v1', envelope), unopenable);
    assert.throws(() => keyring.open('value', 's1/v2', envelope), unopenable);
    assert.throws(() => keyring.open('value', 's1/v1', Buffer.from('short')), unopenable);
  });

  it('keeps purpose and thing apart, however they are spelt', () => {
    const keyring = Keyring.create('store', 0);
    const envelope = keyring.seal('a', 'bc', plain);
    assert.throws(() => keyring.open('ab', 'c', envelope), unopenable);
    assert.throws(() => keyring.seal('a\0b', 'c', plain), failsWith('bug'));
  });

  it('opens nothing of another store', () => {
    const envelope = Keyring.create('store', 0).seal('value', 'x', plain);
    assert.throws(() => Keyring.create('store', 0).open('value', 'x', envelope), unopenable);
  });

  it('seals with its newest key and still opens what the older ones sealed', () => {
    const old = Keyring.create('store', 1);
    const renewed = old.renewed(2);
    const before = old.seal('value', 'x', plain);
    const since = renewed.seal('value', 'x', plain);
    assert.equal(renewed.activeSince, 2);
    assert.deepEqual(Buffer.from(renewed.open('value', 'x', before)), plain);
    assert.deepEqual([renewed.isOutdated(before), renewed.isOutdated(since)], [true, false]);
    assert.throws(() => old.open('value', 'x', since), unopenable);
    assert.equal(renewed.opaque('name', 'a'), old.opaque('name', 'a'));
  });

  it('makes opaque ids that differ by namespace and store, and do not tell the text', () => {
    const keyring = Keyring.create('store', 0);
    const id = keyring.opaque('name', 'prod/db');
    assert.match(id, /^[\w-]{32}$/);
    assert.equal(keyring.opaque('name', 'prod/db'), id);
    const others = [keyring.opaque('target', 'prod/db'), keyring.opaque('nam', 'eprod/db')];
    assert.ok(!others.includes(id) && Keyring.create('store', 0).opaque('name', 'prod/db') !== id);
  });
});

describe('a keyring wrapped by a key file', () => {
  let folder: string;
  let seal: LocalKeySeal;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rekey-key-'));
    seal = new LocalKeySeal(join(folder, 'key'));
    await seal.prepare();
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('comes back whole', async () => {
    const keyring = Keyring.create('store', 1).renewed(2);
    const again = await Keyring.unwrap(JSON.parse(JSON.stringify(await keyring.wrap(seal))), seal);
    assert.deepEqual(Buffer.from(again.open('value', 'x', keyring.seal('value', 'x', plain))), plain);
    assert.deepEqual([again.storeId, again.activeSince], ['store', 2]);
    assert.equal(again.opaque('name', 'a'), keyring.opaque('name', 'a'));
  });

  it('is bound to its store, its seal and its key', async () => {
    const record = await Keyring.create('store', 1).wrap(seal);
    await assert.rejects(Keyring.unwrap({ ...record, storeId: 'other' }, seal), failsWith('keyring-altered'));
    await assert.rejects(Keyring.unwrap({ ...record, seal: 'aws-kms' }, seal), failsWith('other-seal'));
    const other = new LocalKeySeal(join(folder, 'other'));
    await other.prepare();
    await assert.rejects(Keyring.unwrap(record, other), failsWith('wrong-key'));
  });

  it('can be wrapped again by another key', async () => {
    const keyring = await Keyring.unwrap(await Keyring.create('store', 1).wrap(seal), seal);
    const next = new LocalKeySeal(join(folder, 'next'));
    await next.prepare();
    const moved = await Keyring.unwrap(await keyring.wrap(next), next);
    assert.equal(moved.opaque('name', 'a'), keyring.opaque('name', 'a'));
  });

  it('never overwrites a key file, and copies only a valid one', async () => {
    assert.throws(() => createKeyFile(seal.file), failsWith('key-file-exists'));
    const copy = join(folder, 'copy');
    copyKeyFile(seal.file, copy);
    assert.ok(readKeyFile(copy).equals(readKeyFile(seal.file)));
    await writeFile(join(folder, 'bad'), `${'0'.repeat(63)}x\n`, { mode: 0o600 });
    assert.throws(() => copyKeyFile(join(folder, 'bad'), join(folder, 'copy of bad')), failsWith('key-file-malformed'));
    assert.throws(() => createKeyFile(join(folder, 'no', 'such', 'key')), failsWith('key-file-unwritable'));
  });
});
