import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { available, type RunningPostgres, startPostgres } from '../scripts/test-services/postgres.ts';
import { isAccepted, prepareTarget, type TargetCredentials } from './target-database.ts';

const embedded = available('embedded');

describe('the target of the demonstration', { skip: embedded.available ? false : embedded.why }, () => {
  let server: RunningPostgres;
  let credentials: TargetCredentials;
  before(async () => {
    server = await startPostgres({ version: 'embedded' });
    credentials = await prepareTarget(server, server.port);
  });
  after(() => server.stop());

  test('lets in who knows the password and nobody else', async () => {
    assert.equal(await isAccepted(credentials.application), true);
    assert.equal(await isAccepted({ ...credentials.application, password: 'not it' }), false);
  });

  test('a server that cannot be reached is no answer', async () => {
    assert.equal(await isAccepted({ ...credentials.application, port: 1 }), undefined);
  });

  test('has an admin credential that is no superuser and may change the role of the application', async () => {
    const { host, port, dbname: database, username: user, password } = credentials.admin;
    const admin = new pg.Client({ host, port, database, user, password });
    await admin.connect();
    try {
      const { rows } = await admin.query('SELECT rolsuper FROM pg_roles WHERE rolname = current_user');
      assert.deepEqual(rows, [{ rolsuper: false }]);
      await admin.query("ALTER ROLE shop PASSWORD 'changed'");
    } finally {
      await admin.end();
    }
    assert.equal(await isAccepted(credentials.application), false);
    assert.equal(await isAccepted({ ...credentials.application, password: 'changed' }), true);
  });
});
