import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { rootClient, secretPath, textOf } from './support/clients.ts';
import { givenPostgres, skipWithoutPostgres } from './support/given-postgres.ts';
import { type DatabaseCredential, logsIn } from './support/postgres-target.ts';

import { runRekey, startServer, temporaryFolder } from './support/server.ts';

describe('rekey setup postgres', { skip: skipWithoutPostgres, concurrency: 2 }, () => {
  const given = givenPostgres();

  async function withServer(context: TestContext) {
    const folder = await temporaryFolder(context);
    const dataFolder = join(folder, 'data');
    const server = await startServer({ dataFolder, test: context });
    const rekey = (words: readonly string[], input = '') => runRekey([...words, '--data', dataFolder], { input });
    const setup = async (name: string, role: DatabaseCredential, ...words: string[]) => {
      const passwordFile = join(folder, 'password');
      await writeFile(passwordFile, `${role.password}\n`, { mode: 0o600 });
      const where = ['--host', role.host, '--port', String(role.port), '--dbname', role.dbname, '--ssl', 'false'];
      const who = ['--username', role.username, '--password-file', passwordFile];
      return rekey(['setup', 'postgres', name, ...where, ...who, ...words]);
    };
    const admin = () => rekey(['secret', 'put', 'admin'], JSON.stringify(given.target.admin));
    return { client: rootClient(server.endpoint), rekey, setup, admin };
  }

  test('without an admin credential: proves, plans, stores and schedules; then it rotates', async (context) => {
    const { client, rekey, setup } = await withServer(context);
    const role = await given.target.newRole();
    const done = await setup('db', role, '--overlap', '5s', '--yes');
    assert.equal(done.code, 0, done.err);
    assert.match(done.err, new RegExp(`the server accepts it \\(${role.username} logged in\\)`));
    assert.match(done.err, /a rotation would use single-user/);
    assert.match(done.err, /ALTER ROLE ".*" PASSWORD 'SCRAM-SHA-256\$…'/);
    assert.match(done.out, /^db: rotates every 30d; /);
    const rotated = await rekey(['rotate', 'db', '--wait']);
    const outcome =
      /current was refused for \d+ ms; (the old value is proven refused|the target takes only the new value)/;
    assert.match(rotated.out, outcome, rotated.err);
    assert.ok(await logsIn(await textOf(client, 'db')));
  });

  test('with an admin credential: two users, and nobody is refused', async (context) => {
    const { client, rekey, setup, admin } = await withServer(context);
    await admin();
    const role = await given.target.newRole();
    const wish = ['--admin', 'admin', '--strategy', 'alternating-users', '--username-may-change', '--overlap', '5s'];
    const done = await setup('db', role, ...wish, '--yes');
    assert.equal(done.code, 0, done.err);
    assert.match(done.err, /expected window in which current is refused: none/);
    assert.match((await rekey(['rotate', 'db', '--wait'])).out, /the old value stays valid until /);
    assert.ok(await logsIn(await textOf(client, 'db')));
    assert.ok(await logsIn(await textOf(client, 'db', 'AWSPREVIOUS')));
  });

  test('a dry run says what a rotation would do, with which credentials, and changes nothing', async (context) => {
    const { client, rekey, setup, admin } = await withServer(context);
    await admin();
    const role = await given.target.newRole();
    const wish = ['--admin', 'admin', '--strategy', 'alternating-users', '--username-may-change', '--overlap', '5s'];
    await setup('db', role, ...wish, '--yes');
    const before = await client.native('GET', secretPath('db', 'rotation'));
    const dry = await rekey(['rotate', 'db', '--dry-run']);
    assert.equal(dry.code, 0, dry.err);
    assert.match(dry.out, /^db: nothing was changed; a rotation with .*rekey-postgres would meet this/);
    assert.match(dry.out, /current value: accepted/);
    assert.match(dry.out, /the admin credential admin is accepted/);
    assert.match(dry.out, /a rotation would use alternating-users/);
    assert.match(dry.out, /CREATE ROLE ".*_clone"/);
    assert.ok(!dry.out.includes(role.password) && !dry.out.includes(given.target.admin.password));
    assert.deepEqual(await client.native('GET', secretPath('db', 'rotation')), before);
    assert.equal(await given.target.hasRole(`${role.username}_clone`), false);
  });

  test('prints what the admin credential lacks, and rotates nothing before it is granted', async (context) => {
    const { rekey, setup, admin } = await withServer(context);
    await admin();
    const role = await given.target.newRole();
    await given.target.mayAdminister(role, false);
    const wish = ['--admin', 'admin', '--strategy', 'alternating-users', '--username-may-change', '--yes'];
    const lacking = await setup('db', role, ...wish);
    assert.equal(lacking.code, 1);
    const [, statement = ''] = /first, a superuser must run:\n +(GRANT .*);/.exec(lacking.err) ?? [];
    assert.match(statement, /WITH ADMIN OPTION/);
    assert.match((await rekey(['rotation', 'show', 'db'])).out, /no rotation configured/);
    await given.target.asSuperuser(statement);
    const granted = await setup('db', role, ...wish);
    assert.equal(granted.code, 0, granted.err);
    assert.equal((await rekey(['rotate', 'db', '--wait'])).code, 0);
  });

  test('never lets applications read what was not seen to log in', async (context) => {
    const { client, setup } = await withServer(context);
    const role = await given.target.newRole();
    assert.equal((await setup('db', role, '--yes')).code, 0);
    const refused = await setup('db', { ...role, password: 'not-the-password' }, '--yes');
    assert.equal(refused.code, 1);
    assert.match(refused.err, /refused the credential .*What is current was not touched/);
    assert.ok(await logsIn(await textOf(client, 'db')));
    const away = await setup('db', { ...role, port: 1 }, '--yes');
    assert.match(away.err, /could not be asked .*see that it answers/);
    const unknown = await setup('new', { ...role, password: 'not-the-password' }, '--yes');
    assert.match(unknown.err, /refused the credential .*Nothing was stored; find the right one/);
    assert.equal(await textOf(client, 'new'), null);
    const { VersionIdsToStages: labels } = await client.call('DescribeSecret', { SecretId: 'db' });
    assert.deepEqual(Object.values(labels as Record<string, string[]>), [['AWSCURRENT']], 'no label is left on trial');
    assert.ok(await logsIn(await textOf(client, 'db')));
  });

  test('adopt verifies a credential that is stored already, and changes nothing', async (context) => {
    const { client, rekey } = await withServer(context);
    const role = await given.target.newRole();
    await rekey(['secret', 'put', 'db'], JSON.stringify(role));
    const before = await textOf(client, 'db');
    const adopted = await rekey(['adopt', 'db', '--rotator', 'postgres']);
    assert.equal(adopted.code, 0, adopted.err);
    assert.match(adopted.out, /^db: the stored credential is accepted \(.* logged in\); nothing was changed\n/);
    assert.equal(await textOf(client, 'db'), before);
    assert.ok(await logsIn(before));
    await rekey(['secret', 'put', 'db'], JSON.stringify({ ...role, password: 'wrong' }));
    const wrong = await rekey(['adopt', 'db', '--rotator', 'postgres', '--json']);
    assert.equal(wrong.code, 1);
    assert.equal(JSON.parse(wrong.out).probe.outcome, 'refused');
  });

  test('adopt and setup say when the admin credential does not log in (any more)', async (context) => {
    const { rekey, setup } = await withServer(context);
    await rekey(['secret', 'put', 'admin'], JSON.stringify({ ...given.target.admin, password: 'changed-by-hand' }));
    const role = await given.target.newRole();
    const drifted = await setup('db', role, '--admin', 'admin', '--yes');
    assert.equal(drifted.code, 1);
    assert.match(
      drifted.err,
      /did not accept the admin credential admin \(refused\): .*Put the one it accepts into admin/,
    );
    const adopted = await rekey(['adopt', 'db', '--rotator', 'postgres']);
    assert.equal(adopted.code, 1);
    assert.match(adopted.out, /the stored credential is accepted .*\n +the admin credential admin is refused/);
    await rekey(['secret', 'put', 'admin'], JSON.stringify(given.target.admin));
    const mended = await rekey(['adopt', 'db', '--rotator', 'postgres']);
    assert.match(mended.out, /the admin credential admin is accepted/);
    assert.equal(mended.code, 0, mended.err);
  });

  test('asks nobody where there is no terminal', async (context) => {
    const { rekey } = await withServer(context);
    const asked = await rekey(['setup', 'postgres', 'db']);
    assert.equal(asked.code, 2);
    assert.match(asked.err, /not given, and there is no terminal to ask on/);
  });
});
