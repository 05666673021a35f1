import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { fakeKms, fakeVault } from '../packages/server/src/seal/seals.testing.ts';
import { atEnd } from './support/cleanup.ts';
import { rootClient, textOf } from './support/clients.ts';
import { assertSentence } from './support/sentences.ts';
import { runRekey, startServer, temporaryFolder } from './support/server.ts';
import { until } from './support/until.ts';

const PASSPHRASE = 'brittle lantern over seven quiet hills';
const TOKEN = 'hvs.a-token-for-the-end-to-end-test';

async function keyService(test: TestContext, service: ReturnType<typeof fakeKms>, key: string) {
  service.addKey(key);
  await service.start();
  atEnd(test, () => service.stop());
  return service;
}

describe('a store sealed by something else than a key file', () => {
  test('is made, served, backed up and restored with a passphrase, which is never told', async (context) => {
    const folder = await temporaryFolder(context);
    const [dataFolder, file] = [join(folder, 'data'), join(folder, 'passphrase')];
    await writeFile(file, `${PASSPHRASE}\n`, { mode: 0o600 });
    const made = await runRekey(['init', '--data', dataFolder, '--seal', 'passphrase', '--passphrase-file', file]);
    assert.equal(made.code, 0, made.err);
    assert.match(made.out, /sealed by the passphrase in .*passphrase/);
    assert.match(await readFile(join(dataFolder, 'rekey.yaml'), 'utf8'), /kind: "passphrase"/);

    const server = await startServer({ dataFolder, test: context });
    await runRekey(['secret', 'put', 'kept', '--data', dataFolder], { input: 'what is kept' });
    const backup = join(folder, 'backup');
    assert.equal((await runRekey(['backup', backup, '--data', dataFolder])).code, 0);
    assert.equal(await server.stop(), 0);

    const other = join(folder, 'other');
    await writeFile(other, 'quite another passphrase', { mode: 0o600 });
    const wrong = ['restore', backup, '--data', join(folder, 'no'), '--seal', 'passphrase', '--passphrase-file', other];
    assertSentence(await runRekey(wrong), 1, /is not the one of this store/);
    assertSentence(await runRekey(wrong.slice(0, 4)), 1, /sealed by "passphrase", not by the key file/);

    const restored = join(folder, 'restored');
    const environment = { REKEY_SEAL: 'passphrase', REKEY_PASSPHRASE: PASSPHRASE };
    const back = await runRekey(['restore', backup, '--data', restored], { environment });
    assert.equal(back.code, 0, back.err);
    const again = await startServer({ dataFolder: restored, environment, test: context });
    assert.equal(await textOf(rootClient(again.endpoint), 'kept'), 'what is kept');
    assert.ok(!`${server.output()}${again.output()}${back.out}${made.out}`.includes(PASSPHRASE));
  });

  test('goes on reading while AWS KMS is away, and says so when it cannot start without', async (context) => {
    const kms = await keyService(context, fakeKms(), 'alias/rekey');
    const dataFolder = join(await temporaryFolder(context), 'data');
    const environment = {
      ...{ REKEY_SEAL: 'aws-kms', REKEY_KMS_KEY: 'alias/rekey', AWS_REGION: 'us-east-1' },
      ...{ AWS_ENDPOINT_URL_KMS: kms.endpoint, AWS_ACCESS_KEY_ID: 'AKIATEST', AWS_SECRET_ACCESS_KEY: 'of the test' },
    };
    const server = await startServer({ dataFolder, environment, test: context });
    const client = rootClient(server.endpoint);
    await client.call('CreateSecret', { Name: 'one', SecretString: 'before' });
    await kms.stop();
    assert.equal(await textOf(client, 'one'), 'before');
    await client.call('PutSecretValue', { SecretId: 'one', SecretString: 'after' });
    assert.equal(await textOf(client, 'one'), 'after');
    assert.equal(await server.stop(), 0);
    const refused = await runRekey(['serve', '--data', dataFolder, '--listen', '127.0.0.1:0'], { environment });
    assertSentence(refused, 1, /AWS KMS .*alias\/rekey.* does not answer \(ECONNREFUSED\)/);
    await kms.start();
    const again = await startServer({ dataFolder, environment, test: context });
    assert.equal(await textOf(rootClient(again.endpoint), 'one'), 'after');
  });

  test('is opened through Vault’s transit engine as rekey.yaml says', async (context) => {
    const vault = await keyService(context, fakeVault(TOKEN), 'rekey');
    const folder = await temporaryFolder(context);
    const [config, token, dataFolder] = [join(folder, 'rekey.yaml'), join(folder, 'token'), join(folder, 'data')];
    await writeFile(token, TOKEN, { mode: 0o600 });
    await writeFile(config, `seal:\n  kind: vault-transit\n  address: ${vault.endpoint}\n  tokenFile: ${token}\n`);
    const server = await startServer({ dataFolder, environment: { REKEY_CONFIG: config }, test: context });
    await rootClient(server.endpoint).call('CreateSecret', { Name: 'one', SecretString: 'kept' });
    // The command line finds the seal in the note of the running server.
    const shown = await runRekey(['secret', 'get', 'one', '--data', dataFolder]);
    assert.equal(shown.out, 'kept\n', shown.err);
    assert.equal(await server.stop(), 0);
    await writeFile(token, 'hvs.revoked');
    const refused = await runRekey(['serve', '--data', dataFolder, '--config', config, '--listen', '127.0.0.1:0']);
    assertSentence(refused, 1, /refused rekey's token/);
  });
});

describe('keys are changed while a server runs', () => {
  test('by a new DEK, and by a passphrase that takes over from the key file at the next start', async (context) => {
    const folder = await temporaryFolder(context);
    const [dataFolder, file] = [join(folder, 'data'), join(folder, 'passphrase')];
    await writeFile(file, PASSPHRASE, { mode: 0o600 });
    const server = await startServer({ dataFolder, test: context });
    const client = rootClient(server.endpoint);
    await client.call('CreateSecret', { Name: 'one', SecretString: 'kept' });
    const rotated = await runRekey(['keys', 'rotate', '--wait', '--data', dataFolder]);
    assert.equal(rotated.code, 0, rotated.err);
    assert.match(rotated.out, /^key 2, made [^(]*$/m);
    const wish = ['keys', 'rewrap', '--data', dataFolder, '--seal', 'passphrase', '--passphrase-file', file];
    const wrapped = await runRekey(wish);
    assert.equal(wrapped.code, 0, wrapped.err);
    assert.match(wrapped.out, /opens the store, too/);
    assertSentence(await runRekey(wish), 1, /handed over to another seal already/);
    assert.equal(await textOf(client, 'one'), 'kept');
    assert.equal(await server.stop(), 0);

    const words = ['--seal', 'passphrase', '--passphrase-file', file];
    const again = await startServer({ dataFolder, words, test: context });
    const handedOver = await until(async () => {
      const { rewrap } = await rootClient(again.endpoint).native('GET', '/rekey/keys');
      return rewrap === null ? true : null;
    });
    assert.ok(handedOver);
    assert.equal(await textOf(rootClient(again.endpoint), 'one'), 'kept');
    assert.equal(await again.stop(), 0);
    const refused = await runRekey(['serve', '--data', dataFolder, '--listen', '127.0.0.1:0']);
    assertSentence(refused, 1, /sealed by "passphrase", not by the key file/);
  });
});
