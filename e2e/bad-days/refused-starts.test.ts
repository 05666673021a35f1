import assert from 'node:assert/strict';
import { chmod, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, type TestContext, test } from 'node:test';
import { assertSentence } from '../support/sentences.ts';
import { runRekey, startServer, temporaryFolder } from '../support/server.ts';

/** A data folder with a store that nobody runs on, and a start on it that is expected to be refused. */
async function stoppedFolder(context: TestContext) {
  const dataFolder = join(await temporaryFolder(context), 'data');
  assert.equal((await runRekey(['init', '--data', dataFolder])).code, 0);
  const serve = (...words: string[]) => runRekey(['serve', '--data', dataFolder, '--listen', '127.0.0.1:0', ...words]);
  return { dataFolder, keyFile: join(dataFolder, 'key'), serve };
}

describe('a server refuses to start, in one sentence that says what to do', { concurrency: 2 }, () => {
  test('without a store, unless it is told to make one', async (context) => {
    const folder = join(await temporaryFolder(context), 'data');
    assertSentence(await runRekey(['serve', '--data', folder]), 1, /There is no store at .*; run `rekey init --data/);
  });

  test('without its key file', async (context) => {
    const { keyFile, serve } = await stoppedFolder(context);
    await rm(keyFile);
    assertSentence(await serve(), 1, /The key file .* is missing; put it back/);
  });

  test('without the folder of the second escrow journal, whose disk may be absent', async (context) => {
    const { dataFolder, serve } = await stoppedFolder(context);
    const second = join(await temporaryFolder(context), 'other-disk');
    await writeFile(join(dataFolder, 'rekey.yaml'), `escrow: { secondFolder: ${second} }\n`);
    assertSentence(await serve(), 1, /escrow\.secondFolder\) is not there: mount its disk/);
    await mkdir(second, { mode: 0o700 });
    const server = await startServer({ dataFolder, test: context });
    assert.ok((await stat(join(second, 'escrow.journal'))).size > 0);
    assert.equal(await server.stop(), 0);
  });

  test('with --init too, when the key file of a store that is there is missing', async (context) => {
    const { keyFile, serve } = await stoppedFolder(context);
    await rm(keyFile);
    assertSentence(await serve('--init'), 1, /The key file .* is missing; put it back/);
  });

  test('with the key file of another store', async (context) => {
    const { keyFile, serve } = await stoppedFolder(context);
    const other = await stoppedFolder(context);
    await writeFile(keyFile, await readFile(other.keyFile));
    assertSentence(await serve(), 1, /key/i);
  });

  test('with a key file that is none', async (context) => {
    const { keyFile, serve } = await stoppedFolder(context);
    await writeFile(keyFile, 'nonsense');
    assertSentence(await serve(), 1, /key/i);
  });

  test('with a key file that others may read', async (context) => {
    const { keyFile, serve } = await stoppedFolder(context);
    await chmod(keyFile, 0o644);
    assertSentence(await serve(), 1, /chmod/);
  });

  test('on a store that a newer rekey wrote', async (context) => {
    const { dataFolder, serve } = await stoppedFolder(context);
    const db = new DatabaseSync(join(dataFolder, 'store.db'));
    db.exec('PRAGMA user_version = 999');
    db.close();
    assertSentence(await serve(), 1, /newer/);
  });

  test('on a file that is no store', async (context) => {
    const { dataFolder, serve } = await stoppedFolder(context);
    await writeFile(join(dataFolder, 'store.db'), 'this is not a store'.repeat(1_000));
    assertSentence(await serve(), 1, /not a rekey store|not a store|damaged/);
  });

  test('on a folder that another server runs on', async (context) => {
    const { dataFolder, serve } = await stoppedFolder(context);
    await startServer({ dataFolder, test: context });
    assertSentence(await serve(), 1, /in use by another rekey server/);
  });

  test('on a port that is taken', async (context) => {
    const { serve } = await stoppedFolder(context);
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    context.after(() => new Promise<void>((closed) => taken.close(() => closed())));
    const { port } = taken.address() as { port: number };
    assertSentence(await serve('--listen', `127.0.0.1:${port}`), 1, /already in use/);
  });

  test('with plain HTTP beyond loopback, unless that is asked for by name', async (context) => {
    const { dataFolder, serve } = await stoppedFolder(context);
    assertSentence(await serve('--listen', '0.0.0.0:0'), 2, /--tls-cert.*--insecure-http/);
    const words = ['--insecure-http'];
    const open = await startServer({ dataFolder, listen: '0.0.0.0:0', words, test: context });
    assert.match(open.endpoint, /^http:\/\/0\.0\.0\.0:\d+$/);
    assert.equal(await open.stop(), 0);
  });

  test('with settings that cannot be meant', async (context) => {
    const { dataFolder, serve } = await stoppedFolder(context);
    assertSentence(await serve('--listen', 'nowhere'), 2, /--listen takes HOST:PORT/);
    assertSentence(await serve('--log-level', 'loud'), 2, /--log-level takes one of/);
    assertSentence(await serve('--tls-cert', 'a.pem'), 2, /--tls-cert and --tls-key go together/);
    assertSentence(await serve('--tls-cert', 'a.pem', '--tls-key', 'b.pem'), 2, /a\.pem/);
    assertSentence(await serve('--trusted-proxy', '10.0.0.0/99'), 2, /10\.0\.0\.0\/99/);
    assertSentence(await serve('--config', '/nowhere.yaml'), 2, /nowhere\.yaml/);
    await writeFile(join(dataFolder, 'rekey.yaml'), 'listen: [');
    assertSentence(await serve(), 2, /is not YAML/);
    await writeFile(join(dataFolder, 'rekey.yaml'), 'lisen: 127.0.0.1:1\n');
    assertSentence(await serve(), 2, /lisen/);
    const weak = { REKEY_ROOT_ACCESS_KEY_ID: 'short', REKEY_ROOT_SECRET_ACCESS_KEY: 'short' };
    await rm(join(dataFolder, 'rekey.yaml'));
    assertSentence(
      await runRekey(['serve', '--data', dataFolder], { environment: weak }),
      2,
      /REKEY_ROOT_ACCESS_KEY_ID/,
    );
    const wrong = { REKEY_KILL_AT: 'lunch' };
    assertSentence(await runRekey(['serve', '--data', dataFolder], { environment: wrong }), 2, /REKEY_KILL_AT takes/);
  });

  test('and loses nothing of what it found', async (context) => {
    const { dataFolder, keyFile, serve } = await stoppedFolder(context);
    const first = await startServer({ dataFolder, test: context });
    await runRekey(['secret', 'put', 'kept', '--data', dataFolder], { input: 'the value' });
    await first.stop();
    const key = await readFile(keyFile);
    await rm(keyFile);
    await serve('--init');
    await writeFile(keyFile, key, { mode: 0o600 });
    const again = await startServer({ dataFolder, test: context });
    assert.equal((await runRekey(['secret', 'get', 'kept', '--data', dataFolder])).out, 'the value\n');
    assert.equal(await again.stop(), 0);
  });
});
