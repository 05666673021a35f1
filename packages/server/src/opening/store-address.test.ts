import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { RekeyError } from '@rekey/core';
import { readConfig } from '../config/config.ts';

const PASSWORD = 'hunter2';
const OPEN = 'postgres://rekey@db.internal:6432/vault?sslmode=verify-full&schema=secrets';
const CLOSED = OPEN.replace('rekey@', `rekey:${PASSWORD}@`);

const wrongUse = (words: RegExp) => (error: unknown) =>
  error instanceof RekeyError &&
  error.reason === 'wrong-use' &&
  words.test(error.message) &&
  !error.message.includes(PASSWORD);

describe('where the store is', () => {
  let folder = '';
  after(() => rm(folder, { recursive: true, force: true }));

  const read = (flags: Parameters<typeof readConfig>[0], environment: Record<string, string> = {}) =>
    readConfig({ data: '/nowhere', ...flags }, environment);

  it('is the data folder, unless somebody names another place', async () => {
    assert.equal((await read({})).storeAddress, null);
    assert.equal((await read({}, { REKEY_STORE_URL: '' })).storeAddress, null);
  });

  it('is said by the command line first, then by the environment, then by rekey.yaml', async () => {
    folder = await mkdtemp(join(tmpdir(), 'rekey-config-'));
    await writeFile(join(folder, 'rekey.yaml'), 'store: { url: "postgres://in-file/db" }\n');
    const environment = { REKEY_STORE_URL: 'postgres://in-environment/db' };
    const placeOf = async (flags: object, from: Record<string, string>) =>
      (await read({ data: folder, ...flags }, from)).storeAddress?.place;
    assert.equal(await placeOf({}, {}), 'in-file:5432/db');
    assert.equal(await placeOf({}, environment), 'in-environment:5432/db');
    assert.equal(await placeOf({ store: OPEN }, environment), 'db.internal:6432/vault');
  });

  it('may hold the password in the environment only', async () => {
    const address = (await read({}, { REKEY_STORE_URL: CLOSED })).storeAddress!;
    assert.equal(address.hasPassword, true);
    await assert.rejects(read({ store: CLOSED }), wrongUse(/^--store must not hold the password/));
    await assert.rejects(read({ store: `${OPEN}&password=${PASSWORD}` }), wrongUse(/^--store must not/));
    await writeFile(join(folder, 'rekey.yaml'), `store: { url: "${CLOSED}" }\n`);
    await assert.rejects(read({ data: folder }), wrongUse(/^store\.url in rekey\.yaml must not/));
  });

  it('is told without the password, whole enough to connect once that is known', async () => {
    const config = await read({}, { REKEY_STORE_URL: CLOSED });
    assert.doesNotMatch(JSON.stringify(config), /hunter2/);
    const { storeAddress } = config;
    assert.equal(storeAddress!.withoutPassword(), OPEN);
    assert.equal(storeAddress!.schema, 'secrets');
    assert.ok(!storeAddress!.connectionString().includes('schema'), 'pg is not told of what it does not know');
  });

  it('is refused when it cannot be meant, without being repeated', async () => {
    for (const store of [`mysql://rekey:${PASSWORD}@db/x`, `rekey:${PASSWORD}@db`, '%'])
      await assert.rejects(read({}, { REKEY_STORE_URL: store }), wrongUse(/postgres:\/\//));
    await assert.rejects(read({ store: 'postgres://db/x?schema=a"b' }), wrongUse(/schema/));
    await assert.rejects(read({ store: OPEN, dev: true }), wrongUse(/--dev/));
  });

  it('is nowhere with --dev, whatever the environment says', async () => {
    assert.equal((await read({ dev: true }, { REKEY_STORE_URL: CLOSED })).storeAddress, null);
  });
});
