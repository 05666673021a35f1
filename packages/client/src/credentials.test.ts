import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CredentialKeeper, credentialsFromEnvironment } from './credentials.ts';
import { readProfile, sectionOf } from './profile-file.ts';
import type { Credentials } from './signature.ts';
import { FakeClock } from './testing/fake-clock.ts';

let folder = '';
let files: Record<string, string> = {};

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rekey-client-'));
  files = { AWS_SHARED_CREDENTIALS_FILE: join(folder, 'credentials'), AWS_CONFIG_FILE: join(folder, 'config') };
  await writeFile(
    files.AWS_SHARED_CREDENTIALS_FILE!,
    '# made by hand\n[default]\naws_access_key_id = AKIADEFAULT\naws_secret_access_key=abc/+=def # mine\n\n[shop]\r\naws_access_key_id=AKIASHOP\r\naws_secret_access_key=shop\r\naws_session_token = token\r\n',
  );
  await writeFile(
    files.AWS_CONFIG_FILE!,
    '[default]\nregion = eu-west-1\n[profile shop]\nregion=eu-central-1\ns3 =\n  region = wrong\n',
  );
});
after(() => rm(folder, { recursive: true }));

test('variables of the environment come first', async () => {
  const environment = { ...files, AWS_ACCESS_KEY_ID: 'AKIAENV', AWS_SECRET_ACCESS_KEY: 'env', AWS_SESSION_TOKEN: 't' };
  assert.deepEqual(await credentialsFromEnvironment(environment)(), {
    accessKeyId: 'AKIAENV',
    secretAccessKey: 'env',
    sessionToken: 't',
  });
});

test('without variables the default profile is used, and AWS_PROFILE chooses another', async () => {
  assert.deepEqual(await credentialsFromEnvironment(files)(), {
    accessKeyId: 'AKIADEFAULT',
    secretAccessKey: 'abc/+=def',
  });
  assert.deepEqual(await credentialsFromEnvironment({ ...files, AWS_PROFILE: 'shop' })(), {
    accessKeyId: 'AKIASHOP',
    secretAccessKey: 'shop',
    sessionToken: 'token',
  });
});

test('the region comes from the config file, whose sections are spelt differently', async () => {
  assert.equal((await readProfile(files)).region, 'eu-west-1');
  assert.equal((await readProfile({ ...files, AWS_PROFILE: 'shop' })).region, 'eu-central-1');
});

test('no credentials anywhere is told with what to do', async () => {
  const environment = { AWS_SHARED_CREDENTIALS_FILE: join(folder, 'none'), AWS_CONFIG_FILE: join(folder, 'none') };
  await assert.rejects(credentialsFromEnvironment(environment)(), {
    code: 'configuration',
    message: /set AWS_ACCESS_KEY_ID/,
  });
});

test('half a profile is no profile', () => {
  assert.deepEqual(sectionOf('[a]\nkey\n= x\n', ['a']), {});
  assert.deepEqual(sectionOf('[a]\nx=1\n[b]\nx=2', ['b']), { x: '2' });
});

test('credentials that end are fetched again a minute before, once for all who ask', async () => {
  const clock = new FakeClock();
  let fetches = 0;
  const keeper = new CredentialKeeper(async (): Promise<Credentials> => {
    fetches++;
    return { accessKeyId: `A${fetches}`, secretAccessKey: 's', expiration: new Date(clock.now() + 3_600_000) };
  }, clock);
  await Promise.all([keeper.get(), keeper.get(), keeper.get()]);
  await clock.advance(3_539_000);
  assert.equal((await keeper.get()).accessKeyId, 'A1');
  await clock.advance(2_000);
  assert.equal((await keeper.get()).accessKeyId, 'A2');
  assert.equal(fetches, 2);
});

test('a fetch that failed is tried again by the next who asks', async () => {
  let fetches = 0;
  const keeper = new CredentialKeeper(async () => {
    if (++fetches === 1) throw new Error('metadata service is away');
    return { accessKeyId: 'A', secretAccessKey: 's' };
  }, new FakeClock());
  await assert.rejects(keeper.get());
  assert.equal((await keeper.get()).accessKeyId, 'A');
});
