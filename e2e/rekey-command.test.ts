import assert from 'node:assert/strict';
import { chmod, cp, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { rootClient } from './support/clients.ts';
import { run } from './support/running.ts';
import { assertSentence } from './support/sentences.ts';
import {
  clientEnvironment,
  REKEY,
  ROOT_SECRET_ACCESS_KEY,
  runRekey,
  startServer,
  type TestServer,
  temporaryFolder,
} from './support/server.ts';
import { until } from './support/until.ts';

/** A server and the command that speaks to it through its data folder. */
async function withServer(context: TestContext) {
  const dataFolder = join(await temporaryFolder(context), 'data');
  const server = await startServer({ dataFolder, test: context });
  const rekey = (words: readonly string[], input?: string | Uint8Array) =>
    runRekey([...words, '--data', dataFolder], input === undefined ? {} : { input });
  const json = async (...words: string[]) => {
    const { code, out, err } = await rekey([...words, '--json']);
    assert.equal(code, 0, err);
    return JSON.parse(out);
  };
  return { server, dataFolder, rekey, json };
}

describe('rekey --help', { concurrency: 2 }, () => {
  const COMMANDS = {
    '': ['serve', 'init', 'secret', 'rotation', 'setup', 'adopt', 'import', 'rotate', 'status', 'holders', 'backup'],
    serve: ['--data', '--init', '--dev', '--listen', '--config', '--tls-cert', '--tls-key', '--trusted-proxy'],
    init: ['--data', '--json'],
    secret: ['put', 'get', 'list', 'describe', 'delete', 'restore'],
    'secret put': ['--file', '--binary', '--description', '--keep-newline', '--data', '--endpoint', '--json'],
    'secret get': ['--label', '--version-id', '--data', '--endpoint', '--json'],
    'secret list': ['--prefix', '--deleted', '--data', '--endpoint', '--json'],
    'secret describe': ['--data', '--endpoint', '--json'],
    'secret delete': ['--recovery-days', '--at-once', '--data', '--endpoint', '--json'],
    'secret restore': ['--data', '--endpoint', '--json'],
    'rotation set': ['--rotator', '--every', '--schedule', '--window', '--strategy', '--overlap', '--via'],
    'rotation show': ['--data', '--endpoint', '--json'],
    'rotation off': ['--data', '--endpoint', '--json'],
    'setup postgres': ['--host', '--port', '--dbname', '--username', '--password-file', '--admin', '--ssl', '--yes'],
    adopt: ['--rotator', '--data', '--endpoint', '--json'],
    'import aws': ['--prefix', '--from-region', '--from-endpoint', '--dry-run', '--json'],
    rotate: ['--wait', '--timeout', '--data', '--endpoint', '--json'],
    status: ['--data', '--endpoint', '--json'],
    holders: ['--data', '--endpoint', '--json'],
    plan: ['--file', '--prune', '--data', '--endpoint', '--json'],
    apply: ['--file', '--prune', '--yes', '--data', '--endpoint', '--json'],
    backup: ['--data', '--endpoint', '--json'],
    restore: ['--data', '--key-file', '--escrow', '--json'],
    'backup verify': ['--data', '--key-file', '--seal', '--escrow', '--json'],
    migrate: ['--data', '--to', '--json'],
    'keys status': ['--data', '--endpoint', '--json'],
    'keys rotate': ['--wait', '--data', '--endpoint', '--json'],
    'keys rewrap': ['--seal', '--passphrase-file', '--kms-key', '--vault-address', '--cancel', '--data', '--json'],
    'keys forget': ['--data', '--endpoint', '--json'],
    'quarantine status': ['--data', '--endpoint', '--json'],
    'quarantine end': ['--despite-findings', '--data', '--endpoint', '--json'],
    'audit verify': ['--data', '--folder', '--public-key', '--json'],
    doctor: ['--data', '--endpoint', '--listen', '--config', '--json'],
  };

  for (const [command, options] of Object.entries(COMMANDS))
    test(`of ${command === '' ? 'all commands' : command} is complete, and no option takes a secret value`, async () => {
      const { code, out } = await runRekey([...(command === '' ? [] : command.split(' ')), '--help']);
      assert.equal(code, 0);
      for (const option of options) assert.ok(out.includes(option), `${option} is not in:\n${out}`);
      // Arguments are for everybody on the machine to read.
      assert.doesNotMatch(out, /--(password|value|secret|token)[ =]/);
    });
});

describe('rekey init', () => {
  test('makes store, key file and root credentials for the owner only, once', async (context) => {
    const folder = join(await temporaryFolder(context), 'data');
    const { code, out, err } = await runRekey(['init', '--data', folder], { environment: WITHOUT_ROOT });
    assert.equal(code, 0, err);
    assert.match(out, /root credentials: .*root-credentials\.env/);
    assert.equal((await stat(folder)).mode & 0o777, 0o700);
    for (const file of await readdir(folder))
      assert.equal((await stat(join(folder, file))).mode & 0o077, 0, `${file} is the owner’s alone`);
    const credentials = await readFile(join(folder, 'root-credentials.env'), 'utf8');
    const secretAccessKey = /^AWS_SECRET_ACCESS_KEY=(.{40})$/m.exec(credentials)?.[1] ?? '';
    assert.equal(secretAccessKey.length, 40);
    assert.ok(!out.includes(secretAccessKey), 'without a terminal the credentials are not printed');
    assertSentence(await runRekey(['init', '--data', folder]), 1, /holds a store already/);
  });

  test('says the same as JSON', async (context) => {
    const folder = join(await temporaryFolder(context), 'data');
    const { code, out } = await runRekey(['init', '--data', folder, '--json'], { environment: WITHOUT_ROOT });
    assert.equal(code, 0);
    assert.deepEqual(Object.keys(JSON.parse(out)), ['dataFolder', 'keyFile', 'seal', 'rootCredentialsFile']);
  });
});

/** Empty counts as not given: root's credentials are made. */
const WITHOUT_ROOT = { REKEY_ROOT_ACCESS_KEY_ID: '', REKEY_ROOT_SECRET_ACCESS_KEY: '' };

describe('rekey secret', () => {
  test('puts from standard input and from a file, gets, lists and describes', async (context) => {
    const { dataFolder, rekey, json } = await withServer(context);
    const put = await rekey(['secret', 'put', 'shop/one', '--description', 'of the shop'], 'hunter2\n');
    assert.match(put.out, /^shop\/one: stored as version [0-9a-f-]{32,36}\n$/);
    assert.equal((await rekey(['secret', 'get', 'shop/one'])).out, 'hunter2\n');
    const file = join(dataFolder, '..', 'value');
    await writeFile(file, 'hunter3');
    await rekey(['secret', 'put', 'shop/one', '--file', file]);
    assert.equal((await rekey(['secret', 'get', 'shop/one', '--label', 'previous'])).out, 'hunter2\n');
    assert.equal((await json('secret', 'get', 'shop/one')).SecretString, 'hunter3');
    const bytes = Uint8Array.from([0, 1, 2, 10]);
    await rekey(['secret', 'put', 'shop/bytes', '--binary'], bytes);
    assert.equal((await rekey(['secret', 'get', 'shop/bytes'])).out, Buffer.from(bytes).toString());
    const untold = await rekey(['secret', 'put', 'shop/bytes'], Uint8Array.from([0x30, 0x82, 0xff, 0xfe]));
    assertSentence(untold, 2, /no UTF-8 text .* nothing was stored: --binary/);
    assert.equal((await rekey(['secret', 'get', 'shop/bytes'])).out, Buffer.from(bytes).toString());
    assert.match(
      (await rekey(['secret', 'list'])).out,
      /^NAME +CHANGED +ROTATED +DESCRIPTION\nshop\/one +.* of the shop\n/,
    );
    assert.deepEqual(
      (await json('secret', 'list', '--prefix', 'shop/b')).map(({ Name }: { Name: string }) => Name),
      ['shop/bytes'],
    );
    const described = await rekey(['secret', 'describe', 'shop/one']);
    assert.match(described.out, /^Name +shop\/one$/m);
    assert.match(described.out, /^ +[0-9a-f-]{36} AWSCURRENT$/m);
    assert.doesNotMatch(described.out, /hunter/);
  });

  test('deletes with a way back, and at once', async (context) => {
    const { rekey } = await withServer(context);
    await rekey(['secret', 'put', 'gone'], 'x');
    assert.match((await rekey(['secret', 'delete', 'gone'])).out, /`rekey secret restore gone` brings it back/);
    assertSentence(await rekey(['secret', 'get', 'gone']), 1, /marked for deletion/);
    await rekey(['secret', 'put', 'kept'], 'x');
    const listed = (await rekey(['secret', 'list', '--deleted'])).out;
    assert.match(listed, /^gone .* marked \d+ s ago/m);
    assert.doesNotMatch(listed, /^kept .*marked/m);
    assert.equal((await rekey(['secret', 'restore', 'gone'])).code, 0);
    assert.equal((await rekey(['secret', 'delete', 'gone', '--at-once'])).out, 'gone: deleted\n');
    assertSentence(await rekey(['secret', 'get', 'gone']), 1, /can't find the specified secret/);
  });

  test('says in one sentence what is wrong, by exit code whose fault it is', async (context) => {
    const { dataFolder, rekey } = await withServer(context);
    assertSentence(await rekey(['secret', 'get', 'none']), 1, /^rekey: GetSecretValue of none failed: /);
    assertSentence(await rekey(['secret', 'put', 'empty'], ''), 2, /the value is empty/);
    assertSentence(await rekey(['secret', 'put', 'x', '--file', `${dataFolder}/none`]), 2, /there is no file at/);
    assertSentence(await rekey(['secret', 'delete', 'x', '--recovery-days', 'abc']), 2, /whole number from 7 to 30/);
    assertSentence(await rekey(['secret', 'put', 'spaces are not'], 'x'), 2, /Invalid name/);
    const usage = await rekey(['secret', 'get']);
    assert.deepEqual([usage.code, usage.err.split('\n')[0]], [2, "error: missing required argument 'name'"]);
    const asJson = await rekey(['secret', 'get', 'none', '--json']);
    assert.deepEqual(Object.keys(JSON.parse(asJson.out).error), ['reason', 'message']);
    assert.equal(asJson.code, 1);
  });
});

describe('rekey finds its server', () => {
  test('by address with credentials as AWS’s tools find them', async (context) => {
    const { server, rekey } = await withServer(context);
    await rekey(['secret', 'put', 'here'], 'x');
    const environment = clientEnvironment(server.endpoint);
    const byAddress = await runRekey(['secret', 'get', 'here'], { environment });
    assert.equal(byAddress.out, 'x\n', byAddress.err);
    const wrong = { ...environment, AWS_SECRET_ACCESS_KEY: 'not-the-secret-access-key-of-root' };
    const refused = await runRekey(['secret', 'get', 'here'], { environment: wrong });
    assertSentence(refused, 1, /signature/i);
    const none = await runRekey(['secret', 'get', 'here', '--endpoint', server.endpoint]);
    assertSentence(none, 1, /No credentials: set AWS_ACCESS_KEY_ID/);
  });

  test('or says that there is none', async (context) => {
    const folder = await temporaryFolder(context);
    assertSentence(await runRekey(['status', '--data', folder]), 1, /start it with `rekey serve --data/);
    assertSentence(await runRekey(['status', '--data', `${folder}/none`]), 2, /there is no server to speak to/);
    const away = { ...clientEnvironment('http://127.0.0.1:1') };
    assertSentence(await runRekey(['status'], { environment: away }), 1, /127\.0\.0\.1:1/);
  });
});

describe('rekey rotation and rotate', () => {
  test('sets, shows, rotates with progress, tells status and switches off', async (context) => {
    const { rekey, json } = await withServer(context);
    await rekey(['secret', 'put', 'token'], 'old');
    const set = await rekey(['rotation', 'set', 'token', '--rotator', 'random-value', '--overlap', '2s']);
    assert.match(set.out, /^token: rotates with rekey-random-value, every 30 days\n/);
    assert.match(
      (await rekey(['rotation', 'set', 'token', '--every', '2d'])).out,
      /rekey-random-value, every 2 days\n/,
    );
    await rekey(['rotation', 'set', 'token', '--every', '30d']);
    const dry = await rekey(['rotate', 'token', '--dry-run']);
    assert.match(dry.out, /nothing refuses the old value: no target knows it/);
    assert.doesNotMatch(dry.out, /would stay valid/);
    const rotated = await rekey(['rotate', 'token', '--wait']);
    assert.match(rotated.out, /nothing refuses the old value: no target knows it/);
    assert.doesNotMatch(rotated.out, /was refused/);
    assert.match(rotated.err, /rotation #1 begun\n +create +done in .*\n(.*\n)* +finish +done in /);
    assert.match(rotated.out, /^token: promoted version [0-9a-f]+; /);
    assert.notEqual((await rekey(['secret', 'get', 'token'])).out, 'old\n');
    const shown = await json('rotation', 'show', 'token');
    assert.equal(shown.rotation.number, 1);
    assert.match((await rekey(['status'])).out, /^rekey \d+\.\d+\.\d+: 1 secret, 0 rotations running, no trouble\n/);
    assert.match((await rekey(['status', 'token'])).out, /next +in (29|30) d/);
    assert.equal((await json('status')).next[0].name, 'token');
    assert.match((await rekey(['rotation', 'off', 'token'])).out, /rotation is off/);
    assert.match(
      (await rekey(['rotation', 'show', 'token'])).out,
      /^token: rotation is off \(it was rekey-random-value/,
    );
  });

  test('refuses what cannot be meant', async (context) => {
    const { rekey } = await withServer(context);
    await rekey(['secret', 'put', 'token'], 'old');
    const set = (...words: string[]) => rekey(['rotation', 'set', 'token', '--rotator', 'random-value', ...words]);
    assertSentence(
      await rekey(['rotate', 'token']),
      1,
      /has no rotation configured: `rekey rotation set token --rotator …`/,
    );
    assertSentence(await rekey(['rotate', 'none']), 1, /There is no secret/);
    assertSentence(await rekey(['rotation', 'off', 'token']), 1, /has no rotation/);
    assertSentence(await set('--every', '5x'), 2, /not a duration/);
    assertSentence(await set('--every', '10m', '--overlap', '1h'), 2, /interval longer or the overlap shorter/);
    assertSentence(await set('--schedule', 'rate(1 fortnight)'), 2, /rate/i);
    assertSentence(
      await rekey(['rotation', 'set', 'token', '--rotator', 'none']),
      1,
      /rekey-none.*postgres, random-value/,
    );
    assertSentence(await rekey(['rotation', 'set', 'token', '--every', '2d']), 1, /--rotator/);
    assertSentence(await rekey(['rotate', 'token', '--wait', '--timeout', 'soon']), 2, /--timeout takes/);
  });

  test('tells who holds which version', async (context) => {
    const { server, rekey } = await withServer(context);
    await rekey(['secret', 'put', 'held'], 'x');
    assert.equal(
      (await rekey(['holders', 'held'])).out,
      'held: nobody has read it yet; if you rotate now, nobody is known to break\n',
    );
    await rootClient(server.endpoint).call('GetSecretValue', { SecretId: 'held' });
    const told = await until(async () => {
      const { out } = await rekey(['holders', 'held']);
      return out.includes('127.0.0.1') ? out : null;
    });
    assert.match(told, /^HOLDER +VERSION +SINCE +LAST SEEN +EVERY +SIGN +STATE +CLIENT\n/);
    assert.match(told, / at 127\.0\.0\.1 .* read +current /);
    assert.match(told, /Seen only once.*break at the deadline:\n +\S+ at 127\.0\.0\.1/);
  });
});

describe('rekey import aws', () => {
  test('copies values, labels, tags and version ids, again without doing it twice', async (context) => {
    const source = await withServer(context);
    const here = await withServer(context);
    const client = rootClient(source.server.endpoint);
    const made = await client.call('CreateSecret', {
      Name: 'shop/db',
      SecretString: 'one',
      Description: 'described',
      Tags: [{ Key: 'team', Value: 'shop' }],
    });
    const second = await client.call('PutSecretValue', { SecretId: 'shop/db', SecretString: 'two' });
    await client.call('CreateSecret', { Name: 'shop/bytes', SecretBinary: 'AAEC' });
    await client.call('CreateSecret', { Name: 'other', SecretString: 'x' });
    const words = ['import', 'aws', '--from-endpoint', source.server.endpoint, '--prefix', 'shop/'];
    const environment = { ...clientEnvironment(''), REKEY_ENDPOINT: '' };
    const run = (...more: string[]) =>
      runRekey([...words, ...more, '--data', here.dataFolder], { environment: withoutEmpty(environment) });
    const dry = await run('--dry-run');
    assert.match(dry.out, /2 secrets looked at, 0 imported/, dry.err);
    const imported = await run();
    assert.match(imported.out, /2 secrets looked at, 2 imported/, imported.err);
    const described = await here.json('secret', 'describe', 'shop/db');
    assert.deepEqual(described.VersionIdsToStages, {
      [String(made.VersionId)]: ['AWSPREVIOUS'],
      [String(second.VersionId)]: ['AWSCURRENT'],
    });
    assert.deepEqual([described.Description, described.Tags], ['described', [{ Key: 'team', Value: 'shop' }]]);
    assert.equal((await here.json('secret', 'get', 'shop/bytes')).SecretBinary, 'AAEC');
    await here.rekey(['secret', 'put', 'shop/bytes'], 'changed here');
    const again = await run();
    assert.equal(again.code, 0, again.err);
    assert.match(again.err, /shop\/db: is here already\nshop\/bytes: left alone/);
    assert.equal((await here.rekey(['secret', 'get', 'shop/bytes'])).out, 'changed here\n');
  });

  test('needs to know the region', async (context) => {
    const { rekey } = await withServer(context);
    assertSentence(await rekey(['import', 'aws']), 2, /needs --from-region/);
  });
});

describe('rekey audit verify', () => {
  test('proves a log that nobody touched, and says where one was touched', async (context) => {
    const { server, dataFolder, rekey } = await withServer(context);
    for (const at of [1, 2, 3]) await rekey(['secret', 'put', `audited/${at}`], 'x');
    await server.stop();
    const sound = await rekey(['audit', 'verify']);
    assert.equal(sound.code, 0, sound.err);
    assert.match(sound.out, /no break; proven up to sequence \d+/);
    assert.equal(JSON.parse((await rekey(['audit', 'verify', '--json'])).out).sound, true);
    const file = await firstAuditFile(dataFolder);
    const bytes = await readFile(file);
    const at = bytes.indexOf('audited/2');
    bytes[at] = bytes[at]! ^ 1;
    await writeFile(file, bytes);
    const broken = await rekey(['audit', 'verify']);
    assert.equal(broken.code, 1);
    assert.match(broken.err, /is broken: .*(line|sequence) \d+/);
  });

  test('works on a folder alone, as an auditor gets it', async (context) => {
    const { server, dataFolder, rekey } = await withServer(context);
    await rekey(['secret', 'put', 'audited'], 'x');
    await server.stop();
    const copy = join(dataFolder, '..', 'audit-copy');
    await cp(join(dataFolder, 'audit'), copy, { recursive: true });
    const key = join(copy, 'public-key.pem');
    const verified = await runRekey(['audit', 'verify', '--folder', copy, '--public-key', key]);
    assert.equal(verified.code, 0, verified.err);
    assertSentence(
      await runRekey(['audit', 'verify', '--folder', `${copy}/none`]),
      1,
      /There is no audit log at .*none: name the folder/,
    );
    await rm(join(dataFolder, 'audit'), { recursive: true });
    assertSentence(
      await rekey(['audit', 'verify']),
      1,
      /was removed: the store holds the signed head of a chain of \d+ entries/,
    );
  });
});

async function firstAuditFile(dataFolder: string): Promise<string> {
  const files = await readdir(join(dataFolder, 'audit'));
  return join(dataFolder, 'audit', files.filter((file) => file.endsWith('.jsonl')).sort()[0] ?? 'none');
}

describe('rekey doctor', () => {
  test('finds nothing wrong with a fresh server', async (context) => {
    const { server, rekey } = await withServer(context);
    const fine = await rekey(['doctor', '--endpoint', server.endpoint]);
    assert.doesNotMatch(fine.out, /trouble/, fine.out);
    assert.equal(fine.code, 0);
    assert.match(fine.out, /^key file +fine /m);
    assert.match(fine.out, new RegExp(`^port +fine +the server of this folder answers at ${server.endpoint}`, 'm'));
  });

  test('finds an open key file', async (context) => {
    const { server, dataFolder, rekey } = await withServer(context);
    await server.stop();
    await chmod(join(dataFolder, 'key'), 0o644);
    const found = await rekey(['doctor']);
    assert.match(found.out, /^key file +trouble +.*chmod go= /m);
    assert.equal(found.code, 1);
  });

  test('finds the configured address taken by another program', async (context) => {
    const { server, dataFolder, rekey } = await withServer(context);
    const other = join(await temporaryFolder(context), 'other');
    await runRekey(['init', '--data', other]);
    await writeFile(join(other, 'rekey.yaml'), `listen: ${new URL(server.endpoint).host}\n`);
    const taken = await runRekey(['doctor', '--data', other]);
    assert.match(taken.out, /^port +trouble +127\.0\.0\.1:\d+ is in use by another program/m);
    assert.equal(taken.code, 1);
    await server.stop();
    const free = await rekey(['doctor', '--listen', new URL(server.endpoint).host]);
    assert.match(free.out, /^port +fine +.* is free; no server runs on this folder/m, dataFolder);
  });

  test('finds a folder that is not there', async (context) => {
    const folder = join(await temporaryFolder(context), 'none');
    const found = await runRekey(['doctor', '--data', folder]);
    assert.match(found.out, /^data folder +trouble +.*rekey init/m);
    assert.equal(found.code, 1);
  });
});

describe('the rekey program', () => {
  const server = fileURLToPath(new URL('../packages/server', import.meta.url));

  test('says what to do when it is not built', async (context) => {
    const folder = await temporaryFolder(context);
    await mkdir(join(folder, 'bin'));
    await cp(REKEY, join(folder, 'bin', 'rekey.js'));
    await cp(join(server, 'package.json'), join(folder, 'package.json'));
    const ended = await run(process.execPath, [join(folder, 'bin', 'rekey.js'), 'status']);
    assertSentence(ended, 1, /rekey is not built: run `npm ci`/);
  });

  test('says what to do when Node is too old', async (context) => {
    const folder = await temporaryFolder(context);
    const old = join(folder, 'old.mjs');
    await writeFile(
      old,
      "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.19.0' } });",
    );
    const ended = await run(process.execPath, ['--import', old, REKEY, 'status']);
    assertSentence(ended, 1, /needs Node 24 or later and this is Node 20\.19\.0/);
  });

  test('runs through a symbolic link, as npm installs it', async (context) => {
    const link = join(await temporaryFolder(context), 'rekey');
    await symlink(REKEY, link);
    const ended = await run(process.execPath, [link, '--version']);
    assert.match(ended.out, /^\d+\.\d+\.\d+\n$/);
  });

  test('never shows root’s secret access key, whatever is asked', async (context) => {
    const { server: running, rekey } = await withServer(context);
    const texts = await Promise.all([rekey(['status']), rekey(['doctor']), rekey(['secret', 'list', '--json'])]);
    for (const { out, err } of texts) assert.ok(!(out + err).includes(ROOT_SECRET_ACCESS_KEY));
    assert.ok(!(running as TestServer).output().includes(ROOT_SECRET_ACCESS_KEY));
  });
});

function withoutEmpty(environment: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
}
